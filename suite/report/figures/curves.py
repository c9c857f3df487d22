"""Figures of what grows: scores by epoch, and the best score to expect by number of trials."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from suite.analysis.trial_statistics import VANILLA, is_scored, ranked_trials
from suite.report.figures.labels import variant_labels, wrap_to_width
from suite.report.figures.style import (
    BLUE,
    TEXT_COLOR,
    axis_limits,
    empty_figure,
    figure_style,
    line_styles,
    round_ticks,
    set_ticks,
    small_multiples,
)
from suite.store import TRIAL_KEY


@figure_style
def learning_curves(curves: pd.DataFrame, rows: pd.DataFrame, cells: list[str], label: str) -> Figure:
    """Return the training loss and the validation score by epoch, of each variant's best trial on a task.

    The best is chosen on validation; a point marks the epoch of its score. Loss and score may be in different
    units, and noise on the input is in the loss only. Variants are named best first, without those that have
    no score.
    """
    known = rows[rows["cell"].isin(cells) & is_scored(rows)]
    best = ranked_trials(known).drop_duplicates("cell")
    groups = dict(iter(curves.merge(best[[*TRIAL_KEY, "best_epoch"]], on=list(TRIAL_KEY)).groupby("cell")))
    groups = {cell: groups[cell].sort_values("epoch") for cell in best["cell"] if cell in groups}
    figure, looks = empty_figure(3.2), line_styles(cells)
    left, right = figure.subplots(1, 2)
    called = variant_labels(cells)
    for axes, key, what in ((left, "train", "training loss"), (right, "valid", label)):
        for cell, points in groups.items():
            axes.plot(points["epoch"], points[key], **looks[cell], label=cell)
        axes.set_ylim(*axis_limits({cell: _finite_values(points[key]) for cell, points in groups.items()}))
        axes.set_xlabel("epoch")
        axes.set_ylabel(wrap_to_width(what, 180))
    handles = right.get_lines()
    for cell, points in groups.items():
        end = points[points["epoch"] == points["best_epoch"]]
        point = {"color": looks[cell]["color"], "ms": 3.5, "mec": "white", "mew": 0.4, "zorder": 4}
        right.plot(end["epoch"], end["valid"], "o", **point)
    labels = [called[cell] for cell in groups]
    figure.legend(list(handles), labels, loc="outside right upper", handlelength=2.4)
    return figure


@figure_style
def expected_best_curves(tables: Mapping[str, pd.DataFrame], label: str) -> Figure:
    """Return the test score to expect of a search of n trials, a panel a variant, vanilla's in each.

    `tables` are those of `suite.analysis.trial_statistics.expected_best_scores` by variant; the band is its
    95 % interval. A variant without a score is left out.
    """
    tables = {cell: table for cell, table in tables.items() if table["expected"].notna().any()}
    figure, panels = small_multiples(list(tables), "trials", label)
    for axes, cell in zip(panels, tables, strict=True):
        for name in dict.fromkeys([VANILLA, cell]):
            if name in tables:
                _draw_expected_best(
                    axes, tables[name], BLUE if name == VANILLA else TEXT_COLOR, "--" if name != cell else "-"
                )
    panels[0].set_xscale("log")
    panels[0].set_ylim(*axis_limits(_scores_to_show(tables)))
    most = max(len(table) for table in tables.values())
    panels[0].set_xlim(1, max(most, 2))
    for axes in panels:
        set_ticks(axes.xaxis, round_ticks(1, most, log=True), 100)
    return figure


def _draw_expected_best(axes: Axes, table: pd.DataFrame, shade: str, dash: str) -> None:
    axes.fill_between(table["trials"], table["low"], table["high"], color=shade, alpha=0.2, lw=0)
    axes.plot(table["trials"], table["expected"], color=shade, ls=dash, lw=1.2)


def _scores_to_show(tables: Mapping[str, pd.DataFrame]) -> dict[str, np.ndarray]:
    """Return scores that an axis is to show: those of 1, 2, 4, 8 … and all trials, and from a tenth on."""
    values = {}
    for cell, table in tables.items():
        size = len(table)
        doubled = np.append(2 ** np.arange((size - 1).bit_length()), size)
        late = doubled[doubled >= size / 10]  # an exploded trial among few raises the others
        values |= {
            (cell, len(some)): _finite_values(table["expected"].iloc[some - 1]) for some in (doubled, late)
        }
    return values


def _finite_values(values: pd.Series) -> np.ndarray:
    return values[np.isfinite(values)].to_numpy(float)
