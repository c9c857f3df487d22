"""Figures of what grows: whose curve is drawn, in which panel, and how far the axes reach."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from suite.analysis.trial_statistics import expected_best_scores
from suite.report import figures
from suite.report.figures.style import BLUE, TEXT_COLOR, figure_style, to_png, to_svg


@pytest.fixture
def tables(trials, asked):
    return {cell: expected_best_scores(trials[trials["cell"] == cell], seed=1) for cell in asked["cells"]}


def lines(axes):
    """Return the named lines of a panel."""
    return {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}


def test_learning_curves_are_of_the_best_trial_of_each_variant(trials, curves, asked):
    trials = trials.assign(best_epoch=2)
    left, right = figures.learning_curves(curves, trials, asked["cells"], "validation nats").axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("training loss", "validation nats")
    for cell in asked["cells"]:
        best = trials.loc[trials["cell"] == cell, "valid"].min()
        assert lines(right)[cell].get_xdata().tolist() == [1, 2, 3]
        assert lines(right)[cell].get_ydata() == pytest.approx([best + 2, best, best + 0.1])
        assert lines(left)[cell].get_ydata().tolist() == [9.0, 7.0, 6.5]
    points = sorted(place for mark in right.collections for place in mark.get_offsets().tolist())
    bests = trials.groupby("cell")["valid"].min()
    assert points == [pytest.approx([2, best]) for best in sorted(bests)]


def test_a_learning_curve_is_named_at_its_end(trials, curves, asked):
    figure = figures.learning_curves(curves, trials, asked["cells"], "")
    assert not figure.legends
    for axes in figure.axes:
        ends = {text.get_text(): tuple(text.xy) for text in axes.texts}
        assert ends == {cell: pytest.approx(line.get_xydata()[-1]) for cell, line in lines(axes).items()}
    assert lines(figure.axes[1])["lstm"].get_color() == BLUE
    shades = {text.get_text(): text.get_color() for text in figure.axes[1].texts}
    assert shades == {"lstm": BLUE, "nfg": TEXT_COLOR, "gru": TEXT_COLOR}


def test_a_learning_curve_that_is_off_the_scale_everywhere_can_be_written(trials, curves, asked):
    curves.loc[curves["cell"] == "gru", "train"] = 1e6
    svg = to_svg(figures.learning_curves(curves, trials, asked["cells"], "")).decode()
    lstm, gru = (svg.count(f'<g data-cell="{cell}"') for cell in ("lstm", "gru"))
    assert lstm == gru
    assert svg.count("data-trial") == 5  # of six curves


def test_names_of_learning_curves_are_kept_apart_however_many_there_are(trials, curves):
    names = [f"cell{i}" for i in range(24)]
    first, curve = trials[trials["cell"] == "lstm"], curves[curves["cell"] == "lstm"]
    many = [pd.concat([frame.assign(cell=name) for name in names]) for frame in (first, curve)]
    figure = figures.learning_curves(many[1], many[0], names, "")
    figure_style(figure.canvas.draw)()
    for axes in figure.axes:
        boxes = [Text.get_window_extent(text) for text in axes.texts]  # without the line to its curve
        bottoms = sorted(box.y0 for box in boxes)
        assert min(np.diff(bottoms)) > 0.99 * boxes[0].height


def test_learning_curves_of_another_task_or_variant_are_left_out(trials, curves, asked):
    other = curves.assign(task="adding", train=1e3)
    figure = figures.learning_curves(pd.concat([other, curves]), trials, ["lstm", "gru"], "")
    assert set(lines(figure.axes[0])) == {"lstm", "gru"}
    assert all(len(line.get_xdata()) == 3 for line in lines(figure.axes[0]).values())


def test_a_variant_without_a_score_has_no_learning_curve(trials, curves, asked):
    trials.loc[trials["cell"] == "nfg", ["valid", "test"]] = math.nan
    assert set(lines(figures.learning_curves(curves, trials, asked["cells"], "").axes[0])) == {"lstm", "gru"}


def test_what_is_not_finite_in_a_learning_curve_breaks_nothing(trials, curves, asked):
    curves.loc[curves["epoch"] == 1, "train"] = math.inf
    curves.loc[curves["epoch"] == 3, "valid"] = math.nan
    figure = figures.learning_curves(curves, trials, asked["cells"], "")
    assert to_png(figure)
    assert figure.axes[0].get_ylim()[1] < 10


def test_the_expected_best_has_vanilla_in_each_panel(tables, asked):
    figure = figures.expected_best_curves(tables, "nats")
    assert [axes.get_title(loc="left") for axes in figure.axes] == asked["cells"]
    assert figure.axes[0].get_xscale() == "log"
    for axes, cell in zip(figure.axes, asked["cells"], strict=True):
        looks = [(line.get_color(), line.get_linestyle()) for line in axes.get_lines()]
        assert looks == ([(BLUE, "-")] if cell == "lstm" else [(BLUE, "--"), (TEXT_COLOR, "-")])
        assert axes.get_lines()[0].get_ydata().tolist() == tables["lstm"]["expected"].tolist()
        assert axes.get_lines()[-1].get_ydata().tolist() == tables[cell]["expected"].tolist()
        assert len(axes.collections) == len(looks)


def test_another_baseline_is_in_each_panel(tables):
    figure = figures.expected_best_curves(tables, "nats", baseline="gru")
    assert [axes.get_lines()[0].get_color() for axes in figure.axes] == [BLUE] * 3
    assert figure.axes[0].get_lines()[0].get_ydata().tolist() == tables["gru"]["expected"].tolist()


def test_the_band_of_the_expected_best_is_its_interval(tables):
    band = (
        figures.expected_best_curves({"lstm": tables["lstm"]}, "")
        .axes[0]
        .collections[0]
        .get_paths()[0]
        .vertices
    )
    low, high = tables["lstm"]["low"].dropna(), tables["lstm"]["high"].dropna()
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((low.min(), high.max()))
    assert band[:, 0].max() == len(low) < len(tables["lstm"])


def test_the_expected_best_of_a_search_without_scores_is_left_out(tables, asked):
    tables["lstm"] = tables["lstm"].assign(expected=math.nan, low=math.nan, high=math.nan)
    figure = figures.expected_best_curves(tables, "nats")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["nfg", "gru"]
    assert [len(axes.get_lines()) for axes in figure.axes] == [1, 1]


def test_the_expected_best_of_a_search_of_one_trial_is_drawn(trials):
    one = expected_best_scores(trials[trials["cell"] == "lstm"].head(1), seed=1)
    (axes,) = figures.expected_best_curves({"lstm": one}, "nats").axes
    assert axes.get_xticks().tolist() == [1]
    assert to_png(axes.figure)


def test_the_last_score_of_a_variant_that_often_explodes_is_on_the_axis(tables):
    many = tables["lstm"].reindex(np.arange(200)).assign(trials=np.arange(1, 201))
    steady = many.assign(expected=8 + 1 / many["trials"])
    wild = many.assign(expected=8.5 + 1e9 * 0.3 ** many["trials"])
    low, high = (
        figures.expected_best_curves({"lstm": steady, "np": steady, "noaf": wild}, "").axes[0].get_ylim()
    )
    assert 8.5 < high < 15
    assert low < 8.005
