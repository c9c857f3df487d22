"""What all figures have in common: their axes can be read, their text too, and their bytes repeat."""

import re

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.text import Text

from suite.analysis.significance import average_ranks
from suite.analysis.trial_statistics import expected_best_scores
from suite.report import figures
from suite.report.figures.labels import fitting_ticks, tick_labels
from suite.report.figures.style import (
    axis_limits,
    figure_style,
    line_styles,
    round_ticks,
    separate_labels,
    to_png,
)

LABEL = "test score (nats per step)"


@pytest.fixture
def draw(trials, curves, asked, planted, space):
    """Every figure, by name: a function that draws it."""
    cells = asked["cells"]
    tables = {cell: expected_best_scores(trials[trials["cell"] == cell], seed=1) for cell in cells}
    scores = pd.DataFrame([[1, 2, 3]] * 9 + [[2, 1, 3]], columns=cells)
    four = planted(4)
    differences = {
        task: pd.DataFrame(
            [["nfg", 0.1, 0.0, 0.2, 0.001], ["gru", 0.6, 0.4, 0.8, 0.3]],
            columns=["cell", "probability", "low", "high", "adjusted"],
        )
        for task in asked["tasks"]
    }
    titles = dict.fromkeys(asked["tasks"], "A task")
    lengths = pd.DataFrame({"cell": cells * 2, "factor": [1] * len(cells) + [2] * len(cells), "score": 0.1})
    return {
        "effect_plot": lambda: figures.effect_plot(differences, titles, "lstm"),
        "score_boxplots": lambda: figures.score_boxplots(
            trials, cells, LABEL, {"nfg"}, parameters={"lstm": 9000}
        ),
        "hyperparameter_scatter": lambda: figures.hyperparameter_scatter(
            trials, cells, "learning_rate", "log", LABEL
        ),
        "cost_scatter": lambda: figures.cost_scatter(trials, cells, LABEL),
        "critical_difference_diagram": lambda: figures.critical_difference_diagram(average_ranks(scores)),
        "marginal_plots": lambda: figures.marginal_plots(four, four, space, LABEL),
        "importance_bars": lambda: figures.importance_bars(
            dict.fromkeys(cells, four), list(space), {"units": 0.5}
        ),
        "interaction_heatmaps": lambda: figures.interaction_heatmaps(four, space, LABEL),
        "learning_curves": lambda: figures.learning_curves(curves, trials, cells, "validation score"),
        "length_curves": lambda: figures.length_curves(lengths, cells, LABEL),
        "expected_best_curves": lambda: figures.expected_best_curves(tables, LABEL),
    }


def test_no_figure_is_left_out_here(draw):
    assert {*draw, "to_png", "to_svg"} == set(figures.__all__)


def test_the_bytes_of_a_figure_repeat_and_no_global_state_matters_or_changes(draw):
    users = {"font.size": 30, "axes.grid": True, "svg.fonttype": "none", "lines.linewidth": 9}
    plain = {name: figures.to_svg(once()) for name, once in draw.items()}
    assert not any(b"dc:date" in drawn for drawn in plain.values())
    with mpl.rc_context(users | {"hatch.color": "red"}):
        settings, state = dict(mpl.rcParams), np.random.get_state()[1].tolist()  # noqa: NPY002
        for name, once in draw.items():
            assert figures.to_svg(once()) == plain[name], name
        assert dict(mpl.rcParams) == settings
        assert np.random.get_state()[1].tolist() == state  # noqa: NPY002
    assert not pyplot.get_fignums()


def test_a_page_can_hide_what_a_figure_shows_of_each_variant(draw, asked):
    """Except those of the baseline alone: the effects of hyperparameters."""
    for name in draw.keys() - {"marginal_plots", "interaction_heatmaps"}:
        cells = set(asked["cells"]) - ({"lstm"} if name == "effect_plot" else set())
        drawn = figures.to_svg(draw[name]()).decode()
        assert set(re.findall('<g data-cell="([^"]+)"', drawn)) == cells, name
        assert "variant:" not in drawn


def test_the_bytes_of_a_png_repeat(draw):
    once, again = draw["score_boxplots"](), draw["score_boxplots"]()
    assert to_png(once) == to_png(again)


def test_text_is_seven_points_or_more_and_inside_the_page(draw):
    for name, once in draw.items():
        figure = once()
        figure_style(figure.canvas.draw)()
        width, height = figure.get_size_inches()
        inside = figure.get_tightbbox()
        assert width == 7.2, name
        assert min(inside.x0, inside.y0) >= -0.01, name
        assert inside.x1 <= width + 0.01, name
        assert inside.y1 <= height + 0.01, name
        sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
        assert min(sizes) >= 7, name


@pytest.mark.parametrize("cells", [1, 5, 14])
def test_any_number_of_variants_fits(trials, curves, planted, space, cells):
    names = [f"cell{i}" for i in range(cells)]
    first = trials[trials["cell"] == "lstm"].assign(cell="cell0")
    tables = dict.fromkeys(names, expected_best_scores(first, seed=1))
    drawn = [
        figures.score_boxplots(first, names, "", set(names), {}, {}),
        figures.hyperparameter_scatter(first, names, "units", "linear", ""),
        figures.cost_scatter(first, names, ""),
        figures.importance_bars(dict.fromkeys(names, planted(4)), list(space)),
        figures.learning_curves(curves.assign(cell="cell0"), first, names, ""),
        figures.expected_best_curves(tables, ""),
    ]
    for figure in drawn:
        assert figures.to_svg(figure).startswith(b"<?xml")


def test_an_axis_shows_every_whisker_but_no_exploded_score():
    low, high = axis_limits({"a": np.array([1.0, 1.1, 1.2, 1.3]), "b": np.array([1, 1.5, 2, 2.5, 1e9])})
    assert low < 1
    assert 2.5 < high < 3


def test_a_variant_that_exploded_altogether_does_not_stretch_the_axis():
    values = {name: np.array([1.0, 1.5, 2.0]) for name in "abc"} | {"d": np.array([1e6, 1e7])}
    assert axis_limits(values)[1] < 3


def test_an_axis_is_readable_where_a_third_of_all_scores_exploded():
    values = {name: np.array([1.0, 1.5, 2.0, 2.5, 1e9, 1e12]) for name in "abc"}
    assert 2.5 < axis_limits(values)[1] < 3


def test_an_axis_of_equal_scores_has_a_width():
    for value in (0.0, 3.0):
        low, high = axis_limits({"a": np.array([value, value])})
        assert low < value < high


def test_ticks_are_round_and_few():
    assert round_ticks(1e-6, 1e-2, log=True) == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3, 1e-2])
    assert round_ticks(1e-6, 1e-2, log=True, max_ticks=3) == pytest.approx([1e-6, 1e-4, 1e-2])
    assert round_ticks(20, 200, log=True) == [20, 50, 100, 200]
    assert round_ticks(12_000, 95_000, log=True) == [20_000, 50_000]
    assert round_ticks(107, 185, log=True) == [120, 140, 160, 180]
    assert round_ticks(0, 1, max_ticks=5) == [0, 0.5, 1]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ((0, 0.05, 0.99, 20_000), ["0", "0.05", "0.99", "20,000"]),
        ((0.001, 0.0012, 0.0014), ["0.001", "0.0012", "0.0014"]),
        ((0, 1e-6, 3e-4, 0.01), ["0", "10⁻⁶", "3·10⁻⁴", "10⁻²"]),
        ((1e12, 1.25e12, -2e7), ["10¹²", "1.25·10¹²", "-2·10⁷"]),
        ((0.1 + 0.2,), ["0.3"]),
    ],
)
def test_the_labels_of_ticks_are_short_and_in_one_notation(values, labels):
    assert tick_labels(values) == labels


@pytest.mark.parametrize("low", [1e-12, 1e-4, 1e-3, 0.0101, 0.7, 30, 123_456, 1e6, 3e12])
@pytest.mark.parametrize("ratio", [1.001, 1.01, 1.4, 3, 20, 1e5])
def test_no_two_ticks_of_an_axis_have_the_same_label(low, ratio):
    for log in (True, False):
        labels = tick_labels(round_ticks(low, low * ratio, log))
        assert len(set(labels)) == len(labels) > 0


def test_ticks_whose_labels_would_touch_are_fewer():
    assert fitting_ticks([1, 2, 3, 4], 100) == [1, 2, 3, 4]
    assert fitting_ticks([0.001, 0.0012, 0.0014, 0.0016], 80) == [0.001, 0.0014]
    assert fitting_ticks([0.001, 0.0012], 1) == [0.001]


def test_labels_move_apart_no_farther_than_they_must():
    assert separate_labels(np.array([3.0, 1.0]), 0.5, 0, 4).tolist() == [3, 1]
    assert separate_labels(np.array([2.0, 2.0, 0.5]), 0.5, 0, 4).tolist() == [1.75, 2.25, 0.5]
    assert separate_labels(np.array([4.0, 4.0, 4.0]), 0.5, 0, 4).tolist() == [3, 3.5, 4]
    assert separate_labels(np.array([]), 0.5, 0, 4).tolist() == []


def test_no_two_variants_have_the_same_line():
    looks = line_styles(["lstm", *(f"cell{i}" for i in range(18))], "lstm")
    assert len({(look.color, look.dashes) for look in looks.values()}) == 19
