"""Figures of scores: which trials are drawn where, and what is marked, counted and left out."""

import math
import re
from itertools import cycle as cycled
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from suite.analysis.published_results import PublishedBox
from suite.analysis.significance import average_ranks
from suite.report import figures
from suite.report.figures.style import BLUE, GREEN, MUTED_COLOR, TEXT_COLOR, VERMILION, to_png

SHAPE = re.compile(r'data-trial="(\d+)" xlink:href="[^"]*" x="([^"]*)"')
SVG = "{http://www.w3.org/2000/svg}"


def drawn(axes, **properties):
    """Return the points of lines with some properties, (x, y) each."""
    lines = [
        line
        for line in axes.get_lines()
        if all(getattr(line, f"get_{k}")() == v for k, v in properties.items())
    ]
    return [tuple(map(float, xy)) for line in lines for xy in line.get_xydata()]


def points(axes, color):
    """Return the points of a colour, (x, y) each."""
    return [
        (float(x), float(y))
        for some in axes.collections
        for (x, y), shade in zip(some.get_offsets(), cycled(some.get_facecolor()), strict=False)
        if to_hex(shade) == color
    ]


def corners(collection):
    """Return how many corners the marker of each point has: a circle has 26, a cross 13, a triangle 4."""
    return [len(path.vertices) for path in collection.get_paths()]


def tagged(figure):
    """Return the trials that a page finds in a figure's SVG, (variant, trial) each."""
    tree = ElementTree.fromstring(figures.to_svg(figure))
    cells = {  # of each shape, that of the innermost group, which comes last
        shape: group.get("data-cell")
        for group in tree.iter(f"{SVG}g")
        if group.get("data-cell")
        for shape in group.iter()
        if shape.get("data-trial")
    }
    return [(cell, int(shape.get("data-trial"))) for shape, cell in cells.items()]


def faces(axes):
    """Return the colour of each box."""
    return [to_hex(patch.get_facecolor()) for patch in axes.patches]


def test_panels_show_all_trials_and_the_best_tenth_in_report_order(trials, asked):
    left, right = figures.score_boxplots(trials, asked["cells"], "nats").axes
    assert [label.get_text() for label in left.get_yticklabels()] == asked["cells"]
    assert left.get_ylim()[0] > left.get_ylim()[1]  # the first at the top
    assert [round(y) for _, y in points(right, VERMILION)] == [0, 0, 1, 1, 2, 2]


def test_scores_off_the_scale_are_counted_beside_their_variant(trials, asked):
    left, _ = figures.score_boxplots(trials, asked["cells"], "nats").axes
    assert left.get_xlim()[1] < 20
    counts = [(text.get_position()[1], text.get_text()) for text in left.texts]
    assert (asked["cells"].index("gru"), "+1") in counts


@pytest.mark.parametrize("huge", [1e300, math.inf, math.nan])
def test_a_huge_score_breaks_no_figure(trials, asked, huge):
    trials.loc[trials["trial"] < 3, ["valid", "test"]] = huge
    for figure in (
        figures.score_boxplots(
            trials, asked["cells"], "nats", published={"lstm": PublishedBox(1e300, None, 8.0, None)}
        ),
        figures.hyperparameter_scatter(trials, asked["cells"], "units", "linear", "nats"),
        figures.cost_scatter(trials, asked["cells"], "nats"),
    ):
        assert to_png(figure)
        assert max(np.abs(axes.get_ylim()).max() for axes in figure.axes) < 1e4


def test_a_significant_variant_has_an_asterisk_and_darker_boxes(trials, asked):
    many = trials[trials["cell"] != "lstm"]
    many = pd.concat(
        [many.assign(trial=many["trial"] + 12 * k) for k in range(5)]
    )  # enough for boxes of tenths
    left, right = figures.score_boxplots(many, ["nfg", "gru"], "nats", significant={"gru", "absent"}).axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["nfg", "gru *"]
    for axes in (left, right):
        plain, marked = faces(axes)
        assert int(marked[1:3], 16) < int(plain[1:3], 16) - 32  # in grey, too


def test_published_scores_stand_below_ours_with_range_median_and_mean(trials, asked):
    boxes = {"gru": PublishedBox(8.9, 8.8, 8.5, 9.1), "absent": PublishedBox(1, 1, 1, 1)}
    left, right = figures.score_boxplots(trials, asked["cells"], "nats", published=boxes).axes
    assert not drawn(left, color=GREEN)
    y = asked["cells"].index("gru") + 0.36
    assert drawn(right, color=GREEN, marker="None") == [(8.5, y), (9.1, y)]
    assert drawn(right, color=GREEN, marker="|") == [(8.8, y)]
    assert drawn(right, marker="D", markeredgecolor=GREEN) == [(8.9, y)]
    assert not drawn(right, marker=">")


def test_a_published_score_off_the_scale_is_an_arrow(trials, asked):
    boxes = {"lstm": PublishedBox(9.0, None, 8.5, None), "nfg": PublishedBox(44.0, 43.0, 8.5, 1e3)}
    right = figures.score_boxplots(trials, asked["cells"], "nats", published=boxes).axes[1]
    high = right.get_xlim()[1]
    assert high < 20
    assert [x for x, _ in drawn(right, marker=">")] == [high, high]
    assert [x for x, _ in drawn(right, color=GREEN, marker="None")] == [8.5, high, 8.5, high]


def test_the_axis_reaches_to_what_others_published(trials, asked):
    low, high = (
        figures.score_boxplots(trials, asked["cells"], "", published={"gru": PublishedBox(7, 7, 6, 9.3)})
        .axes[1]
        .get_xlim()
    )
    assert low < 6
    assert high > 9.3


def test_parameters_are_a_panel_of_numbers(trials, asked):
    third = figures.score_boxplots(
        trials, asked["cells"], "nats", parameters={"lstm": 9132.0, "gru": 500.5}
    ).axes[2]
    assert [text.get_text().strip() for text in third.texts] == ["9,132", "–", "500"]
    assert [bar.get_width() for bar in third.patches] == [9132, 0, 500.5]


def test_every_trial_is_a_point_or_a_cross(trials, asked):
    figure = figures.hyperparameter_scatter(trials, asked["cells"], "learning_rate", "log", "nats")
    assert [axes.get_title(loc="left") for axes in figure.axes] == asked["cells"]
    assert figure.axes[0].get_xscale() == "log"
    for axes, cell in zip(figure.axes, asked["cells"], strict=True):
        own = trials.loc[trials["cell"] == cell, "learning_rate"]
        shown = [point for some in axes.collections for point in some.get_offsets()[:, 0]]
        assert sorted(shown) == sorted(own)
    assert [corners(some)[0] for some in figure.axes[2].collections] == [26, 13, 26]
    assert [len(points(axes, VERMILION)) for axes in figure.axes] == [2, 2, 2]


def test_sizes_mark_the_mean_score_at_the_median_cost(trials, asked):
    trials = trials.assign(parameters=1000 * (trials["trial"] + 1), operations=2e9 * trials["trial"] + 1)
    figure = figures.cost_scatter(trials, asked["cells"], "nats")
    vanilla = trials[trials["cell"] == "lstm"].nsmallest(2, "valid")
    for axes, cost in zip(figure.axes, ("parameters", "operations"), strict=True):
        assert axes.get_xscale() == "log"
        assert points(axes, BLUE) == [pytest.approx((vanilla[cost].median(), vanilla["test"].mean()))]
        assert sorted(points(axes, MUTED_COLOR)[:2]) == sorted(
            zip(vanilla[cost], vanilla["test"], strict=True)
        )
        assert [note.get_text() for note in axes.texts] == asked["cells"]
        assert axes.texts[0].xy == pytest.approx(points(axes, BLUE)[0])


def test_a_page_finds_the_trial_of_every_point(trials, asked):
    cells, everything = asked["cells"], [*zip(trials["cell"], trials["trial"], strict=True)]
    assert sorted(tagged(figures.hyperparameter_scatter(trials, cells, "units", "log", ""))) == sorted(
        everything
    )
    best = [
        (cell, trial)
        for cell in cells
        for trial in trials[trials["cell"] == cell].nsmallest(2, "valid")["trial"]
    ]
    assert tagged(figures.score_boxplots(trials, cells, "")) == best
    assert tagged(figures.cost_scatter(trials, cells, "")) == best * 2  # parameters and operations


def test_the_trial_of_a_point_is_in_the_order_of_the_points(trials):
    some = trials[trials["cell"] == "lstm"].assign(
        cell='"<a>:b', learning_rate=lambda rows: 1.0 + rows["trial"]
    )
    figure = figures.hyperparameter_scatter(some, ['"<a>:b'], "learning_rate", "linear", "")
    places = {float(shape[1]): int(shape[0]) for shape in SHAPE.findall(figures.to_svg(figure).decode())}
    assert [places[x] for x in sorted(places)] == list(range(12))
    assert {cell for cell, _ in tagged(figure)} == {'"<a>:b'}


def test_a_page_finds_a_single_trial(trials):
    one = trials[(trials["cell"] == "lstm") & (trials["trial"] == 3)]
    assert tagged(figures.hyperparameter_scatter(one, ["lstm"], "units", "log", "")) == [("lstm", 3)]


def test_another_baseline_is_marked_in_scores_and_costs(trials, asked):
    left = figures.score_boxplots(trials, asked["cells"], "", baseline="gru").axes[0]
    assert [to_hex(patch.get_edgecolor()) for patch in left.patches] == [TEXT_COLOR, TEXT_COLOR, BLUE]
    (note,) = [
        text
        for text in figures.cost_scatter(trials, asked["cells"], "", baseline="gru").axes[0].texts
        if text.get_color() == BLUE
    ]
    assert note.get_text() == "gru"


def test_sizes_without_operations_are_of_parameters_alone(trials, asked):
    figure = figures.cost_scatter(trials.assign(operations=math.nan), asked["cells"], "nats")
    assert [axes.get_xlabel() for axes in figure.axes] == ["parameters"]


def test_labels_of_sizes_are_in_the_order_of_the_scores(trials, asked):
    means = {"lstm": 8.503, "nfg": 8.501, "gru": 8.502}  # closer than their labels are high
    trials = trials.assign(test=trials["cell"].map(means), valid=1.0)
    trials.loc[trials["trial"] == 1, "test"] += 1
    notes = figures.cost_scatter(trials, asked["cells"], "nats").axes[0].texts
    heights = {note.get_text(): note.get_position()[1] for note in notes}
    assert sorted(heights, key=heights.get) == ["nfg", "gru", "lstm"]
    assert np.diff(sorted(heights.values())).min() > 0.04


def test_sizes_leave_out_a_variant_without_a_score(trials, asked):
    trials.loc[trials["cell"] == "gru", ["valid", "test"]] = math.nan
    assert [note.get_text() for note in figures.cost_scatter(trials, asked["cells"], "").axes[1].texts] == [
        "lstm",
        "nfg",
    ]


def test_a_mean_off_the_scale_is_a_triangle_at_the_top(trials, asked):
    trials.loc[trials["cell"] == "nfg", "test"] = 1e6
    axes = figures.cost_scatter(trials, asked["cells"], "nats").axes[0]
    [mean] = [points for points in axes.collections if corners(points) == [4]]
    assert mean.get_offsets()[:, 1].tolist() == [axes.get_ylim()[1]]
    assert axes.get_ylim()[1] < 20


def test_ranks_lie_at_their_place_and_bars_join_those_that_do_not_differ():
    scores = pd.DataFrame([[3, 1, 2, 9, 8]] * 9 + [[1, 3, 2, 9, 8]], columns=["a", "lstm", "b", "d", "c"])
    found = average_ranks(scores)
    (axes,) = figures.critical_difference_diagram(found).axes
    feet = {round(line.get_xdata()[0], 6) for line in axes.get_lines() if len(line.get_xdata()) == 3}
    assert feet == {1.2, 2.0, 2.8, 4.0, 5.0}
    bars = [line.get_xdata() for line in axes.get_lines() if line.get_linewidth() > 2]
    assert [(b[0], b[1]) for b in bars] == [
        pytest.approx((found.ranks[group[0]] - 0.05, found.ranks[group[-1]] + 0.05)) for group in found.groups
    ]
    assert [text.get_text() for text in axes.texts[:5]] == [
        "lstm  1.20",
        "b  2.00",
        "a  2.80",
        "4.00  c",
        "5.00  d",
    ]
    assert [text.get_color() for text in axes.texts[:2]] == [BLUE, TEXT_COLOR]
    ruler = next(line.get_xdata() for line in axes.get_lines() if line.get_marker() == "|")
    assert ruler[1] - ruler[0] == pytest.approx(found.critical_difference)
    assert f"{found.critical_difference:.2f}" in axes.texts[-1].get_text()


def test_no_two_names_of_ranks_share_a_place():
    draw = np.random.default_rng(0)
    scores = pd.DataFrame(draw.normal(size=(5, 14)), columns=[f"cell{i}" for i in range(14)])
    (axes,) = figures.critical_difference_diagram(average_ranks(scores)).axes
    places = [(text.get_ha(), round(text.get_position()[1], 6)) for text in axes.texts[:14]]
    assert len(set(places)) == 14
    assert min(y for _, y in places) > max(
        line.get_ydata()[0] for line in axes.get_lines() if line.get_lw() > 2
    )
    sides = [text.get_position() for text in axes.texts[:14]]
    assert [x < 1 for x, _ in sides] == [True] * 7 + [False] * 7
    assert [x > 14 for x, _ in sides] == [False] * 7 + [True] * 7
    assert np.argsort([y for _, y in sides[:7]]).tolist() == list(range(7))  # so that no two lines cross
    assert np.argsort([y for _, y in sides[7:]]).tolist() == list(range(6, -1, -1))
