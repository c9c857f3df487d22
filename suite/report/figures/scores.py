"""Figures of scores: by variant, against a hyperparameter, against their cost, and as ranks over tasks."""

from collections.abc import Mapping, Set
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from suite.analysis.published_results import PublishedBox
from suite.analysis.significance import AverageRanks
from suite.analysis.trial_statistics import best_tenth, is_scored
from suite.config import VANILLA
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
    draw_points,
    empty_figure,
    figure_style,
    hyperparameter_axis_label,
    label_beside,
    label_column_height,
    line_styles,
    round_ticks,
    set_ticks,
    small_multiples,
    tag_tick_labels,
    tag_trials,
    tag_variant,
    variant_artists,
    variant_color,
)

MIN_BOX_SCORES = 5  # the fewest scores that get a box
# seaborn 0.13.2 passes `vert` to matplotlib, which deprecates it since 3.11; arguments given here override it
BOXPLOT_ORIENTATION = {"vert": None, "orientation": "horizontal"}
SIGNIFICANT_FILL = "#b3b3ad"  # the boxes of variants that differ


@figure_style
def score_boxplots(
    rows: pd.DataFrame,
    cells: list[str],
    label: str,
    significant: Set[str] = frozenset(),
    published: Mapping[str, PublishedBox] | None = None,
    parameters: Mapping[str, float] | None = None,
    *,
    baseline: str = VANILLA,
) -> Figure:
    """Return box plots of the test scores of one task: all trials on the left, best tenths on the right.

    `significant` names the variants to be marked, by darker boxes and an asterisk. `published` are the best
    tenths of a paper, drawn below: the range, the median as a tick, the mean as a diamond. `parameters` of
    each variant are bars in a separate panel. Scores off the scale are counted; published ones get an arrow.
    """
    boxes = {cell: box for cell, box in (published or {}).items() if cell in cells}
    figure = empty_figure(1.0 + (0.34 if boxes else 0.25) * len(cells))
    widths = [3, 3] if parameters is None else [3, 3, 0.8]
    left, right, *third = figure.subplots(1, len(widths), sharey=True, width_ratios=widths)
    scored, tenths = _scored_trials(rows, cells), _scored_trials(_best_tenths(rows), cells)
    ranges = {
        f"published {cell}": _known_values(box.low, box.median, box.high) for cell, box in boxes.items()
    }
    fills = {cell: SIGNIFICANT_FILL if cell in significant else FILL_COLOR for cell in cells}
    _draw_boxes(left, scored, fills, baseline, axis_limits(_test_scores(scored)))
    _draw_boxes(right, tenths, fills, baseline, axis_limits(_test_scores(tenths) | ranges), VERMILION)
    left.set_title("All trials")
    right.set_title("Best tenth on validation")
    for y, cell in enumerate(cells):
        if cell in boxes:
            with variant_artists(right, cell):
                _draw_published_box(right, y + 0.36, boxes[cell])
    if parameters is not None:
        _draw_parameter_bars(third[0], {cell: parameters.get(cell, np.nan) for cell in cells})
    for axes in (left, right):
        axes.set(xlabel=wrap_to_width(label, 155, max_lines=3), ylabel="")
    names = [f"{name} *" if cell in significant else name for cell, name in variant_labels(cells).items()]
    left.set_yticks(range(len(cells)), names)
    tag_tick_labels(left.yaxis, cells)
    left.set_ylim(len(cells) - 0.5, -0.5)
    return figure


@figure_style
def hyperparameter_scatter(
    rows: pd.DataFrame, cells: list[str], name: str, scale: str, label: str, *, baseline: str = VANILLA
) -> Figure:
    """Return a scatter plot of the test scores of one task against a hyperparameter, one panel per variant.

    Trials off the scale, and those without a score, are crosses along the top.
    """
    figure, panels = small_multiples(cells, hyperparameter_axis_label(name), label, baseline)
    low, high = axis_limits(_test_scores(_scored_trials(rows, cells)))
    for axes, cell in zip(panels, cells, strict=True):
        trials = rows[rows["cell"] == cell]
        best, test = trials.index.isin(best_tenth(trials).index), trials["test"].where(is_scored(trials))
        trials = trials.assign(best=best, beyond=~(test <= high))
        trials["test"] = test.where(test <= high, high - 0.025 * (high - low))
        for (is_best, is_beyond), some in trials.groupby(["best", "beyond"]):  # draw the best on top
            look = {"color": VERMILION if is_best else MUTED_COLOR, "marker": "X" if is_beyond else "o"}
            _draw_trials(axes, some, name, s=10, alpha=0.8, **look)
    if scale == "log":
        panels[0].set_xscale("log")
        for axes in panels:
            set_ticks(axes.xaxis, _log_ticks(axes), 100)
    panels[0].set_ylim(low, high)
    return figure


@figure_style
def cost_scatter(rows: pd.DataFrame, cells: list[str], label: str, *, baseline: str = VANILLA) -> Figure:
    """Return a scatter plot of the test scores of best tenths against parameters and operations.

    A small point is a trial. A labelled mark is a variant, at its mean score and median cost; a mark off the
    scale is a triangle at the top. A variant without a score is left out.
    """
    scored = _scored_trials(_best_tenths(rows), cells)
    groups = {cell: trials for cell, trials in scored.items() if len(trials)}
    low, high = axis_limits(_test_scores(groups))
    costs = {"parameters": "parameters", "operations": "multiply–adds of a trial"}
    costs = {cost: text for cost, text in costs.items() if all((t[cost] > 0).all() for t in groups.values())}
    figure, looks = empty_figure(label_column_height(len(cells))), line_styles(cells, baseline)
    panels = figure.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    panels[0].set_ylim(low, high)
    scores = {cell: trials["test"].mean() for cell, trials in groups.items()}
    for axes, (cost, text) in zip(panels, costs.items(), strict=True):
        for trials in groups.values():
            _draw_trials(axes, trials[trials["test"] <= high], cost, s=4, color=MUTED_COLOR, alpha=0.5)
        marks = {cell: (trials[cost].median(), min(scores[cell], high)) for cell, trials in groups.items()}
        for cell, (x, y) in marks.items():
            look = {"marker": "^" if scores[cell] > high else "o", "color": looks[cell].color, "s": 26}
            with variant_artists(axes, cell):
                mark = pd.DataFrame({cost: [x], "test": [y]})
                draw_points(axes, mark, cost, "test", linewidth=0.5, zorder=3, clip_on=False, **look)
        label_beside(axes, marks, looks, baseline)
        axes.set_xscale("log")
        set_ticks(axes.xaxis, _log_ticks(axes), 150)
        axes.set(xlabel=text, ylabel="")
    panels[0].set_ylabel(wrap_to_width(label, 190))
    return figure


@figure_style
def critical_difference_diagram(standing: AverageRanks, *, baseline: str = VANILLA) -> Figure:
    """Return the critical difference diagram (Demšar, 2006) of average ranks.

    The axis is of average ranks, best to the left; a bar joins variants that do not differ significantly, and
    the scale above is the difference that would be significant.
    """
    count, groups = len(standing.ranks), standing.groups or []
    half, pad = (count + 1) // 2, 0.03 * (count - 1)
    top = 0.6 + 0.4 * len(groups)  # of the lines of names
    figure = empty_figure(0.9 + 0.21 * (half + top))
    axes = figure.subplots()
    names = variant_labels(standing.ranks.index)
    for k, (name, rank) in enumerate(zip(names, standing.ranks, strict=True)):
        left, color = k < half, variant_color(name, baseline)
        y, line_end = top + (k if left else count - 1 - k), 1 - pad if left else count + pad
        text = f"{names[name]}  {rank:.2f}" if left else f"{rank:.2f}  {names[name]}"
        edge = line_end - pad / 2 if left else line_end + pad / 2
        with variant_artists(axes, name):
            axes.plot([rank, rank, line_end], [0, y, y], color=color, lw=0.7)
            axes.text(edge, y, text, ha="right" if left else "left", va="center", color=color)
    for k, group in enumerate(groups):
        low, high = standing.ranks[[group[0], group[-1]]]
        y = 0.4 * (k + 1)
        axes.plot(
            [low - 0.05, high + 0.05], [y, y], color=TEXT_COLOR, lw=2.5, solid_capstyle="butt", zorder=3
        )
    scale = 1 + standing.critical_difference
    axes.plot([1, scale], [-1.8, -1.8], "|-", color=MUTED_COLOR, lw=0.8, ms=5)
    text = f"critical difference {standing.critical_difference:.2f}"
    axes.text(scale + pad, -1.8, text, va="center", fontsize=7)
    axes.set_xlim(1 - 2 * pad, count + 2 * pad)
    axes.set_ylim(top + half - 0.5, -2.2)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.spines["top"].set(visible=True, position=("data", 0), bounds=(1, count))
    axes.xaxis.tick_top()
    axes.set_xticks(range(1, count + 1))
    axes.set_yticks([])
    return figure


def _best_tenths(rows: pd.DataFrame) -> pd.DataFrame:
    parts = [best_tenth(trials) for _, trials in rows.groupby("cell", sort=False)]
    return pd.concat(parts) if parts else rows


def _scored_trials(rows: pd.DataFrame, cells: list[str]) -> dict[str, pd.DataFrame]:
    """Return the trials of each variant that have scores."""
    scored = rows[is_scored(rows)]
    return {cell: scored[scored["cell"] == cell] for cell in cells}


def _test_scores(trials: Mapping[str, pd.DataFrame]) -> dict[str, np.ndarray]:
    return {cell: some["test"].to_numpy(float) for cell, some in trials.items()}


def _known_values(*values: float | None) -> np.ndarray:
    return np.array([value for value in values if value is not None])


def _draw_trials(axes: Axes, trials: pd.DataFrame, x: str, y: str = "test", **look: Any) -> None:
    """Draw a point for each of a variant's trials, which a page can find (`tag_trials`)."""
    if len(trials):
        draw_points(axes, trials, x, y, **look)
        tag_trials(axes.collections[-1], trials["cell"].iloc[0], trials["trial"])


def _log_ticks(axes: Axes) -> list[float]:
    left, right = axes.get_xlim()
    return round_ticks(left, right, log=True)


def _draw_boxes(
    axes: Axes,
    trials: Mapping[str, pd.DataFrame],
    fills: Mapping[str, str],
    baseline: str,
    limits: tuple[float, float],
    point_color: str | None = None,
) -> None:
    """Draw a box of each variant's scores; points where they are few, or of all if `point_color` is given.

    The points of a variant are spread over its row in a fixed pattern, since seaborn's `stripplot` draws its
    jitter from NumPy's global random state.
    """
    if len(trials.get(baseline, ())):
        median = np.median(trials[baseline]["test"])
        axes.axvline(median, color=BLUE, lw=0.8, ls=(0, (4, 3)), zorder=0)
    for y, cell in enumerate(fills):
        with variant_artists(axes, cell):
            _draw_box(axes, y, trials[cell], fills[cell], variant_color(cell, baseline), limits, point_color)
    axes.set_xlim(*limits)
    axes.locator_params(axis="x", nbins=6)
    axes.tick_params(axis="y", length=0)


def _draw_box(
    axes: Axes,
    y: int,
    trials: pd.DataFrame,
    fill: str,
    line_color: str,
    limits: tuple[float, float],
    point_color: str | None,
) -> None:
    """Draw the box of one variant's scores in its row, its points, and the number of trials off the scale."""
    if len(trials) >= MIN_BOX_SCORES:
        sns.boxplot(
            x=trials["test"].to_numpy(),
            y=np.full(len(trials), y),
            orient="y",
            native_scale=True,
            ax=axes,
            color=fill,
            linecolor=line_color,
            saturation=1,
            width=0.5,
            linewidth=0.8,
            showfliers=not point_color,
            medianprops={"linewidth": 1.6},
            flierprops={"marker": "o", "ms": 1.8, "mec": "none", "mfc": MUTED_COLOR},
            **BOXPLOT_ORIENTATION,
        )
    if point_color or len(trials) < MIN_BOX_SCORES:
        shift = (np.arange(len(trials)) * 0.618 % 1 - 0.5) * 0.4
        inside = trials.assign(y=y + shift)[trials["test"] <= limits[1]]
        edge = {"linewidth": 0.4, "edgecolor": "white", "zorder": 3}
        _draw_trials(axes, inside, "test", "y", s=9, color=point_color or MUTED_COLOR, **edge)
    beyond = int((trials["test"] > limits[1]).sum())
    if beyond:
        place = axes.get_yaxis_transform()
        axes.text(1.01, y, f"+{beyond}", transform=place, va="center", fontsize=7, color=MUTED_COLOR)


def _draw_published_box(axes: Axes, y: float, box: PublishedBox) -> None:
    edge = axes.get_xlim()[1]
    high = edge if box.high is None else min(box.high, edge)
    axes.plot([box.low, high], [y, y], color=GREEN, lw=1.0)
    if box.median is not None:
        axes.plot(box.median, y, "|", color=GREEN, ms=6, mew=1.2)
    axes.plot(box.mean, y, "D", ms=3.4, mfc="white", mec=GREEN, mew=1.0, zorder=3)
    if high == edge:
        axes.plot(edge, y, ">", ms=3.4, color=GREEN, mew=0, clip_on=False)


def _draw_parameter_bars(axes: Axes, counts: Mapping[str, float]) -> None:
    look = {"width": 0.5, "color": FILL_COLOR, "saturation": 1, "errorbar": None, "native_scale": True}
    widths = np.nan_to_num(list(counts.values()))
    sns.barplot(x=widths, y=np.arange(len(counts)), orient="y", ax=axes, **look)
    for y, (bar, cell, count) in enumerate(zip(axes.patches, counts, counts.values(), strict=True)):
        tag_variant(bar, cell)
        text = axes.text(0, y, f" {formatting.format_number(count)}", va="center", fontsize=7)
        tag_variant(text, cell)
    axes.set_title("Parameters")
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)
