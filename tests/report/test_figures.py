"""The figures of a report: what they draw, how far their axes reach, and that their bytes repeat."""

import matplotlib as mpl
import numpy as np
import pytest

from suite.report import figures
from suite.report.figures.style import VERMILION, limits
from suite.report.pages import prepare


@pytest.fixture
def trials(rows, asked):
    rows = prepare(rows, asked)
    return rows[rows["task"] == "jsb"]


def test_panels_show_all_trials_and_the_best_tenth_in_report_order(trials, asked):
    left, right = figures.boxes(trials, asked["cells"], "nats").axes
    assert [label.get_text() for label in left.get_yticklabels()] == asked["cells"]
    assert left.get_ylim()[0] > left.get_ylim()[1]  # the first at the top
    points = [line for line in right.get_lines() if line.get_color() == VERMILION]
    assert [len(line.get_xdata()) for line in points] == [2, 2, 2]


def test_scores_off_the_scale_are_counted_beside_their_variant(trials, asked):
    left, _ = figures.boxes(trials, asked["cells"], "nats").axes
    assert left.get_xlim()[1] < 20
    counts = [(text.get_position()[1], text.get_text()) for text in left.texts]
    assert (asked["cells"].index("gru"), "+1") in counts


def test_every_trial_is_a_point_or_a_cross(trials, asked):
    figure = figures.against(trials, asked["cells"], "learning_rate", "log", "nats")
    assert [axes.get_title(loc="left") for axes in figure.axes] == asked["cells"]
    assert figure.axes[0].get_xscale() == "log"
    assert [sum(len(line.get_xdata()) for line in axes.get_lines()) for axes in figure.axes] == [12, 12, 12]
    crosses = [
        sum(len(li.get_xdata()) for li in a.get_lines() if li.get_marker() == "x") for a in figure.axes
    ]
    assert crosses[2] >= 1


@pytest.mark.parametrize("cells", [1, 4, 5, 9, 11])
def test_any_number_of_variants_fits(trials, cells):
    names = [f"cell{i}" for i in range(cells)]
    first = trials[trials["cell"] == "lstm"].assign(cell="cell0")
    for figure in (figures.boxes(first, names, ""), figures.against(first, names, "units", "linear", "")):
        assert figures.svg(figure).startswith(b"<?xml")


def test_an_axis_shows_every_whisker_but_no_exploded_score():
    low, high = limits({"a": np.array([1.0, 1.1, 1.2, 1.3]), "b": np.array([1, 1.5, 2, 2.5, 1e9])})
    assert low < 1
    assert 2.5 < high < 3


def test_a_variant_that_exploded_altogether_does_not_stretch_the_axis():
    values = {name: np.array([1.0, 1.5, 2.0]) for name in "abc"} | {"d": np.array([1e6, 1e7])}
    assert limits(values)[1] < 3


def test_an_axis_of_equal_scores_has_a_width():
    for value in (0.0, 3.0):
        low, high = limits({"a": np.array([value, value])})
        assert low < value < high


def test_the_bytes_of_a_figure_repeat(trials, asked):
    once, again = (figures.boxes(trials, asked["cells"], "nats") for _ in range(2))
    assert figures.svg(once) == figures.svg(again)
    assert figures.png(once) == figures.png(again)
    assert b"dc:date" not in figures.svg(once)


def test_the_users_settings_of_matplotlib_change_nothing_and_stay(trials, asked):
    plain = figures.svg(figures.boxes(trials, asked["cells"], "nats"))
    with mpl.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "none"}):
        assert figures.svg(figures.boxes(trials, asked["cells"], "nats")) == plain
        assert mpl.rcParams["font.size"] == 30
