"""What all figures share: their style and colours, axes that can be read, labels apart, bytes that repeat."""

import io
import itertools
import math
from collections.abc import Callable

import numpy as np
from matplotlib import style
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from scipy.optimize import isotonic_regression

from suite.analysis.trial_statistics import VANILLA
from suite.report.figures.labels import (
    FONT_FAMILIES,
    FONT_SIZE,
    fitting_ticks,
    tick_labels,
    variant_labels,
    wrap_to_width,
)

TEXT_COLOR, MUTED_COLOR, FILL_COLOR = "#222222", "#767672", "#e6e6e1"
BLUE, VERMILION, GREEN = "#0072b2", "#d55e00", "#009e73"  # vanilla, the best tenth, others' numbers
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
figure_style = style.context(
    ["default", MATPLOTLIB_STYLE]
)  # "default" first: whatever the user's matplotlibrc says


def empty_figure(height: float) -> Figure:
    """Return an empty figure as wide as a page, 7.2 inches, and so many inches high."""
    figure = Figure(figsize=(7.2, height))
    FigureCanvasAgg(figure)
    return figure


def small_multiples(cells: list[str], x_label: str, y_label: str) -> tuple[Figure, np.ndarray]:
    """Return a figure with a panel a variant, at most four in a line on common axes, and the panels.

    `x_label` and `y_label` label the axes of all.
    """
    lines = math.ceil(len(cells) / 4)
    columns = math.ceil(len(cells) / lines)
    figure = empty_figure(0.5 + 1.35 * lines)
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (cell, name) in zip(panels, variant_labels(cells).items(), strict=False):
        axes.set_title(name, color=variant_color(cell))
    for axes in panels[len(cells) :]:
        axes.remove()
    for axes in panels[len(cells) - columns : len(cells)]:
        axes.tick_params(labelbottom=True)  # also above a panel that is not there
    figure.supxlabel(wrap_to_width(x_label, POINTS_PER_INCH * figure.get_figwidth() - 40), fontsize=FONT_SIZE)
    figure.supylabel(wrap_to_width(y_label, POINTS_PER_INCH * figure.get_figheight() - 8), fontsize=FONT_SIZE)
    return figure, panels[: len(cells)]


def variant_color(cell: str) -> str:
    """Return the colour of a variant where all but vanilla are alike."""
    return BLUE if cell == VANILLA else TEXT_COLOR


def line_styles(cells: list[str]) -> dict[str, dict]:
    """Return how to draw the line of each variant, no two alike among nineteen."""
    shades = (TEXT_COLOR, ORANGE, SKY, GREEN, VERMILION, PURPLE)
    looks = itertools.cycle(
        {"color": shade, "ls": dash, "lw": 1.0} for dash in ("-", "--", ":") for shade in shades
    )
    others = zip((cell for cell in cells if cell != VANILLA), looks, strict=False)
    return dict(others) | {VANILLA: {"color": BLUE, "ls": "-", "lw": 1.8, "zorder": 3}}


def axis_limits(scores: dict[str, np.ndarray]) -> tuple[float, float]:
    """Return the ends of an axis on which the scores of each variant, (trials,), can be read.

    It reaches to the farthest whisker of a box plot (1.5 interquartile ranges), so single exploded scores
    do not stretch it; a whisker ten times as far from the best score as the median one does not either, nor
    do scores a thousand times as far as the median, however many.
    """
    known = [values for values in scores.values() if len(values)]
    if not known:
        return 0.0, 1.0
    low = min(values.min() for values in known)
    far = low + 1000 * (np.median([np.median(values) for values in known]) - low)
    whiskers = [
        _upper_whisker(values, far if far > low else np.inf) for values in known if values.min() <= far
    ]
    near = max(end for end in whiskers if end - low <= 10 * (np.median(whiskers) - low))
    high = near if near > low else max(values.max() for values in known)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return float(low - margin), float(high + margin)


def round_ticks(low: float, high: float, log: bool = False, max_ticks: int = 6) -> list[float]:
    """Return a few round values from low to high, spaced evenly, or on a logarithmic axis by factors."""
    if log:
        powers = 10.0 ** np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for fewest, factors in ((3, (1,)), (3, (1, 3)), (2, (1, 2, 5))):
            found = _values_within(np.outer(powers, factors).ravel(), low, high)
            if len(found) >= fewest:
                return found[:: math.ceil(len(found) / max_ticks)]
    return _values_within(MaxNLocator(max_ticks - 1, steps=[1, 2, 5, 10]).tick_values(low, high), low, high)


def set_ticks(axis: Axis, values: list[float], points: float, places: Callable = list) -> None:
    """Put a few of some ticks on an axis so many points long, where `places` says, and no minor ones."""
    values = fitting_ticks(values, points)
    axis.set_ticks(places(values), tick_labels(values))
    axis.set_minor_locator(NullLocator())


def separate_labels(places: np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Return the places of labels, (labels,), moved as little as puts them a gap apart between two ends."""
    order, steps = np.argsort(places, kind="stable"), gap * np.arange(len(places))
    moved = isotonic_regression(np.asarray(places, float)[order] - steps).x + steps
    found = np.empty(len(places))
    found[order] = np.clip(moved, low + steps, high - steps[::-1])
    return found


def hyperparameter_axis_label(name: str) -> str:
    """Return the name of a hyperparameter as words."""
    return name.replace("_", " ")


def to_svg(figure: Figure) -> bytes:
    """Return a figure as SVG, the same bytes for the same figure."""
    return _figure_bytes(figure, "svg", {"Date": None, "Creator": None, "Format": None, "Type": None})


def to_png(figure: Figure) -> bytes:
    """Return a figure as PNG, the same bytes for the same figure."""
    return _figure_bytes(figure, "png", {"Software": None})


@figure_style
def _figure_bytes(figure: Figure, form: str, metadata: dict) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, metadata=metadata)
    figure.set_layout_engine("none")  # it stays as it is laid out: to do it again takes as long as drawing
    return buffer.getvalue()


def _upper_whisker(values: np.ndarray, far: float) -> float:
    lower, upper = np.quantile(values, [0.25, 0.75])
    return values[values <= min(upper + 1.5 * (upper - lower), far)].max()


def _values_within(values: np.ndarray, low: float, high: float) -> list[float]:
    slack = 1e-9 * (high - low)
    return [float(value) for value in values if low - slack <= value <= high + slack]
