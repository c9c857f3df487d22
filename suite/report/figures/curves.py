"""Figures of curves: scores by epoch, and the expected best score by number of trials."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from suite.analysis.trial_statistics import is_scored, ranked_trials
from suite.config import VANILLA
from suite.database import TRIAL_KEY
from suite.report.figures.labels import wrap_to_width
from suite.report.figures.style import (
    BLUE,
    DASHED,
    LineStyle,
    axis_limits,
    draw_band,
    draw_line,
    draw_points,
    empty_figure,
    figure_style,
    label_beside,
    label_column_height,
    line_styles,
    round_ticks,
    set_ticks,
    small_multiples,
    tag_trials,
    variant_artists,
    variant_color,
)


@figure_style
def learning_curves(
    curves: pd.DataFrame, rows: pd.DataFrame, cells: list[str], label: str, *, baseline: str = VANILLA
) -> Figure:
    """Return the training loss and the validation score by epoch, of each variant's best trial on a task.

    The best is chosen on validation; a point marks the epoch of its score. Loss and score may be in different
    units, and noise on the input is in the loss only. Each curve has the name of its variant at its end; a
    variant without a score has none.
    """
    scored = rows[rows["cell"].isin(cells) & is_scored(rows)]
    best = ranked_trials(scored).drop_duplicates("cell")
    points = curves.merge(best[[*TRIAL_KEY, "best_epoch"]], on=list(TRIAL_KEY)).sort_values("epoch")
    looks = line_styles(cells, baseline)
    trials = {cell: points[points["cell"] == cell] for cell in looks if (points["cell"] == cell).any()}
    figure = empty_figure(label_column_height(len(trials)))
    panels = figure.subplots(1, 2)
    for axes, key, text in zip(panels, ("train", "valid"), ("training loss", label), strict=True):
        for cell, curve in trials.items():
            line = draw_line(axes, curve, "epoch", key, looks[cell])
            line.set_label(cell)
            tag_trials(line, cell, curve["trial"].head(1))
        finite = {cell: curve[np.isfinite(curve[key])] for cell, curve in trials.items()}
        axes.set_ylim(*axis_limits({cell: curve[key].to_numpy(float) for cell, curve in finite.items()}))
        axes.set(xlabel="epoch", ylabel=wrap_to_width(text, 180))
        ends = {
            c: curve[["epoch", key]].iloc[-1].to_numpy(float) for c, curve in finite.items() if len(curve)
        }
        label_beside(axes, ends, looks, baseline)
    right, finite = panels[1], points[np.isfinite(points["valid"])]
    marks = finite[finite["epoch"] == finite["best_epoch"]]
    look = {"s": 14, "linewidth": 0.4, "zorder": 4}
    for cell, mark in marks.groupby("cell", sort=False):
        with variant_artists(right, str(cell)):
            draw_points(right, mark, "epoch", "valid", color=looks[str(cell)].color, **look)
    right.set(xlabel="epoch", ylabel=wrap_to_width(label, 180))
    return figure


@figure_style
def length_curves(scores: pd.DataFrame, cells: list[str], label: str, *, baseline: str = VANILLA) -> Figure:
    """Return the scores of one task by the length of its sequences, a curve for each variant.

    `scores` are those of `suite.analysis.longer_sequences.length_scores`. Each curve has the name of its
    variant at its end, before a length at which its score is not finite; a variant without a score has none.
    """
    scores = scores[np.isfinite(scores["score"])]
    looks = line_styles(cells, baseline)
    curves = {cell: scores[scores["cell"] == cell] for cell in looks if (scores["cell"] == cell).any()}
    figure = empty_figure(label_column_height(len(curves)))
    axes = figure.subplots()
    for cell, curve in curves.items():
        draw_line(axes, curve, "factor", "score", looks[cell]).set_label(cell)
    axes.set_xscale("log")
    axes.set_ylim(*axis_limits({cell: curve["score"].to_numpy(float) for cell, curve in curves.items()}))
    axes.set(xlabel="length, as a multiple of that in training", ylabel=wrap_to_width(label, 180))
    set_ticks(axes.xaxis, sorted(scores["factor"].unique()), 100)
    ends = {
        cell: (float(curve["factor"].iloc[-1]), float(curve["score"].iloc[-1]))
        for cell, curve in curves.items()
    }
    label_beside(axes, ends, looks, baseline)
    return figure


@figure_style
def expected_best_curves(
    tables: Mapping[str, pd.DataFrame], label: str, *, baseline: str = VANILLA
) -> Figure:
    """Return curves of the expected best test score of n trials, one panel per variant, with the baseline's.

    `tables` are those of `suite.analysis.trial_statistics.expected_best_scores` by variant; the band is its
    95 % interval. A variant without a score is left out.
    """
    tables = {cell: table for cell, table in tables.items() if table["expected"].notna().any()}
    figure, panels = small_multiples(list(tables), "trials", label, baseline)
    for axes, cell in zip(panels, tables, strict=True):
        if baseline in tables and cell != baseline:
            with variant_artists(axes, baseline):
                draw_band(axes, tables[baseline], "trials", "expected", LineStyle(BLUE, DASHED))
        draw_band(axes, tables[cell], "trials", "expected", LineStyle(variant_color(cell, baseline)))
    panels[0].set_xscale("log")
    panels[0].set_ylim(*axis_limits(_scores_to_show(tables)))
    longest = max(len(table) for table in tables.values())
    panels[0].set_xlim(1, max(longest, 2))
    for axes in panels:
        set_ticks(axes.xaxis, round_ticks(1, longest, log=True), 100)
    return figure


def _scores_to_show(tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, int], np.ndarray]:
    """Return scores that an axis is to show: those of 1, 2, 4, 8 … and all trials, and from a tenth on."""
    values: dict[tuple[str, int], np.ndarray] = {}
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
