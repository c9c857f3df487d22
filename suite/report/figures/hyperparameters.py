"""Figures of hyperparameters: their importance, and the effects of each one and of each pair.

The figures draw the `Importance` of a search (`suite.analysis.importance`). Its columns are the
hyperparameters that are drawn from more than one value, in the order of the space.
"""

import itertools
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.colors import Normalize, to_rgb
from matplotlib.container import Container
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from suite.analysis.importance import Importance
from suite.config import VANILLA
from suite.report import formatting
from suite.report.figures.labels import variant_labels, wrap_to_width
from suite.report.figures.style import (
    BLUE,
    FILL_COLOR,
    GREEN,
    MUTED_COLOR,
    ORANGE,
    POINTS_PER_INCH,
    PURPLE,
    SKY,
    TEXT_COLOR,
    VERMILION,
    LineStyle,
    draw_band,
    empty_figure,
    figure_style,
    hyperparameter_axis_label,
    round_ticks,
    set_ticks,
    tag_tick_labels,
    tag_variant,
    variant_color,
)
from suite.space import Range, Space, varied_ranges

HYPERPARAMETER_COLORS = (SKY, BLUE, ORANGE, GREEN, PURPLE, VERMILION)  # of hyperparameters
MIN_LABELLED_SHARE = 0.05  # a share that is wider has its number inside


@figure_style
def marginal_plots(score: Importance, operations: Importance | None, space: Space, label: str) -> Figure:
    """Return plots of the mean score, and of the mean operations below it, against each hyperparameter.

    The band is the spread on either side of the mean.
    """
    ranges = varied_ranges(space)
    quantities = [(score, BLUE, label)]
    if operations is not None:
        quantities.append((operations, GREEN, "multiply–adds of a trial"))
    figure = empty_figure(0.5 + 1.6 * len(quantities))
    panels = figure.subplots(len(quantities), len(ranges), sharex="col", sharey="row", squeeze=False)
    for line, (importance, shade, text) in zip(panels, quantities, strict=True):
        for column, axes in enumerate(line):
            mean, spread = importance.marginal(column)
            places = (np.arange(len(mean)) + 0.5) / len(mean)
            table = {"place": places, "mean": mean, "low": mean - spread, "high": mean + spread}
            draw_band(axes, pd.DataFrame(table), "place", "mean", LineStyle(shade))
        line[0].set_ylabel(wrap_to_width(text, 100))
    if operations is not None:
        panels[1, 0].yaxis.set_major_formatter(lambda value, _: formatting.format_si(value))
    for axes, (name, value_range) in zip(panels[-1], ranges.items(), strict=True):
        axes.set_xlim(0, 1)
        _set_range_ticks(axes.xaxis, value_range, len(ranges))
        axes.set_xlabel(hyperparameter_axis_label(name))
    figure.align_labels()
    return figure


@figure_style
def importance_bars(
    importances: Mapping[str, Importance],
    names: list[str],
    published: Mapping[str, float] | None = None,
    *,
    baseline: str = VANILLA,
) -> Figure:
    """Return a bar chart of the shares of score variance that hyperparameters explain, one bar per variant.

    Interactions are summed over all pairs. `published` holds the shares of Greff et al. by name; shares that
    they do not print are not drawn.
    """
    parts = [*names, "interactions", "rest"]
    bars = {cell: _stacked_shares(importance) for cell, importance in importances.items()}
    if published is not None:
        bars["Greff et al."] = [published.get(name, 0.0) for name in parts]
    colors = dict(zip(parts, (*HYPERPARAMETER_COLORS[: len(names)], "white", FILL_COLOR), strict=True))
    figure = empty_figure(0.8 + 0.25 * len(bars))
    axes = figure.subplots()
    shares = pd.DataFrame(bars, index=parts).rename_axis("part").reset_index()
    sns.histplot(
        shares.melt("part", var_name="cell", value_name="share"),
        y="cell",
        weights="share",
        hue="part",
        hue_order=parts[::-1],  # seaborn stacks the last one first
        palette=colors,
        multiple="stack",
        discrete=True,
        shrink=0.66,
        alpha=1,
        linewidth=0.6,
        edgecolor="white",
        legend=False,
        ax=axes,
    )
    for part, bar in zip(parts, axes.containers, strict=True):
        bar.set_label(hyperparameter_axis_label(part))
        if part == "interactions":
            for patch in bar:
                patch.set(edgecolor=MUTED_COLOR, hatch="/////")
        _label_shares(axes, bar, list(importances), hatched=part == "interactions")
    axes.set_yticks(range(len(bars)), list(variant_labels(bars).values()))
    tag_tick_labels(axes.yaxis, importances)
    for text, cell in zip(axes.get_yticklabels(), bars, strict=True):
        text.set_color(variant_color(cell, baseline))
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel="share of the variance of the score", ylabel="")
    figure.legend(loc="outside upper center", ncols=min(len(parts), 6), handlelength=1.2)
    return figure


@figure_style
def interaction_heatmaps(importance: Importance, space: Space, label: str) -> Figure:
    """Return heat maps of the mean score over each pair of hyperparameters, and of their interaction.

    Below the diagonal is the mean score. Above it is the interaction: what the pair adds to its two single
    effects, with contours at half of the largest value, dashed where the score is lower (better).
    """
    ranges = varied_ranges(space)
    count = len(ranges)
    surfaces = {pair: importance.surface(*pair) for pair in itertools.combinations(range(count), 2)}
    added = {pair: importance.interaction(*pair) for pair in surfaces}
    scores = Normalize(min(s.min() for s in surfaces.values()), max(s.max() for s in surfaces.values()))
    largest = max(abs(a).max() for a in added.values()) or 1.0
    figure = empty_figure(1.0 + min(5.2, 1.9 * count))
    panels = figure.subplots(count, count, squeeze=False)
    for axes in panels.ravel():
        axes.set_visible(False)  # seaborn draws the whole figure at each heat map
    for (
        a,
        b,
    ), interaction in added.items():  # of a pair, a is up in `interaction`, and right below the diagonal
        _draw_heatmap(panels[b, a], surfaces[a, b].T, scores, "viridis")
        _draw_heatmap(panels[a, b], interaction, Normalize(-largest, largest), "RdBu_r")
        levels = [x for x in (-largest / 2, largest / 2) if interaction.min() < x < interaction.max()]
        if levels:
            place = {"origin": "lower", "extent": (0, interaction.shape[1], 0, interaction.shape[0])}
            panels[a, b].contour(interaction, levels, colors=TEXT_COLOR, linewidths=0.6, **place)
    bins = len(next(iter(added.values())))
    for row, (name, value_range) in enumerate(ranges.items()):
        panels[row, row].text(bins / 2, bins / 2, hyperparameter_axis_label(name), ha="center", va="center")
        for axes in panels[row]:
            axes.set_ylim(0, bins)
            _set_range_ticks(axes.yaxis, value_range, count, bins)
        for axes in panels[:, row]:
            axes.set_xlim(0, bins)
            _set_range_ticks(axes.xaxis, value_range, count, bins)
    for axes in panels.ravel():
        axes.set_visible(True)
        axes.label_outer()
    half = count // 2
    below, above = panels[1, 0].collections[0], panels[0, 1].collections[0]
    bars = ((below, panels[-1, :half], label), (above, panels[-1, half:], f"interaction alone, {label}"))
    for heat, under, text in bars:
        text = wrap_to_width(text, 6 * POINTS_PER_INCH * len(under) / count, max_lines=3)
        figure.colorbar(heat, ax=under, location="bottom", label=text, ticks=MaxNLocator(5))
    return figure


def _draw_heatmap(axes: Axes, values: np.ndarray, norm: Normalize, cmap: str) -> None:
    """Draw values, (up, right), as a heat map on an axis of bins, as one image in an SVG."""
    look = {"cbar": False, "xticklabels": False, "yticklabels": False, "rasterized": True}
    sns.heatmap(values, norm=norm, cmap=cmap, ax=axes, **look)
    for spine in ("left", "bottom"):  # seaborn removes them
        axes.spines[spine].set_visible(True)


def _label_shares(axes: Axes, bar: Container, cells: list[str], hatched: bool) -> None:
    """Write the share into each bar that has room for it; the first bars are those of the variants."""
    for patch in bar:
        line = round(patch.get_y() + patch.get_height() / 2)
        if line < len(cells):
            tag_variant(patch, cells[line])
        if patch.get_width() >= MIN_LABELLED_SHARE:
            dark = np.dot(to_rgb(patch.get_facecolor()), (0.299, 0.587, 0.114)) < 0.45
            x = patch.get_x() + patch.get_width() / 2
            text = axes.text(x, line, f"{patch.get_width():.0%}", ha="center", va="center", fontsize=7)
            if line < len(cells):
                tag_variant(text, cells[line])
            text.set_color("white" if dark else TEXT_COLOR)
            if hatched:
                text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})


def _stacked_shares(importance: Importance) -> list[float]:
    """Return the shares of each hyperparameter, of all pairs, and of the rest."""
    own = [share for effect, share in sorted(importance.shares.items()) if len(effect) == 1]
    return [
        *own,
        sum(share for effect, share in importance.shares.items() if len(effect) > 1),
        importance.residual_share,
    ]


def _set_range_ticks(axis: Axis, value_range: Range, panels: int, length: float = 1.0) -> None:
    """Label an axis of positions from 0 to a length, one of so many beside each other, with values."""
    most = 5 if panels <= 4 else 3
    values = round_ticks(value_range.low, value_range.high, value_range.scale == "log", most)
    nines = [value for value in (0, 0.5, 0.9, 0.99, 0.999) if value_range.low <= value <= value_range.high]
    if value_range.scale == "one minus log" and len(nines) > 1:
        values = nines[:: math.ceil(len(nines) / most)]
    room = 6.6 * POINTS_PER_INCH / panels if isinstance(axis, XAxis) else math.inf
    set_ticks(axis, values, room, lambda some: length * value_range.position(np.array(some)))
