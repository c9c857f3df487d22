"""Figures of scores: by variant, against a hyperparameter, against their cost, and as ranks over tasks."""

from collections.abc import Mapping, Set

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from suite.analysis.published_results import PublishedBox
from suite.analysis.significance import AverageRanks
from suite.analysis.trial_statistics import VANILLA, best_tenth, is_scored
from suite.report import formatting
from suite.report.figures.labels import variant_labels, wrap_to_width
from suite.report.figures.style import (
    BLUE,
    FILL_COLOR,
    GREEN,
    MUTED_COLOR,
    TEXT_COLOR,
    VERMILION,
    axis_limits,
    empty_figure,
    figure_style,
    hyperparameter_axis_label,
    line_styles,
    round_ticks,
    separate_labels,
    set_ticks,
    small_multiples,
    variant_color,
)

MIN_BOX_SCORES = 5  # a box is drawn of at least so many scores
SIGNIFICANT_FILL = "#b3b3ad"  # the boxes of variants that differ


@figure_style
def score_boxplots(
    rows: pd.DataFrame,
    cells: list[str],
    label: str,
    significant: Set[str] = frozenset(),
    published: Mapping[str, PublishedBox] | None = None,
    parameters: Mapping[str, float] | None = None,
) -> Figure:
    """Return the test scores of one task by variant: all trials to the left, the best tenth to the right.

    `significant` names the variants to be marked, by darker boxes and an asterisk. `published` are the best
    tenths of others, drawn below ours: the range, the median a tick, the mean a diamond. `parameters` of each
    variant are bars in a panel of their own. What is off the scale is counted, or for others' an arrow.
    """
    rows = rows[rows["cell"].isin(cells)]
    theirs = {cell: box for cell, box in (published or {}).items() if cell in cells}
    figure = empty_figure(1.0 + (0.34 if theirs else 0.25) * len(cells))
    widths = [3, 3] if parameters is None else [3, 3, 0.8]
    left, right, *third = figure.subplots(1, len(widths), sharey=True, width_ratios=widths)
    everything, tenths = _scores_by_cell(rows, cells), _scores_by_cell(_best_tenths(rows), cells)
    ranges = {
        f"published {cell}": _without_none(box.low, box.median, box.high) for cell, box in theirs.items()
    }
    _draw_boxes(left, everything, cells, significant, axis_limits(everything))
    _draw_boxes(right, tenths, cells, significant, axis_limits(tenths | ranges), point_color=VERMILION)
    left.set_title("All trials")
    right.set_title("Best tenth on validation")
    for y, cell in enumerate(cells):
        if cell in theirs:
            _draw_published_box(right, y + 0.36, theirs[cell])
    for axes in (left, right):
        axes.set_xlabel(wrap_to_width(label, 155, max_lines=3))
    for axes in third:
        _draw_parameter_bars(axes, [parameters.get(cell, np.nan) for cell in cells])
    called = [f"{name} *" if cell in significant else name for cell, name in variant_labels(cells).items()]
    left.set_yticks(range(len(cells)), called)
    left.set_ylim(len(cells) - 0.5, -0.5)
    return figure


@figure_style
def hyperparameter_scatter(rows: pd.DataFrame, cells: list[str], name: str, scale: str, label: str) -> Figure:
    """Return the test score of every trial of one task against a hyperparameter, a panel a variant.

    Trials off the scale, and those without a score, are crosses along the top.
    """
    rows = rows[rows["cell"].isin(cells)]
    figure, panels = small_multiples(cells, hyperparameter_axis_label(name), label)
    low, high = axis_limits(_scores_by_cell(rows, cells))
    top = high - 0.025 * (high - low)
    for axes, cell in zip(panels, cells, strict=True):
        trials = rows[rows["cell"] == cell]
        test = trials["test"].where(is_scored(trials), np.inf)
        inside, best = test <= high, trials.index.isin(best_tenth(trials).index)
        for chosen, shade in ((~best, MUTED_COLOR), (best, VERMILION)):
            shown = chosen & inside
            axes.plot(trials.loc[shown, name], test[shown], "o", ms=2.8, color=shade, alpha=0.8, mew=0)
        off = trials.loc[~inside, name]
        axes.plot(off, np.full(len(off), top), "x", ms=3, color=MUTED_COLOR, mew=0.7)
    if scale == "log":
        panels[0].set_xscale("log")
        for axes in panels:
            set_ticks(axes.xaxis, round_ticks(*axes.get_xlim(), log=True), 100)
    panels[0].set_ylim(low, high)
    return figure


@figure_style
def cost_scatter(rows: pd.DataFrame, cells: list[str], label: str) -> Figure:
    """Return the test scores of the best tenths of one task against parameters and operations of a trial.

    A small point is a trial, a labelled mark the mean score of a variant at the median of what it costs; one
    off the scale is a triangle at the top. Variants without a score are left out, and the operations if they
    are not known of every trial that is drawn.
    """
    tenths = _best_tenths(rows[rows["cell"].isin(cells)])
    tenths = tenths[is_scored(tenths)]
    groups = {cell: tenths[tenths["cell"] == cell] for cell in cells if (tenths["cell"] == cell).any()}
    low, high = axis_limits(_scores_by_cell(tenths, cells))
    costs = {"parameters": "parameters", "operations": "multiply–adds of a trial"}
    costs = {name: what for name, what in costs.items() if (tenths[name] > 0).all()}
    figure, called = empty_figure(3.4), variant_labels(cells)
    panels = figure.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    looks, means = line_styles(cells), [trials["test"].mean() for trials in groups.values()]
    places = separate_labels(np.minimum(means, high), 0.05 * (high - low), low, high)
    for axes, (name, what) in zip(panels, costs.items(), strict=True):
        for (cell, trials), mean, place in zip(groups.items(), means, places, strict=True):
            axes.plot(trials[name], trials["test"], "o", ms=1.8, color=MUTED_COLOR, alpha=0.5, mew=0)
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
                color=variant_color(cell),
                arrowprops={"arrowstyle": "-", "color": shade, "lw": 0.6, "shrinkA": 1, "shrinkB": 2},
            )
        axes.set_xscale("log")
        set_ticks(axes.xaxis, round_ticks(*axes.get_xlim(), log=True), 150)
        axes.set_xlabel(what)
    panels[0].set_ylim(low, high)
    panels[0].set_ylabel(wrap_to_width(label, 190))
    return figure


@figure_style
def critical_difference_diagram(standing: AverageRanks) -> Figure:
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
    figure = empty_figure(0.9 + 0.21 * (half + first))
    axes = figure.subplots()
    called = variant_labels(standing.ranks.index)
    for k, (name, rank) in enumerate(standing.ranks.items()):
        best = k < half
        y, end = first + (k if best else many - 1 - k), 1 - pad if best else many + pad
        axes.plot([rank, rank, end], [0, y, y], color=variant_color(name), lw=0.7)
        text = f"{called[name]}  {rank:.2f}" if best else f"{rank:.2f}  {called[name]}"
        edge = end - pad / 2 if best else end + pad / 2
        axes.text(edge, y, text, ha="right" if best else "left", va="center", color=variant_color(name))
    for k, group in enumerate(groups):
        low, high = standing.ranks[[group[0], group[-1]]]
        y = 0.4 * (k + 1)
        axes.plot(
            [low - 0.05, high + 0.05], [y, y], color=TEXT_COLOR, lw=2.5, solid_capstyle="butt", zorder=3
        )
    scale = 1 + standing.critical_difference
    axes.plot([1, scale], [-1.8, -1.8], "|-", color=MUTED_COLOR, lw=0.8, ms=5)
    said = f"critical difference {standing.critical_difference:.2f}"
    axes.text(scale + pad, -1.8, said, va="center", fontsize=7)
    axes.set_xlim(1 - 2 * pad, many + 2 * pad)
    axes.set_ylim(first + half - 0.5, -2.2)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.spines["top"].set(visible=True, position=("data", 0), bounds=(1, many))
    axes.xaxis.tick_top()
    axes.set_xticks(range(1, many + 1))
    axes.set_yticks([])
    return figure


def _best_tenths(rows: pd.DataFrame) -> pd.DataFrame:
    parts = [best_tenth(trials) for _, trials in rows.groupby("cell", sort=False)]
    return pd.concat(parts) if parts else rows


def _scores_by_cell(rows: pd.DataFrame, cells: list[str]) -> dict[str, np.ndarray]:
    known = rows[is_scored(rows)]
    return {cell: known.loc[known["cell"] == cell, "test"].to_numpy(float) for cell in cells}


def _without_none(*values: float | None) -> np.ndarray:
    return np.array([value for value in values if value is not None])


def _draw_boxes(
    axes: Axes,
    scores: dict[str, np.ndarray],
    cells: list[str],
    significant: Set[str],
    ends: tuple[float, float],
    point_color: str | None = None,
) -> None:
    """Draw a box of each variant's scores; points where they are few, or of all if `point_color` is given."""
    if len(scores.get(VANILLA, ())):
        axes.axvline(np.median(scores[VANILLA]), color=BLUE, lw=0.8, ls=(0, (4, 3)), zorder=0)
    for y, cell in enumerate(cells):
        values, edge = scores[cell], variant_color(cell)
        if len(values) >= MIN_BOX_SCORES:
            line = {"color": edge, "lw": 0.8}
            axes.boxplot(
                [values],
                positions=[y],
                widths=0.5,
                orientation="horizontal",
                manage_ticks=False,
                patch_artist=True,
                showfliers=not point_color,
                boxprops={
                    "facecolor": SIGNIFICANT_FILL if cell in significant else FILL_COLOR,
                    "edgecolor": edge,
                    "lw": 0.8,
                },
                medianprops={"color": edge, "lw": 1.6},
                whiskerprops=line,
                capprops=line,
                flierprops={"marker": "o", "ms": 1.8, "mec": "none", "mfc": MUTED_COLOR},
            )
        if point_color or len(values) < MIN_BOX_SCORES:
            shift = (np.arange(len(values)) * 0.618 % 1 - 0.5) * 0.4  # spread, the same every time
            axes.plot(
                values,
                y + shift,
                "o",
                ms=2.8,
                color=point_color or MUTED_COLOR,
                mec="white",
                mew=0.4,
                zorder=3,
            )
        off = int((values > ends[1]).sum())
        if off:
            place = axes.get_yaxis_transform()
            axes.text(1.01, y, f"+{off}", transform=place, va="center", fontsize=7, color=MUTED_COLOR)
    axes.set_xlim(*ends)
    axes.locator_params(axis="x", nbins=6)
    axes.tick_params(axis="y", length=0)


def _draw_published_box(axes: Axes, y: float, box: PublishedBox) -> None:
    high = axes.get_xlim()[1]
    off = box.high is None or box.high > high
    axes.plot([box.low, high if off else box.high], [y, y], color=GREEN, lw=1.0)
    axes.plot(
        _without_none(box.median), [y] * len(_without_none(box.median)), "|", color=GREEN, ms=6, mew=1.2
    )
    axes.plot(box.mean, y, "D", ms=3.4, mfc="white", mec=GREEN, mew=1.0, zorder=3)
    if off:
        axes.plot(high, y, ">", ms=3.4, color=GREEN, mew=0, clip_on=False)


def _draw_parameter_bars(axes: Axes, counts: list[float]) -> None:
    axes.barh(range(len(counts)), np.nan_to_num(counts), height=0.5, color=FILL_COLOR)
    for y, count in enumerate(counts):
        axes.text(0, y, f" {formatting.format_number(count)}", va="center", fontsize=7)
    axes.set_title("Parameters")
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)
