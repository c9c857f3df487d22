"""The figure of the answer: one point per variant and task; significance is marked by shape and text."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from suite.report import figures
from suite.report.figures.style import figure_style

COLUMNS = ["cell", "probability", "low", "high", "adjusted"]
LONG = "laboratory.experiments.with_a_long_name:TheRecurrentCell"


@pytest.fixture
def differences():
    """Three variants on two tasks, one of them not compared on the second."""
    first = [["nfg", 0.1, 0.05, 0.2, 0.001], ["gru", 0.6, 0.4, 0.8, 0.3], ["np", 0.9, 0.8, 1.0, 0.04]]
    second = [["nfg", 0.2, 0.1, 0.3, 0.01], ["gru", *[math.nan] * 4], ["np", 0.5, 0.4, 0.6, 1.0]]
    return {"jsb": pd.DataFrame(first, columns=COLUMNS), "adding": pd.DataFrame(second, columns=COLUMNS)}


@pytest.fixture
def panels(differences):
    return figures.effect_plot(differences, {"jsb": "Chorales", "adding": "Adding"}, "lstm").axes


def points(axes):
    """Return the colour of each point of a panel by its place, (x, y)."""
    result = {}
    for collection in axes.collections:
        if isinstance(collection, PathCollection):
            for x, y in collection.get_offsets():
                result[float(x), float(y)] = to_hex(collection.get_facecolor()[0])
    return result


def intervals(axes):
    segments = [c.get_segments() for c in axes.collections if hasattr(c, "get_segments")]
    return {tuple(np.ravel(segment).tolist()) for some in segments for segment in some}


def words(axes):
    return [text.get_text() for text in axes.texts]


def test_a_panel_is_a_task_and_a_line_a_variant_best_first(panels):
    assert [axes.get_title(loc="left") for axes in panels] == ["Chorales", "Adding"]
    assert [text.get_text() for text in panels[0].get_yticklabels()] == ["np", "gru", "nfg"]
    assert panels[0].get_ylim() == panels[1].get_ylim() == (2.5, -0.5)
    assert set(points(panels[0])) == {(0.9, 0), (0.6, 1), (0.1, 2)}
    assert intervals(panels[0]) == {(0.8, 0, 1, 0), (0.4, 1, 0.8, 1), (0.05, 2, 0.2, 2)}


def test_a_significant_effect_is_filled_and_has_an_asterisk(panels):
    shades = points(panels[0])
    assert shades[0.6, 1] == "#ffffff"
    assert shades[0.9, 0] == shades[0.1, 2] == "#222222"
    assert {"0.90 *", "0.10 *", "0.60"} <= set(words(panels[0]))


def test_a_variant_that_is_not_compared_has_a_name_and_no_point(panels):
    assert set(points(panels[1])) == {(0.5, 0), (0.2, 2)}
    assert intervals(panels[1]) == {(0.4, 0, 0.6, 0), (0.1, 2, 0.3, 2)}


def test_the_direction_is_said_in_words(panels):
    for axes in panels:
        assert {"no better, no worse", "worse than lstm ←", "→ better than lstm"} <= set(words(axes))
        assert [line.get_xdata() for line in axes.get_lines()] == [[0.5, 0.5]]
    assert "better than one of lstm" in panels[0].figure.get_supxlabel()


def test_a_sweep_without_a_comparison_has_names_and_no_points(differences):
    nothing = {"jsb": differences["jsb"].astype(object).assign(**dict.fromkeys(COLUMNS[1:], None))}
    (axes,) = figures.effect_plot(nothing, {"jsb": ""}, "lstm").axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["nfg", "gru", "np"]
    assert not points(axes)


@pytest.mark.parametrize(("tasks", "cells"), [(1, 1), (3, 9), (4, 2), (6, 20)])
def test_any_number_of_tasks_and_variants_fits_with_long_names(tasks, cells):
    names = [LONG, *(f"cell{i}" for i in range(1, cells))]
    table = pd.DataFrame({"cell": names, "probability": 0.97, "low": 0.9, "high": 1.0, "adjusted": 0.01})
    titles = {f"task{i}": "Frames of a corpus whose title is long " * 2 for i in range(tasks)}
    figure = figures.effect_plot(dict.fromkeys(titles, table), titles, LONG)
    figure_style(figure.canvas.draw)()
    inside, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(inside.x0, inside.y0, width - inside.x1, height - inside.y1) >= -0.01
    assert len(figure.axes) == tasks
    drawn = [axes.get_tightbbox() for axes in figure.axes]
    assert not any(a.overlaps(b) for i, a in enumerate(drawn) for b in drawn[:i])
    assert min(axes.get_position().width for axes in figure.axes) > 0.15
