"""Figures of hyperparameters: which of them matter, what each does, and what each pair does.

What is drawn is an importance, one of a search, as `suite.analysis.importance` has it: its columns are the
hyperparameters of a space that are drawn from more than one value, in their order.
"""

import itertools
import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axis import Axis
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from suite.analysis.importance import Importance
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
    empty_figure,
    figure_style,
    hyperparameter_axis_label,
    round_ticks,
    set_ticks,
    variant_color,
)
from suite.space import Range, Space, varied_ranges

HYPERPARAMETER_COLORS = (SKY, BLUE, ORANGE, GREEN, PURPLE, VERMILION)  # of hyperparameters
MIN_LABELLED_SHARE = 0.05  # a share that is wider has its number inside


@figure_style
def marginal_plots(score: Importance, operations: Importance | None, space: Space, label: str) -> Figure:
    """Return the mean score, and below it the mean operations of a trial, against each hyperparameter.

    The band is the spread on either side of the mean.
    """
    varied = varied_ranges(space)
    drawn = [(score, BLUE, label), (operations, GREEN, "multiply–adds of a trial")]
    drawn = [line for line in drawn if line[0] is not None]
    figure = empty_figure(0.5 + 1.6 * len(drawn))
    panels = figure.subplots(len(drawn), len(varied), sharex="col", sharey="row", squeeze=False)
    for line, (importance, shade, what) in zip(panels, drawn, strict=True):
        for column, axes in enumerate(line):
            mean, spread = importance.marginal(column)
            places = (np.arange(len(mean)) + 0.5) / len(mean)
            axes.fill_between(places, mean - spread, mean + spread, color=shade, alpha=0.25, lw=0)
            axes.plot(places, mean, color=shade, lw=1.4)
            axes.margins(x=0)
        line[0].set_ylabel(wrap_to_width(what, 100))
    if operations is not None:
        panels[1, 0].yaxis.set_major_formatter(lambda value, _: formatting.format_si(value))
    for axes, (name, asked) in zip(panels[-1], varied.items(), strict=True):
        axes.set_xlim(0, 1)
        _set_range_ticks(axes.xaxis, asked, len(varied))
        axes.set_xlabel(hyperparameter_axis_label(name))
    figure.align_labels()
    return figure


@figure_style
def importance_bars(
    importances: Mapping[str, Importance], names: list[str], published: Mapping[str, float] | None = None
) -> Figure:
    """Return the shares of the variance of the score that hyperparameters take, a bar a variant.

    Interactions are all pairs together. `published` are the shares of Greff et al. by name, where nothing is
    drawn for what they do not print.
    """
    parts = [*names, "interactions", "rest"]
    bars = {cell: _stacked_shares(importance) for cell, importance in importances.items()}
    if published is not None:
        bars["Greff et al."] = [published.get(name, 0.0) for name in parts]
    looks = [
        {"facecolor": shade, "edgecolor": "white"}
        for shade in (*HYPERPARAMETER_COLORS[: len(names)], "white", FILL_COLOR)
    ]
    looks[-2] |= {"edgecolor": MUTED_COLOR, "hatch": "/////"}
    figure = empty_figure(0.8 + 0.25 * len(bars))
    axes = figure.subplots()
    widths = np.array(list(bars.values())).reshape(len(bars), len(parts))
    starts = widths.cumsum(axis=1) - widths
    for k, (name, look) in enumerate(zip(parts, looks, strict=True)):
        axes.barh(
            range(len(bars)),
            widths[:, k],
            0.66,
            starts[:, k],
            label=hyperparameter_axis_label(name),
            lw=0.6,
            **look,
        )
        for y, (start, width) in enumerate(zip(starts[:, k], widths[:, k], strict=True)):
            if width >= MIN_LABELLED_SHARE:
                dark = np.dot(to_rgb(look["facecolor"]), (0.299, 0.587, 0.114)) < 0.45
                text = axes.text(start + width / 2, y, f"{width:.0%}", ha="center", va="center", fontsize=7)
                text.set(color="white" if dark else TEXT_COLOR)
                if name == "interactions":
                    text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
    axes.set_yticks(range(len(bars)), list(variant_labels(bars).values()))
    for text, cell in zip(axes.get_yticklabels(), bars, strict=True):
        text.set_color(variant_color(cell))
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("share of the variance of the score")
    figure.legend(loc="outside upper center", ncols=min(len(parts), 6), handlelength=1.2)
    return figure


@figure_style
def interaction_heatmaps(importance: Importance, space: Space, label: str) -> Figure:
    """Return the mean score of each pair of two or more hyperparameters, and what interaction adds to it.

    Below the diagonal the mean score, above it what the pair adds to the effects of its two, with contours
    half-way to the largest: dashed where the score is lower, and better.
    """
    varied = varied_ranges(space)
    many = len(varied)
    surfaces = {pair: importance.surface(*pair) for pair in itertools.combinations(range(many), 2)}
    added = {pair: importance.interaction(*pair) for pair in surfaces}
    scores = Normalize(min(s.min() for s in surfaces.values()), max(s.max() for s in surfaces.values()))
    largest = max(abs(a).max() for a in added.values()) or 1.0
    place = {"origin": "lower", "extent": (0, 1, 0, 1)}
    heat = {**place, "aspect": "auto", "interpolation": "none"}
    figure = empty_figure(1.0 + min(5.2, 1.9 * many))
    panels = figure.subplots(many, many, squeeze=False)
    for (a, b), more in added.items():  # of a pair, a is up in `more`, and right below the diagonal
        below = panels[b, a].imshow(surfaces[a, b].T, norm=scores, cmap="viridis", **heat)
        above = panels[a, b].imshow(more, norm=Normalize(-largest, largest), cmap="RdBu_r", **heat)
        levels = [level for level in (-largest / 2, largest / 2) if more.min() < level < more.max()]
        if levels:
            panels[a, b].contour(more, levels, colors=TEXT_COLOR, linewidths=0.6, **place)
    for row, (name, asked) in enumerate(varied.items()):
        panels[row, row].text(0.5, 0.5, hyperparameter_axis_label(name), ha="center", va="center")
        for axes in panels[row]:
            axes.set_ylim(0, 1)
            _set_range_ticks(axes.yaxis, asked, many)
        for axes in panels[:, row]:
            axes.set_xlim(0, 1)
            _set_range_ticks(axes.xaxis, asked, many)
    for axes in panels.ravel():
        axes.label_outer()
    half = many // 2
    bars = ((below, panels[-1, :half], label), (above, panels[-1, half:], f"interaction alone, {label}"))
    for image, under, what in bars:
        said = wrap_to_width(what, 6 * POINTS_PER_INCH * len(under) / many, max_lines=3)
        figure.colorbar(image, ax=under, location="bottom", label=said, ticks=MaxNLocator(5))
    return figure


def _stacked_shares(importance: Importance) -> list[float]:
    """Return the shares of each hyperparameter, of all pairs, and of the rest."""
    own = [share for effect, share in sorted(importance.shares.items()) if len(effect) == 1]
    return [
        *own,
        sum(share for effect, share in importance.shares.items() if len(effect) > 1),
        importance.residual_share,
    ]


def _set_range_ticks(axis: Axis, value_range: Range, panels: int) -> None:
    """Label an axis of positions, one of so many beside each other, with the values that lie there."""
    most = 5 if panels <= 4 else 3
    values = round_ticks(value_range.low, value_range.high, value_range.scale == "log", most)
    nines = [value for value in (0, 0.5, 0.9, 0.99, 0.999) if value_range.low <= value <= value_range.high]
    if value_range.scale == "one minus log" and len(nines) > 1:
        values = nines[:: math.ceil(len(nines) / most)]
    room = 6.6 * POINTS_PER_INCH / panels if axis.axis_name == "x" else math.inf
    set_ticks(axis, values, room, lambda some: value_range.position(np.array(some)))
