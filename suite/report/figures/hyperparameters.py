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
from suite.report import words
from suite.report.figures.labels import short_names, wrapped
from suite.report.figures.style import (
    BLUE,
    FILL,
    GREEN,
    INCH,
    INK,
    ORANGE,
    PURPLE,
    QUIET,
    SKY,
    VERMILION,
    blank,
    color,
    plain,
    set_ticks,
    styled,
    ticks,
)
from suite.space import Range, Space

SHADES = (SKY, BLUE, ORANGE, GREEN, PURPLE, VERMILION)  # of hyperparameters
READABLE = 0.05  # a share that is wider has its number inside


@styled
def marginals(score: Importance, operations: Importance | None, space: Space, label: str) -> Figure:
    """Return the mean score, and below it the mean operations of a trial, against each hyperparameter.

    The band is the spread on either side of the mean.
    """
    varied = _varied(space)
    drawn = [(score, BLUE, label), (operations, GREEN, "multiply–adds of a trial")]
    drawn = [line for line in drawn if line[0] is not None]
    figure = blank(0.5 + 1.6 * len(drawn))
    panels = figure.subplots(len(drawn), len(varied), sharex="col", sharey="row", squeeze=False)
    for line, (importance, shade, what) in zip(panels, drawn, strict=True):
        for column, axes in enumerate(line):
            mean, spread = importance.marginal(column)
            places = (np.arange(len(mean)) + 0.5) / len(mean)
            axes.fill_between(places, mean - spread, mean + spread, color=shade, alpha=0.25, lw=0)
            axes.plot(places, mean, color=shade, lw=1.4)
            axes.margins(x=0)
        line[0].set_ylabel(wrapped(what, 100))
    if operations is not None:
        panels[1, 0].yaxis.set_major_formatter(lambda value, _: words.quantity(value))
    for axes, (name, asked) in zip(panels[-1], varied.items(), strict=True):
        axes.set_xlim(0, 1)
        _ticks(axes.xaxis, asked, len(varied))
        axes.set_xlabel(plain(name))
    figure.align_labels()
    return figure


@styled
def shares(
    found: Mapping[str, Importance], names: list[str], published: Mapping[str, float] | None = None
) -> Figure:
    """Return the shares of the variance of the score that hyperparameters take, a bar a variant.

    Interactions are all pairs together. `published` are the shares of Greff et al. by name, where nothing is
    drawn for what they do not print.
    """
    parts = [*names, "interactions", "rest"]
    bars = {cell: _parts(importance) for cell, importance in found.items()}
    if published is not None:
        bars["Greff et al."] = [published.get(name, 0.0) for name in parts]
    looks = [{"facecolor": shade, "edgecolor": "white"} for shade in (*SHADES[: len(names)], "white", FILL)]
    looks[-2] |= {"edgecolor": QUIET, "hatch": "/////"}
    figure = blank(0.8 + 0.25 * len(bars))
    axes = figure.subplots()
    widths = np.array(list(bars.values())).reshape(len(bars), len(parts))
    starts = widths.cumsum(axis=1) - widths
    for k, (name, look) in enumerate(zip(parts, looks, strict=True)):
        axes.barh(range(len(bars)), widths[:, k], 0.66, starts[:, k], label=plain(name), lw=0.6, **look)
        for y, (start, width) in enumerate(zip(starts[:, k], widths[:, k], strict=True)):
            if width >= READABLE:
                dark = np.dot(to_rgb(look["facecolor"]), (0.299, 0.587, 0.114)) < 0.45
                text = axes.text(start + width / 2, y, f"{width:.0%}", ha="center", va="center", fontsize=7)
                text.set(color="white" if dark else INK)
                if name == "interactions":
                    text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
    axes.set_yticks(range(len(bars)), list(short_names(bars).values()))
    for text, cell in zip(axes.get_yticklabels(), bars, strict=True):
        text.set_color(color(cell))
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("share of the variance of the score")
    figure.legend(loc="outside upper center", ncols=min(len(parts), 6), handlelength=1.2)
    return figure


@styled
def pairs(found: Importance, space: Space, label: str) -> Figure:
    """Return the mean score of each pair of two or more hyperparameters, and what interaction adds to it.

    Below the diagonal the mean score, above it what the pair adds to the effects of its two, with contours
    half-way to the largest: dashed where the score is lower, and better.
    """
    varied = _varied(space)
    many = len(varied)
    surfaces = {pair: found.surface(*pair) for pair in itertools.combinations(range(many), 2)}
    added = {pair: found.interaction(*pair) for pair in surfaces}
    scores = Normalize(min(s.min() for s in surfaces.values()), max(s.max() for s in surfaces.values()))
    largest = max(abs(a).max() for a in added.values()) or 1.0
    place = {"origin": "lower", "extent": (0, 1, 0, 1)}
    heat = {**place, "aspect": "auto", "interpolation": "none"}
    figure = blank(1.0 + min(5.2, 1.9 * many))
    panels = figure.subplots(many, many, squeeze=False)
    for (a, b), more in added.items():  # of a pair, a is up in `more`, and right below the diagonal
        below = panels[b, a].imshow(surfaces[a, b].T, norm=scores, cmap="viridis", **heat)
        above = panels[a, b].imshow(more, norm=Normalize(-largest, largest), cmap="RdBu_r", **heat)
        levels = [level for level in (-largest / 2, largest / 2) if more.min() < level < more.max()]
        if levels:
            panels[a, b].contour(more, levels, colors=INK, linewidths=0.6, **place)
    for row, (name, asked) in enumerate(varied.items()):
        panels[row, row].text(0.5, 0.5, plain(name), ha="center", va="center")
        for axes in panels[row]:
            axes.set_ylim(0, 1)
            _ticks(axes.yaxis, asked, many)
        for axes in panels[:, row]:
            axes.set_xlim(0, 1)
            _ticks(axes.xaxis, asked, many)
    for axes in panels.ravel():
        axes.label_outer()
    half = many // 2
    bars = ((below, panels[-1, :half], label), (above, panels[-1, half:], f"interaction alone, {label}"))
    for image, under, what in bars:
        said = wrapped(what, 6 * INCH * len(under) / many, most=3)
        figure.colorbar(image, ax=under, location="bottom", label=said, ticks=MaxNLocator(5))
    return figure


def _varied(space: Space) -> dict[str, Range]:
    return {name: asked for name, asked in space.items() if asked.low < asked.high}


def _parts(found: Importance) -> list[float]:
    """Return the shares of each hyperparameter, of all pairs, and of the rest."""
    own = [share for effect, share in sorted(found.shares.items()) if len(effect) == 1]
    return [*own, sum(share for effect, share in found.shares.items() if len(effect) > 1), found.rest]


def _ticks(axis: Axis, asked: Range, panels: int) -> None:
    """Label an axis of positions, one of so many beside each other, with the values that lie there."""
    most = 5 if panels <= 4 else 3
    values = ticks(asked.low, asked.high, asked.scale == "log", most)
    nines = [value for value in (0, 0.5, 0.9, 0.99, 0.999) if asked.low <= value <= asked.high]
    if asked.scale == "one minus log" and len(nines) > 1:
        values = nines[:: math.ceil(len(nines) / most)]
    room = 6.6 * INCH / panels if axis.axis_name == "x" else math.inf
    set_ticks(axis, values, room, lambda some: asked.position(np.array(some)))
