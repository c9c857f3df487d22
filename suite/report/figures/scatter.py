"""The figure of a comparison: scores of the same trials in two sweeps."""

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from suite.analysis.agreement import SCORE_TOLERANCE, relative_differences, scores_of_sweep
from suite.report.figures.labels import FONT_SIZE, shorten_to_width, wrap_to_width
from suite.report.figures.style import (
    BLUE,
    MUTED_COLOR,
    POINTS_PER_INCH,
    VERMILION,
    axis_limits,
    draw_points,
    figure_style,
)

MAX_PANEL_COLUMNS, PANEL_INCHES = 3, 3.0  # panels beside each other; inches of each
OFF_SCALE_OFFSET = 0.025  # share of an axis: distance from its end of the trials that are off the scale


@figure_style
def agreement_scatter(pairs: pd.DataFrame, labels: tuple[str, str]) -> Figure:
    """Return the test scores of matched trials (`suite.analysis.agreement`), those of b against those of a.

    It has one panel per task. Scores that do not agree are orange; crosses at the end of an axis are trials
    off the scale or without a score.
    """
    tasks = pairs["task"].unique()
    columns = min(len(tasks), MAX_PANEL_COLUMNS)
    lines = math.ceil(len(tasks) / columns)
    figure = Figure(figsize=(PANEL_INCHES * columns, PANEL_INCHES * lines))
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, task in zip(panels, tasks, strict=False):
        matched = pairs[pairs["task"] == task]
        a, b = scores_of_sweep(matched, "a"), scores_of_sweep(matched, "b")
        finite = np.isfinite(a) & np.isfinite(b)
        low, high = axis_limits({"a": a[finite], "b": b[finite]})
        edge = high - OFF_SCALE_OFFSET * (high - low)
        points = pd.DataFrame({"a": np.where(a > high, edge, a), "b": np.where(b > high, edge, b)})
        points["agree"] = relative_differences(a, b) <= SCORE_TOLERANCE
        points["beyond"] = (a > high) | (b > high)
        axes.axline((low, low), slope=1, color=MUTED_COLOR, lw=0.6, zorder=0)
        draw_points(
            axes,
            points,
            "a",
            "b",
            hue="agree",
            palette={True: BLUE, False: VERMILION},
            style="beyond",
            markers={False: "o", True: "X"},
            s=10,
            alpha=0.8,
        )
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal", title=shorten_to_width(task, 160))
    for axes in panels[len(tasks) :]:
        axes.remove()
    figure.supxlabel(
        wrap_to_width(f"test score, {labels[0]}", POINTS_PER_INCH * PANEL_INCHES * columns - 20),
        fontsize=FONT_SIZE,
    )
    figure.supylabel(
        wrap_to_width(f"test score, {labels[1]}", POINTS_PER_INCH * PANEL_INCHES * lines - 20),
        fontsize=FONT_SIZE,
    )
    return figure
