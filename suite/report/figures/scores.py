"""Figures of scores: by variant, against a hyperparameter, against their cost, and as ranks over tasks."""

from collections.abc import Mapping, Set

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from suite.analysis.compare import Standing
from suite.analysis.published import Box
from suite.analysis.stats import VANILLA, best_tenth, scored
from suite.report import words
from suite.report.figures.labels import short_names, wrapped
from suite.report.figures.style import (
    BLUE,
    FILL,
    GREEN,
    INK,
    QUIET,
    VERMILION,
    apart,
    blank,
    color,
    limits,
    lines,
    multiples,
    plain,
    set_ticks,
    styled,
    ticks,
)

FEW = 5  # a box is drawn of at least so many scores
MARKED = "#b3b3ad"  # the boxes of variants that differ


@styled
def boxes(
    rows: pd.DataFrame,
    cells: list[str],
    label: str,
    significant: Set[str] = frozenset(),
    published: Mapping[str, Box] | None = None,
    parameters: Mapping[str, float] | None = None,
) -> Figure:
    """Return the test scores of one task by variant: all trials to the left, the best tenth to the right.

    `significant` names the variants to be marked, by darker boxes and an asterisk. `published` are the best
    tenths of others, drawn below ours: the range, the median a tick, the mean a diamond. `parameters` of each
    variant are bars in a panel of their own. What is off the scale is counted, or for others' an arrow.
    """
    rows = rows[rows["cell"].isin(cells)]
    theirs = {cell: box for cell, box in (published or {}).items() if cell in cells}
    figure = blank(1.0 + (0.34 if theirs else 0.25) * len(cells))
    widths = [3, 3] if parameters is None else [3, 3, 0.8]
    left, right, *third = figure.subplots(1, len(widths), sharey=True, width_ratios=widths)
    everything, tenths = _scores(rows, cells), _scores(_tenths(rows), cells)
    ranges = {f"published {cell}": _known(box.low, box.median, box.high) for cell, box in theirs.items()}
    _boxes(left, everything, cells, significant, limits(everything))
    _boxes(right, tenths, cells, significant, limits(tenths | ranges), every=VERMILION)
    left.set_title("All trials")
    right.set_title("Best tenth on validation")
    for y, cell in enumerate(cells):
        if cell in theirs:
            _published(right, y + 0.36, theirs[cell])
    for axes in (left, right):
        axes.set_xlabel(wrapped(label, 155, most=3))
    for axes in third:
        _parameters(axes, [parameters.get(cell, np.nan) for cell in cells])
    called = [f"{name} *" if cell in significant else name for cell, name in short_names(cells).items()]
    left.set_yticks(range(len(cells)), called)
    left.set_ylim(len(cells) - 0.5, -0.5)
    return figure


@styled
def against(rows: pd.DataFrame, cells: list[str], name: str, scale: str, label: str) -> Figure:
    """Return the test score of every trial of one task against a hyperparameter, a panel a variant.

    Trials off the scale, and those without a score, are crosses along the top.
    """
    rows = rows[rows["cell"].isin(cells)]
    figure, panels = multiples(cells, plain(name), label)
    low, high = limits(_scores(rows, cells))
    top = high - 0.025 * (high - low)
    for axes, cell in zip(panels, cells, strict=True):
        trials = rows[rows["cell"] == cell]
        test = trials["test"].where(scored(trials), np.inf)
        inside, best = test <= high, trials.index.isin(best_tenth(trials).index)
        for chosen, shade in ((~best, QUIET), (best, VERMILION)):
            shown = chosen & inside
            axes.plot(trials.loc[shown, name], test[shown], "o", ms=2.8, color=shade, alpha=0.8, mew=0)
        off = trials.loc[~inside, name]
        axes.plot(off, np.full(len(off), top), "x", ms=3, color=QUIET, mew=0.7)
    if scale == "log":
        panels[0].set_xscale("log")
        for axes in panels:
            set_ticks(axes.xaxis, ticks(*axes.get_xlim(), log=True), 100)
    panels[0].set_ylim(low, high)
    return figure


@styled
def sizes(rows: pd.DataFrame, cells: list[str], label: str) -> Figure:
    """Return the test scores of the best tenths of one task against parameters and operations of a trial.

    A small point is a trial, a labelled mark the mean score of a variant at the median of what it costs; one
    off the scale is a triangle at the top. Variants without a score are left out, and the operations if they
    are not known of every trial that is drawn.
    """
    tenths = _tenths(rows[rows["cell"].isin(cells)])
    tenths = tenths[scored(tenths)]
    groups = {cell: tenths[tenths["cell"] == cell] for cell in cells if (tenths["cell"] == cell).any()}
    low, high = limits(_scores(tenths, cells))
    costs = {"parameters": "parameters", "operations": "multiply–adds of a trial"}
    costs = {name: what for name, what in costs.items() if (tenths[name] > 0).all()}
    figure, called = blank(3.4), short_names(cells)
    panels = figure.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    looks, means = lines(cells), [trials["test"].mean() for trials in groups.values()]
    places = apart(np.minimum(means, high), 0.05 * (high - low), low, high)
    for axes, (name, what) in zip(panels, costs.items(), strict=True):
        for (cell, trials), mean, place in zip(groups.items(), means, places, strict=True):
            axes.plot(trials[name], trials["test"], "o", ms=1.8, color=QUIET, alpha=0.5, mew=0)
            middle, mark = (trials[name].median(), min(mean, high)), "^" if mean > high else "o"
            shade = looks[cell]["color"]
            axes.plot(*middle, mark, ms=5, color=shade, mec="white", mew=0.5, zorder=3, clip_on=False)
            axes.annotate(
                called[cell],
                middle,
                (1.04, place),
                textcoords=axes.get_yaxis_transform(),
                va="center",
                fontsize=7,
                color=color(cell),
                arrowprops={"arrowstyle": "-", "color": shade, "lw": 0.6, "shrinkA": 1, "shrinkB": 2},
            )
        axes.set_xscale("log")
        set_ticks(axes.xaxis, ticks(*axes.get_xlim(), log=True), 150)
        axes.set_xlabel(what)
    panels[0].set_ylim(low, high)
    panels[0].set_ylabel(wrapped(label, 190))
    return figure


@styled
def ranks(standing: Standing) -> Figure:
    """Return the critical difference diagram (Demšar, 2006) of variants whose standing has groups.

    The axis is of average ranks, best to the left; a bar joins variants that do not differ significantly, and
    the scale above is the difference that would be significant.
    """
    many, groups = len(standing.ranks), standing.groups
    half, pad, first = (
        (many + 1) // 2,
        0.03 * (many - 1),
        0.6 + 0.4 * len(groups),
    )  # first: of the lines of names
    figure = blank(0.9 + 0.21 * (half + first))
    axes = figure.subplots()
    called = short_names(standing.ranks.index)
    for k, (name, rank) in enumerate(standing.ranks.items()):
        best = k < half
        y, end = first + (k if best else many - 1 - k), 1 - pad if best else many + pad
        axes.plot([rank, rank, end], [0, y, y], color=color(name), lw=0.7)
        text = f"{called[name]}  {rank:.2f}" if best else f"{rank:.2f}  {called[name]}"
        edge = end - pad / 2 if best else end + pad / 2
        axes.text(edge, y, text, ha="right" if best else "left", va="center", color=color(name))
    for k, group in enumerate(groups):
        low, high = standing.ranks[[group[0], group[-1]]]
        y = 0.4 * (k + 1)
        axes.plot([low - 0.05, high + 0.05], [y, y], color=INK, lw=2.5, solid_capstyle="butt", zorder=3)
    scale = 1 + standing.difference
    axes.plot([1, scale], [-1.8, -1.8], "|-", color=QUIET, lw=0.8, ms=5)
    said = f"critical difference {standing.difference:.2f}"
    axes.text(scale + pad, -1.8, said, va="center", fontsize=7)
    axes.set_xlim(1 - 2 * pad, many + 2 * pad)
    axes.set_ylim(first + half - 0.5, -2.2)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.spines["top"].set(visible=True, position=("data", 0), bounds=(1, many))
    axes.xaxis.tick_top()
    axes.set_xticks(range(1, many + 1))
    axes.set_yticks([])
    return figure


def _tenths(rows: pd.DataFrame) -> pd.DataFrame:
    parts = [best_tenth(trials) for _, trials in rows.groupby("cell", sort=False)]
    return pd.concat(parts) if parts else rows


def _scores(rows: pd.DataFrame, cells: list[str]) -> dict[str, np.ndarray]:
    known = rows[scored(rows)]
    return {cell: known.loc[known["cell"] == cell, "test"].to_numpy(float) for cell in cells}


def _known(*values: float | None) -> np.ndarray:
    return np.array([value for value in values if value is not None])


def _boxes(
    axes: Axes,
    scores: dict[str, np.ndarray],
    cells: list[str],
    marked: Set[str],
    ends: tuple[float, float],
    every: str | None = None,
) -> None:
    """Draw a box of each variant's scores; points where they are few, or of all in the colour `every`."""
    if len(scores.get(VANILLA, ())):
        axes.axvline(np.median(scores[VANILLA]), color=BLUE, lw=0.8, ls=(0, (4, 3)), zorder=0)
    for y, cell in enumerate(cells):
        values, edge = scores[cell], color(cell)
        if len(values) >= FEW:
            line = {"color": edge, "lw": 0.8}
            axes.boxplot(
                [values],
                positions=[y],
                widths=0.5,
                orientation="horizontal",
                manage_ticks=False,
                patch_artist=True,
                showfliers=not every,
                boxprops={"facecolor": MARKED if cell in marked else FILL, "edgecolor": edge, "lw": 0.8},
                medianprops={"color": edge, "lw": 1.6},
                whiskerprops=line,
                capprops=line,
                flierprops={"marker": "o", "ms": 1.8, "mec": "none", "mfc": QUIET},
            )
        if every or len(values) < FEW:
            shift = (np.arange(len(values)) * 0.618 % 1 - 0.5) * 0.4  # spread, the same every time
            axes.plot(values, y + shift, "o", ms=2.8, color=every or QUIET, mec="white", mew=0.4, zorder=3)
        off = int((values > ends[1]).sum())
        if off:
            place = axes.get_yaxis_transform()
            axes.text(1.01, y, f"+{off}", transform=place, va="center", fontsize=7, color=QUIET)
    axes.set_xlim(*ends)
    axes.locator_params(axis="x", nbins=6)
    axes.tick_params(axis="y", length=0)


def _published(axes: Axes, y: float, box: Box) -> None:
    high = axes.get_xlim()[1]
    off = box.high is None or box.high > high
    axes.plot([box.low, high if off else box.high], [y, y], color=GREEN, lw=1.0)
    axes.plot(_known(box.median), [y] * len(_known(box.median)), "|", color=GREEN, ms=6, mew=1.2)
    axes.plot(box.mean, y, "D", ms=3.4, mfc="white", mec=GREEN, mew=1.0, zorder=3)
    if off:
        axes.plot(high, y, ">", ms=3.4, color=GREEN, mew=0, clip_on=False)


def _parameters(axes: Axes, counts: list[float]) -> None:
    axes.barh(range(len(counts)), np.nan_to_num(counts), height=0.5, color=FILL)
    for y, count in enumerate(counts):
        axes.text(0, y, f" {words.number(count)}", va="center", fontsize=7)
    axes.set_title("Parameters")
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)
