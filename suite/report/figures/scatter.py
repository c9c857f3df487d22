"""The figure of a comparison: scores of the same trials in two sweeps."""

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from suite.analysis.agreement import TOLERANCE, apart, scores_in
from suite.report.figures.labels import SIZE, shortened, wrapped
from suite.report.figures.style import BLUE, INCH, QUIET, VERMILION, limits, styled

COLUMNS, SIDE = 3, 3.0  # panels beside each other; inches of each
OFF = 0.025  # of an axis: how far from its end the trials stand that are beyond it


@styled
def scatter(pairs: pd.DataFrame, labels: tuple[str, str]) -> Figure:
    """Return the test score of every same trial (`suite.analysis.agreement.same`) in b against that in a.

    A panel a task, scores that do not agree in orange; crosses at the end of an axis are beyond it, or trials
    without a score.
    """
    tasks = pairs["task"].unique()
    columns = min(len(tasks), COLUMNS)
    lines = math.ceil(len(tasks) / columns)
    figure = Figure(figsize=(SIDE * columns, SIDE * lines))
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, task in zip(panels, tasks, strict=False):
        found = pairs[pairs["task"] == task]
        a, b = scores_in(found, "a"), scores_in(found, "b")
        known = np.isfinite(a) & np.isfinite(b)
        low, high = limits({"a": a[known], "b": b[known]})
        end = high - OFF * (high - low)
        agree, beyond = apart(a, b) <= TOLERANCE, (a > high) | (b > high)
        axes.axline((low, low), slope=1, color=QUIET, lw=0.6, zorder=0)
        for chosen, color in ((agree, BLUE), (~agree, VERMILION)):
            for marker, shown in (("o", chosen & ~beyond), ("x", chosen & beyond)):
                x, y = (np.minimum(scores[shown], end) for scores in (a, b))
                axes.plot(x, y, marker, ms=3, color=color, alpha=0.8, mew=0.7 if marker == "x" else 0)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal", title=shortened(task, 160))
    for axes in panels[len(tasks) :]:
        axes.remove()
    figure.supxlabel(wrapped(f"test score, {labels[0]}", INCH * SIDE * columns - 20), fontsize=SIZE)
    figure.supylabel(wrapped(f"test score, {labels[1]}", INCH * SIDE * lines - 20), fontsize=SIZE)
    return figure
