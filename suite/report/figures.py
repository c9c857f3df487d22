"""The figures of a report: a function each, which returns a matplotlib Figure and touches no global state."""

import io
import math

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from suite.analysis.stats import VANILLA, best_tenth, scored

INK, QUIET, FILL = "#222222", "#767672", "#e6e6e1"
BLUE, VERMILION = "#0072b2", "#d55e00"  # Okabe and Ito's palette: vanilla, the best tenth
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same layout on every machine
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "odyssey",  # the ids of an SVG are random otherwise
    "savefig.dpi": 200,
}
styled = style.context(["default", STYLE])  # "default" first: whatever the user's matplotlibrc says
FEW = 5  # a box is drawn of at least so many scores


@styled
def boxes(rows: pd.DataFrame, cells: list[str], label: str) -> Figure:
    """Return the test scores of one task by variant: all trials to the left, the best tenth to the right."""
    rows = rows[rows["cell"].isin(cells)]
    figure = _figure(7.2, 1.0 + 0.25 * len(cells))
    left, right = figure.subplots(1, 2, sharey=True)
    everything, tenths = _scores(rows, cells), _scores(_tenths(rows), cells)
    _boxes(left, everything, cells, "All trials")
    _boxes(right, tenths, cells, "Best tenth on validation")
    for y, cell in enumerate(cells):
        if len(everything[cell]) < FEW:
            _points(left, y, everything[cell], QUIET)
        _points(right, y, tenths[cell], VERMILION)
    for axes in (left, right):
        axes.set_xlabel(label)
    left.set_yticks(range(len(cells)), cells)
    left.set_ylim(len(cells) - 0.5, -0.5)
    return figure


@styled
def against(rows: pd.DataFrame, cells: list[str], name: str, scale: str, label: str) -> Figure:
    """Return the test score of every trial of one task against a hyperparameter, a panel a variant.

    Trials off the scale, and those without a score, are crosses along the top.
    """
    rows = rows[rows["cell"].isin(cells)]
    lines = math.ceil(len(cells) / 4)
    columns = math.ceil(len(cells) / lines)
    figure = _figure(7.2, 0.5 + 1.35 * lines)
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    low, high = limits(_scores(rows, cells))
    top = high - 0.025 * (high - low)
    for axes, cell in zip(panels, cells, strict=False):
        trials = rows[rows["cell"] == cell]
        test = trials["test"].where(scored(trials), np.inf)
        inside, best = test <= high, trials.index.isin(best_tenth(trials).index)
        for chosen, color in ((~best, QUIET), (best, VERMILION)):
            shown = chosen & inside
            axes.plot(trials.loc[shown, name], test[shown], "o", ms=2.8, color=color, alpha=0.8, mew=0)
        off = trials.loc[~inside, name]
        axes.plot(off, np.full(len(off), top), "x", ms=3, color=QUIET, mew=0.7)
        axes.set_title(cell, color=BLUE if cell == VANILLA else INK)
    for axes in panels[len(cells) :]:
        axes.remove()
    for axes in panels[len(cells) - columns : len(cells)]:
        axes.tick_params(labelbottom=True)  # also above a panel that is not there
    if scale == "log":
        panels[0].set_xscale("log")
        for axes in figure.axes:
            axes.minorticks_off()
    panels[0].set_ylim(low, high)
    figure.supxlabel(name.replace("_", " "), fontsize=8)
    figure.supylabel(label, fontsize=8)
    return figure


def limits(scores: dict[str, np.ndarray]) -> tuple[float, float]:
    """Return the ends of an axis on which the scores of each variant, (trials,), can be read.

    It reaches to the farthest whisker of a box plot (1.5 interquartile ranges), so single exploded scores
    do not stretch it; a whisker ten times as far from the best score as the median one does not either.
    """
    known = [values for values in scores.values() if len(values)]
    if not known:
        return 0.0, 1.0
    low = min(values.min() for values in known)
    whiskers = np.array([_whisker(values) for values in known])
    near = whiskers[whiskers - low <= 10 * (np.median(whiskers) - low)]
    high = near.max() if len(near) and near.max() > low else max(values.max() for values in known)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return float(low - margin), float(high + margin)


def svg(figure: Figure) -> bytes:
    """Return a figure as SVG, the same bytes for the same figure."""
    return _bytes(figure, "svg", {"Date": None, "Creator": None, "Format": None, "Type": None})


def png(figure: Figure) -> bytes:
    """Return a figure as PNG, the same bytes for the same figure."""
    return _bytes(figure, "png", {"Software": None})


@styled
def _bytes(figure: Figure, form: str, metadata: dict) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, metadata=metadata)
    return buffer.getvalue()


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def _tenths(rows: pd.DataFrame) -> pd.DataFrame:
    parts = [best_tenth(trials) for _, trials in rows.groupby("cell", sort=False)]
    return pd.concat(parts) if parts else rows


def _scores(rows: pd.DataFrame, cells: list[str]) -> dict[str, np.ndarray]:
    known = rows[scored(rows)]
    return {cell: known.loc[known["cell"] == cell, "test"].to_numpy(float) for cell in cells}


def _whisker(values: np.ndarray) -> float:
    lower, upper = np.quantile(values, [0.25, 0.75])
    return values[values <= upper + 1.5 * (upper - lower)].max()


def _points(axes: Axes, y: int, values: np.ndarray, color: str) -> None:
    shift = (np.arange(len(values)) * 0.618 % 1 - 0.5) * 0.4  # spread, the same every time
    axes.plot(values, y + shift, "o", ms=3.2, color=color, mec="white", mew=0.4, zorder=3)


def _boxes(axes: Axes, scores: dict[str, np.ndarray], cells: list[str], title: str) -> None:
    low, high = limits(scores)
    if len(scores.get(VANILLA, ())):
        axes.axvline(np.median(scores[VANILLA]), color=BLUE, lw=0.8, ls=(0, (4, 3)), zorder=0)
    for y, cell in enumerate(cells):
        values, edge = scores[cell], BLUE if cell == VANILLA else INK
        if len(values) >= FEW:
            line = {"color": edge, "lw": 0.8}
            axes.boxplot(
                [values],
                positions=[y],
                widths=0.6,
                orientation="horizontal",
                manage_ticks=False,
                patch_artist=True,
                boxprops={"facecolor": FILL, "edgecolor": edge, "lw": 0.8},
                medianprops={"color": edge, "lw": 1.6},
                whiskerprops=line,
                capprops=line,
                flierprops={"marker": "o", "ms": 1.8, "mec": "none", "mfc": QUIET},
            )
        off = int((values > high).sum())
        if off:
            place = axes.get_yaxis_transform()
            axes.text(1.01, y, f"+{off}", transform=place, va="center", fontsize=7, color=QUIET)
    axes.set_xlim(low, high)
    axes.set_title(title)
    axes.tick_params(axis="y", length=0)
