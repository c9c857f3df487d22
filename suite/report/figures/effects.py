"""The first figure of a report: how each variant compares with the baseline, on each task."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from suite.analysis.significance import ALPHA
from suite.report.figures.labels import shorten_to_width, text_width, variant_labels, wrap_to_width
from suite.report.figures.style import (
    BLUE,
    FILL_COLOR,
    MUTED_COLOR,
    POINTS_PER_INCH,
    TEXT_COLOR,
    draw_points,
    empty_figure,
    figure_style,
    tag_tick_labels,
    variant_artists,
)

MAX_EFFECT_COLUMNS = 3  # panels beside each other
NUMBER_COLUMN_WIDTH = 38  # points, right of a panel: "0.82 *"


@figure_style
def effect_plot(differences: Mapping[str, pd.DataFrame], titles: Mapping[str, str], baseline: str) -> Figure:
    """Return a forest plot: the probability that a trial of a variant is better than one of the baseline.

    It has one panel per task, named in `titles`, and one line per variant, the best mean probability first.
    `differences` maps each task to a frame with the columns `cell`, `probability`, `low` and `high`, its 95 %
    interval, and `adjusted`, the adjusted p-value: below .05 the point is filled and dark and its number has
    an asterisk, else the point is hollow. A variant that is not compared on a task (NaN) has a name and no
    point there.
    """
    kinds = {"probability": float, "adjusted": float}  # a frame of nothing but missing values has objects
    tables = {task: table.set_index("cell").astype(kinds) for task, table in differences.items()}
    means = pd.concat(tables)["probability"].groupby(level="cell", sort=False).mean()
    cells = list(means.sort_values(ascending=False, kind="stable", na_position="last").index)
    lines = math.ceil(len(tables) / MAX_EFFECT_COLUMNS)
    columns = math.ceil(len(tables) / lines)
    figure = empty_figure(0.35 + lines * (0.9 + 0.21 * len(cells)))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    names, page = variant_labels(cells), figure.get_figwidth() * POINTS_PER_INCH
    width = (page - max(map(text_width, names.values()))) / columns - NUMBER_COLUMN_WIDTH - 12
    baseline_name = variant_labels([baseline])[baseline]
    for axes, (task, table) in zip(panels, tables.items(), strict=False):
        _draw_effects(axes, table.reindex(cells))
        title = wrap_to_width(titles[task], 0.86 * (width + NUMBER_COLUMN_WIDTH))  # bold text is wider
        axes.set_title(title, fontweight="bold", pad=14)
        _label_directions(axes, baseline_name, width)
    panels[0].set_xlim(0, 1)
    panels[0].set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
    panels[0].set_yticks(range(len(cells)), list(names.values()))
    panels[0].set_ylim(len(cells) - 0.5, -0.5)
    for axes in panels:
        tag_tick_labels(axes.yaxis, cells)
    for axes in panels[len(tables) :]:
        axes.remove()
    label = f"probability that a trial is better than one of {baseline_name} · line: its 95 % interval · "
    label = wrap_to_width(label + "●  * adjusted p < .05 · ○  not significant", page - 8)
    figure.supxlabel(label, fontsize=7, color=MUTED_COLOR)
    return figure


def _draw_effects(axes: Axes, table: pd.DataFrame) -> None:
    """Draw each row of a table as a line of a panel: interval, point, and number."""
    rows = table.assign(y=np.arange(len(table)), significant=table["adjusted"] < ALPHA)
    axes.grid(axis="y", color=FILL_COLOR, lw=0.6)
    axes.axvline(0.5, color=BLUE, lw=0.8, ls=(0, (4, 3)), zorder=1)
    above: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "center"}
    axes.annotate("no better, no worse", (0.5, 1), (0, 3), fontsize=7, color=BLUE, **above)
    for significant, compared in rows[rows["probability"].notna()].groupby("significant"):
        shade, thick, fill = (TEXT_COLOR, 1.6, TEXT_COLOR) if significant else (MUTED_COLOR, 0.8, "white")
        look = {"facecolor": fill, "edgecolor": shade, "linewidth": 0.9, "clip_on": False}
        text: dict[str, Any] = {"va": "center_baseline", "fontsize": 7, "color": shade}
        text |= {"fontweight": "bold" if significant else "normal", "textcoords": "offset points"}
        for cell, row in compared.groupby(level=0, sort=False):
            with variant_artists(axes, str(cell)):
                axes.hlines(row["y"], row["low"], row["high"], color=shade, lw=thick, zorder=2)
                draw_points(axes, row, "probability", "y", s=22, zorder=3, **look)
                number = f"{row['probability'].item():.2f}{' *' if significant else ''}"
                place = (1, row["y"].item())
                axes.annotate(number, place, (6, 0), xycoords=axes.get_yaxis_transform(), **text)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelbottom=True)  # even above another panel


def _label_directions(axes: Axes, name: str, width: float) -> None:
    """Write below a panel, `width` points wide, which side means worse and which better."""
    texts = [f"worse than {name} ←", f"→ better than {name}", ""]
    if max(map(text_width, texts)) > width / 2:
        texts = ["worse ←", "→ better", f"than {shorten_to_width(name, width)}"]
    offsets = {"right": (-4, -16), "left": (4, -16), "center": (0, -26)}
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top"}
    for text, (side, offset) in zip(texts, offsets.items(), strict=True):
        if text:
            axes.annotate(text, (0.5, 0), offset, fontsize=7, ha=side, **place)
