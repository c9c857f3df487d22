"""Shared parts of figures: style, colours, axes, labels, marked trials in an SVG, reproducible bytes.

A page can hide what a figure shows of a variant, and find the trial that a point stands for. `tag_variant`
and `tag_trials` mark an artist: `to_svg` writes its group as `<g data-cell="lstm">`, and each point in it
that stands for a trial with `data-trial="7"`: a `use` or `path` element. They are not ids, because several
panels may show the same variant or trial. All that is drawn for one variant is tagged. Points of scores and
of costs, and learning curves, are tagged with their trials, too.
"""

import contextlib
import html
import io
import itertools
import math
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import rc_context, style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator, NullLocator
from scipy.optimize import isotonic_regression

from suite.report.figures.labels import (
    FONT_FAMILIES,
    FONT_SIZE,
    fitting_ticks,
    tick_labels,
    variant_labels,
    wrap_to_width,
)

TEXT_COLOR, MUTED_COLOR, FILL_COLOR = "#222222", "#767672", "#e6e6e1"
BLUE, VERMILION, GREEN = "#0072b2", "#d55e00", "#009e73"  # the baseline, the best tenth, published numbers
ORANGE, SKY, PURPLE = "#e69f00", "#56b4e9", "#cc79a7"  # with these, Okabe and Ito's palette
MATPLOTLIB_STYLE = {
    "font.family": list(FONT_FAMILIES),
    "font.size": FONT_SIZE,
    "axes.titlesize": FONT_SIZE,
    "axes.titlelocation": "left",
    "axes.labelcolor": TEXT_COLOR,
    "axes.edgecolor": MUTED_COLOR,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "text.color": TEXT_COLOR,
    "text.parse_math": False,  # a dollar in a user's name is a dollar
    "xtick.color": MUTED_COLOR,
    "ytick.color": MUTED_COLOR,
    "xtick.labelcolor": TEXT_COLOR,
    "ytick.labelcolor": TEXT_COLOR,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "odyssey",  # the ids of an SVG are random otherwise
    "savefig.dpi": 200,
}
POINTS_PER_INCH = 72  # points
LABEL_HEIGHT = 9  # points, of a line of small text
DASHED = (3.7, 1.6)  # of a line: on and off, in its widths
VARIANT_PREFIX = "variant:"  # of the group id of an artist that shows a variant, or trials of it
figure_style = style.context(
    ["default", MATPLOTLIB_STYLE]
)  # "default" first, to undo the user's matplotlibrc


class LineStyle(NamedTuple):
    """How the line of a variant is drawn: `dashes` are on and off, () is solid; `width` in points."""

    color: str
    dashes: tuple[float, ...] = ()
    width: float = 1.3

    @property
    def matplotlib_style(self) -> Any:
        """Return the dashes as matplotlib takes them."""
        return (0, self.dashes) if self.dashes else "-"


def empty_figure(height: float) -> Figure:
    """Return an empty figure as wide as a page (7.2 inches) and `height` inches high."""
    figure = Figure(figsize=(7.2, height))
    FigureCanvasAgg(figure)
    return figure


def small_multiples(cells: list[str], x_label: str, y_label: str, baseline: str) -> tuple[Figure, np.ndarray]:
    """Return a figure with one panel per variant, at most four in a row on common axes, and the panels.

    `x_label` and `y_label` label the axes of all.
    """
    lines = math.ceil(len(cells) / 4)
    columns = math.ceil(len(cells) / lines)
    figure = empty_figure(0.5 + 1.35 * lines)
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (cell, name) in zip(panels, variant_labels(cells).items(), strict=False):
        axes.set_title(name, color=variant_color(cell, baseline))
        tag_variant(axes, cell)
    for axes in panels[len(cells) :]:
        axes.remove()
    for axes in panels[len(cells) - columns : len(cells)]:
        axes.tick_params(labelbottom=True)  # even above a missing panel
    figure.supxlabel(wrap_to_width(x_label, POINTS_PER_INCH * figure.get_figwidth() - 40), fontsize=FONT_SIZE)
    figure.supylabel(wrap_to_width(y_label, POINTS_PER_INCH * figure.get_figheight() - 8), fontsize=FONT_SIZE)
    return figure, panels[: len(cells)]


def variant_color(cell: str, baseline: str) -> str:
    """Return the colour of a variant in figures that set off only the baseline."""
    return BLUE if cell == baseline else TEXT_COLOR


def line_styles(cells: Iterable[str], baseline: str) -> dict[str, LineStyle]:
    """Return the line style of each variant, distinct for up to nineteen; the baseline's is last."""
    shades = (TEXT_COLOR, ORANGE, SKY, GREEN, VERMILION, PURPLE)
    looks = itertools.cycle(
        LineStyle(shade, dashes, 1.0) for dashes in ((), DASHED, (1, 1.65)) for shade in shades
    )
    others = zip((cell for cell in cells if cell != baseline), looks, strict=False)
    return dict(others) | {baseline: LineStyle(BLUE, (), 1.8)}


def draw_points(axes: Axes, table: pd.DataFrame, x: str, y: str, **look: Any) -> None:
    """Draw a point for each row of a table, as one collection in row order, without labels or legend."""
    if len(table):  # seaborn warns of colours that no point has
        with _labelled(axes):
            sns.scatterplot(table, x=x, y=y, ax=axes, **{"linewidth": 0, "legend": False} | look)


def draw_line(axes: Axes, table: pd.DataFrame, x: str, y: str, look: LineStyle) -> Line2D:
    """Draw a column of a table against another as a line, without labels, and return the line."""
    style = {"color": look.color, "lw": look.width, "ls": look.matplotlib_style}
    with _labelled(axes):
        sns.lineplot(table, x=x, y=y, ax=axes, estimator=None, legend=False, **style)
    return axes.get_lines()[-1]


def draw_band(axes: Axes, table: pd.DataFrame, x: str, y: str, look: LineStyle) -> None:
    """Draw a column of a table against another as a line, and the interval from `low` to `high` around it.

    The interval is drawn by hand: seaborn draws those that it computes, not those that are given.
    """
    axes.fill_between(table[x], table["low"], table["high"], color=look.color, alpha=0.2, lw=0)
    draw_line(axes, table, x, y, look)


def label_beside(
    axes: Axes, points: Mapping[str, tuple[float, float]], looks: Mapping[str, LineStyle], baseline: str
) -> None:
    """Write the name of each variant to the right of a panel, joined to its point (x, y) by its line.

    The names are kept apart. A point above or below the panel is joined at its edge.
    """
    low, high = axes.get_ylim()
    height = axes.figure.bbox.height / axes.figure.dpi * POINTS_PER_INCH - 45  # points, of a panel
    line_ends = {cell: (x, float(np.clip(y, low, high))) for cell, (x, y) in points.items()}
    heights = np.array([y for _, y in line_ends.values()])
    places = separate_labels(heights, (high - low) * LABEL_HEIGHT / height, low, high)
    names = variant_labels(looks)
    for (cell, point), place in zip(line_ends.items(), places, strict=True):
        look = looks[cell]
        line = {"arrowstyle": "-", "color": look.color, "lw": 0.6, "shrinkA": 1, "shrinkB": 2}
        label = axes.annotate(
            names[cell],
            point,
            (1.04, place),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            fontsize=7,
            color=variant_color(cell, baseline),
            arrowprops=line | {"ls": look.matplotlib_style, "relpos": (0, 0.5)},
        )
        tag_variant(label, cell)


def label_column_height(labels: int) -> float:
    """Return the height in inches of a figure that has room for `labels` labels beside each panel."""
    return max(3.3, (labels * LABEL_HEIGHT + 60) / POINTS_PER_INCH)


def tag_trials(artist: Artist, cell: str, trials: Iterable[int]) -> None:
    """Mark an artist for `to_svg` with its variant and trials, one trial for each point in order."""
    numbers = ",".join(str(int(trial)) for trial in trials)
    artist.set_gid(f"{VARIANT_PREFIX}{urllib.parse.quote(cell, safe='')}:{numbers}")


def tag_variant(artist: Artist, cell: str) -> None:
    """Mark an artist for `to_svg` with its variant."""
    tag_trials(artist, cell, [])
    if isinstance(artist, Annotation) and artist.arrow_patch:
        tag_trials(artist.arrow_patch, cell, [])


@contextlib.contextmanager
def variant_artists(axes: Axes, cell: str) -> Iterator[None]:
    """Mark all artists that the block adds to a panel with a variant, except those marked already."""
    before = set(axes.get_children())
    yield
    for artist in axes.get_children():
        if artist not in before and not artist.get_gid():
            tag_variant(artist, cell)


def tag_tick_labels(axis: Axis, cells: Iterable[str]) -> None:
    """Mark the first labels of an axis with variants, one for each label in order."""
    for text, cell in zip(axis.get_ticklabels(), cells, strict=False):
        tag_variant(text, cell)


def axis_limits(scores: Mapping[Any, np.ndarray]) -> tuple[float, float]:
    """Return the limits of an axis on which the scores of each variant, (trials,), are readable.

    It reaches to the farthest whisker of a box plot (1.5 interquartile ranges), so single exploded scores
    do not stretch it; a whisker ten times as far from the best score as the median one does not either, nor
    do scores a thousand times as far as the median, however many.
    """
    nonempty = [values for values in scores.values() if len(values)]
    if not nonempty:
        return 0.0, 1.0
    low = min(values.min() for values in nonempty)
    far = low + 1000 * (np.median([np.median(values) for values in nonempty]) - low)
    whiskers = [
        _upper_whisker(values, far if far > low else np.inf) for values in nonempty if values.min() <= far
    ]
    near = max(whisker for whisker in whiskers if whisker - low <= 10 * (np.median(whiskers) - low))
    high = near if near > low else max(values.max() for values in nonempty)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return float(low - margin), float(high + margin)


def round_ticks(low: float, high: float, log: bool = False, max_ticks: int = 6) -> list[float]:
    """Return a few round values from low to high, spaced evenly, or on a logarithmic axis by factors."""
    if log:
        powers = 10.0 ** np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for fewest, factors in ((3, (1,)), (3, (1, 3)), (2, (1, 2, 5))):
            ticks = _values_within(np.outer(powers, factors).ravel(), low, high)
            if len(ticks) >= fewest:
                return ticks[:: math.ceil(len(ticks) / max_ticks)]
    return _values_within(MaxNLocator(max_ticks - 1, steps=[1, 2, 5, 10]).tick_values(low, high), low, high)


def set_ticks(axis: Axis, values: list[float], points: float, places: Callable = list) -> None:
    """Put some of the given ticks at `places` on an axis `points` points long; remove minor ticks."""
    values = fitting_ticks(values, points)
    axis.set_ticks(places(values), tick_labels(values))
    axis.set_minor_locator(NullLocator())


def separate_labels(places: np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Return the places of labels, (labels,), moved as little as possible so that they do not overlap."""
    order, steps = np.argsort(places, kind="stable"), gap * np.arange(len(places))
    moved = isotonic_regression(np.asarray(places, float)[order] - steps).x + steps
    separated = np.empty(len(places))
    separated[order] = np.clip(moved, low + steps, high - steps[::-1])
    return separated


def hyperparameter_axis_label(name: str) -> str:
    """Return the name of a hyperparameter as words."""
    return name.replace("_", " ")


def to_svg(figure: Figure) -> bytes:
    """Return a figure as SVG, the same bytes for the same figure, with its tags of variants and trials."""
    svg = _figure_bytes(figure, "svg", {"Date": None, "Creator": None, "Format": None, "Type": None})
    head, *groups = svg.decode().split(f'<g id="{VARIANT_PREFIX}')
    return "".join([head, *map(_mark_variant, groups)]).encode()


def to_png(figure: Figure) -> bytes:
    """Return a figure as PNG, the same bytes for the same figure."""
    return _figure_bytes(figure, "png", {"Software": None})


@contextlib.contextmanager
def _labelled(axes: Axes) -> Iterator[None]:
    """Label axes for a while: seaborn would find out whether to, which takes it longer than drawing."""
    axes.set(xlabel="x", ylabel="y")
    yield
    axes.set(xlabel="", ylabel="")


@figure_style
def _figure_bytes(figure: Figure, form: str, metadata: dict) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, metadata=metadata)
    with rc_context({"figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)  # keep this layout; after "none", the next file would be drawn twice
    return buffer.getvalue()


def _mark_variant(group: str) -> str:
    """Return the text after the start of a group's tag with its variant and trials in attributes."""
    tag, rest = group.split('"', 1)
    cell, trials = tag.split(":")
    start, *shapes = re.split(r"(<use |<path (?!id=))", rest)  # drawn shapes, not definitions
    for number, trial in enumerate(filter(None, trials.split(","))):
        shapes[2 * number] += f'data-trial="{trial}" '
    return f'<g data-cell="{html.escape(urllib.parse.unquote(cell))}"{start}{"".join(shapes)}'


def _upper_whisker(values: np.ndarray, far: float) -> float:
    lower, upper = np.quantile(values, [0.25, 0.75])
    return values[values <= min(upper + 1.5 * (upper - lower), far)].max()


def _values_within(values: Iterable[float], low: float, high: float) -> list[float]:
    slack = 1e-9 * (high - low)
    return [float(value) for value in values if low - slack <= value <= high + slack]
