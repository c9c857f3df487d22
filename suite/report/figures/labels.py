"""Text of figures: characters that a font has, shortening to a width, and the labels of ticks.

Names and units are a user's, of any length and script. They are never parsed as mathematics
(`text.parse_math` is off in `suite.report.figures.style`). Characters that cannot be drawn are left out; the
text of the page shows the full name.
"""

import functools
import itertools
from collections.abc import Iterable, Sequence

from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.textpath import text_to_path

from suite.report.formatting import unique_short_names

FONT_SIZE = 8  # points, the default size of text
VARIANT_LABEL_WIDTH = 92  # points, the width of a variant's name
ELLIPSIS = "…"
SUPERSCRIPT_DIGITS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SYSTEM_FONTS = (  # of Linux and macOS, with the scripts that DejaVu Sans lacks; those installed are used
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans GB",
    "Hiragino Sans",
    "Apple SD Gothic Neo",
    "Arial Unicode MS",
    "Unifont",
)
_installed_fonts = {font.name for font in fontManager.ttflist}
FONT_FAMILIES = (  # DejaVu Sans comes with matplotlib: where it suffices, every machine draws the same
    "DejaVu Sans",
    *(name for name in SYSTEM_FONTS if name in _installed_fonts),
)


def drawable_text(text: str) -> str:
    """Return text on one line, with an ellipsis for each run of characters that no font here has."""
    runs = itertools.groupby(
        " ".join(text.split()), lambda character: ord(character) in _supported_characters()
    )
    return "".join("".join(run) if known else ELLIPSIS for known, run in runs)


def shorten_to_width(text: str, points: float) -> str:
    """Return text no wider than a number of points; of longer text, keep the beginning and the end."""
    text = drawable_text(text)
    if text_width(text) <= points:
        return text
    for kept in range(len(text) - 1, 0, -1):
        tail = kept // 2
        shortened = text[: kept - tail] + ELLIPSIS + text[len(text) - tail :]
        if text_width(shortened) <= points:
            return shortened
    return ELLIPSIS


def wrap_to_width(text: str, points: float, max_lines: int = 2) -> str:
    """Return text on at most `max_lines` lines no wider than a number of points; shorten the last."""
    lines: list[str] = []
    rest = drawable_text(text)
    while len(lines) < max_lines - 1 and text_width(rest) > points:
        longest = next((n for n in range(len(rest), 1, -1) if text_width(rest[:n]) <= points), 1)
        space = rest.rfind(" ", 1, longest + 1)
        line_length = longest if space < 0 else space
        lines.append(rest[:line_length])
        rest = rest[line_length:].lstrip()
    return "\n".join([*lines, shorten_to_width(rest, points)])


def variant_labels(cells: Iterable[str]) -> dict[str, str]:
    """Return a distinct label for the name of each variant."""
    return unique_short_names(cells, lambda cell: shorten_to_width(cell, VARIANT_LABEL_WIDTH), "{} ({})")


def tick_labels(values: Sequence[float]) -> list[str]:
    """Return the labels of ticks, in one notation: 0, 0.0012, 20,000; or 10⁻⁶, 3·10⁻⁴, 1.2·10⁷."""
    if all(value == 0 or 1e-3 <= abs(value) < 1e6 for value in values):
        return [f"{value:,.10g}" for value in values]
    return [_power_of_ten(value) if value else "0" for value in values]


def fitting_ticks(values: Sequence[float], points: float) -> list[float]:
    """Return all ticks, or every second, third … one, so that their labels do not overlap."""
    sparser = (list(values[::step]) for step in range(1, len(values) + 1))
    return next(
        (some for some in sparser if text_width("  ".join(tick_labels(some))) <= points), list(values[:1])
    )


@functools.lru_cache(maxsize=4096)
def text_width(text: str) -> float:
    """Return how wide a line of text is, in points."""
    font = FontProperties(family=list(FONT_FAMILIES), size=FONT_SIZE)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]


def _power_of_ten(value: float) -> str:
    factor, power = f"{value:.9e}".split("e")
    raised = f"10{str(int(power)).translate(SUPERSCRIPT_DIGITS)}"
    return raised if float(factor) == 1 else f"{float(factor):.10g}·{raised}"


@functools.cache
def _supported_characters() -> frozenset[int]:
    """Return the code points that the fonts in use have."""
    return frozenset().union(*(get_font(findfont(family)).get_charmap() for family in FONT_FAMILIES))
