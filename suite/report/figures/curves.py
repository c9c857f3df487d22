"""Figures of what grows: scores by epoch, and the best score to expect by number of trials."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from suite.analysis.stats import VANILLA, ranked, scored
from suite.report.figures.labels import short_names, wrapped
from suite.report.figures.style import BLUE, INK, blank, limits, lines, multiples, set_ticks, styled, ticks
from suite.store import KEY


@styled
def learning_curves(curves: pd.DataFrame, rows: pd.DataFrame, cells: list[str], label: str) -> Figure:
    """Return the training loss and the validation score by epoch, of each variant's best trial on a task.

    The best is chosen on validation; a point marks the epoch of its score. Loss and score may be in different
    units, and noise on the input is in the loss only. Variants are named best first, without those that have
    no score.
    """
    known = rows[rows["cell"].isin(cells) & scored(rows)]
    best = ranked(known).drop_duplicates("cell")
    groups = dict(iter(curves.merge(best[[*KEY, "best_epoch"]], on=list(KEY)).groupby("cell")))
    groups = {cell: groups[cell].sort_values("epoch") for cell in best["cell"] if cell in groups}
    figure, looks = blank(3.2), lines(cells)
    left, right = figure.subplots(1, 2)
    called = short_names(cells)
    for axes, key, what in ((left, "train", "training loss"), (right, "valid", label)):
        for cell, points in groups.items():
            axes.plot(points["epoch"], points[key], **looks[cell], label=cell)
        axes.set_ylim(*limits({cell: _finite(points[key]) for cell, points in groups.items()}))
        axes.set_xlabel("epoch")
        axes.set_ylabel(wrapped(what, 180))
    handles = right.get_lines()
    for cell, points in groups.items():
        end = points[points["epoch"] == points["best_epoch"]]
        point = {"color": looks[cell]["color"], "ms": 3.5, "mec": "white", "mew": 0.4, "zorder": 4}
        right.plot(end["epoch"], end["valid"], "o", **point)
    labels = [called[cell] for cell in groups]
    figure.legend(list(handles), labels, loc="outside right upper", handlelength=2.4)
    return figure


@styled
def expected_best(tables: Mapping[str, pd.DataFrame], label: str) -> Figure:
    """Return the test score to expect of a search of n trials, a panel a variant, vanilla's in each.

    `tables` are those of `suite.analysis.stats.expected_best` by variant; the band is its 95 % interval. A
    variant without a score is left out.
    """
    tables = {cell: table for cell, table in tables.items() if table["expected"].notna().any()}
    figure, panels = multiples(list(tables), "trials", label)
    for axes, cell in zip(panels, tables, strict=True):
        for name in dict.fromkeys([VANILLA, cell]):
            if name in tables:
                _expected(axes, tables[name], BLUE if name == VANILLA else INK, "--" if name != cell else "-")
    panels[0].set_xscale("log")
    panels[0].set_ylim(*limits(_readable(tables)))
    most = max(len(table) for table in tables.values())
    panels[0].set_xlim(1, max(most, 2))
    for axes in panels:
        set_ticks(axes.xaxis, ticks(1, most, log=True), 100)
    return figure


def _expected(axes: Axes, table: pd.DataFrame, shade: str, dash: str) -> None:
    axes.fill_between(table["trials"], table["low"], table["high"], color=shade, alpha=0.2, lw=0)
    axes.plot(table["trials"], table["expected"], color=shade, ls=dash, lw=1.2)


def _readable(tables: Mapping[str, pd.DataFrame]) -> dict[str, np.ndarray]:
    """Return scores that an axis is to show: those of 1, 2, 4, 8 … and all trials, and from a tenth on."""
    values = {}
    for cell, table in tables.items():
        size = len(table)
        doubled = np.append(2 ** np.arange((size - 1).bit_length()), size)
        late = doubled[doubled >= size / 10]  # an exploded trial among few raises the others
        values |= {(cell, len(some)): _finite(table["expected"].iloc[some - 1]) for some in (doubled, late)}
    return values


def _finite(values: pd.Series) -> np.ndarray:
    return values[np.isfinite(values)].to_numpy(float)
