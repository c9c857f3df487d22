"""Formats for numbers and names in a report."""

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping

import pandas as pd

from suite.analysis.significance import ALPHA
from suite.config import VANILLA

NO_VALUE = "–"
ORACLE_NAMES = {"random": "random search", "bayesian": "Bayesian search", "hyperband": "Hyperband"}
MAX_SHORT_DESCRIPTION = 40  # characters
SI_PREFIXES = ("", "k", "M", "G", "T", "P", "E")  # one for each power of a thousand


def format_score(value: float) -> str:
    """Return a score to four digits: 8.550, 0.1700, 1.200e-5."""
    if pd.isna(value):
        return NO_VALUE
    if math.isinf(value):
        return "no score"
    return _typeset_number(f"{value:#.4g}".rstrip("."))


def format_mean_sd(mean: float, sd: float) -> str:
    """Return a mean and the standard deviation about it, to the same decimals: 8.550 ± 0.060."""
    return (
        format_score(mean)
        if pd.isna(mean) or pd.isna(sd)
        else f"{format_score(mean)} ± {decimals_of(sd, mean)}"
    )


def format_difference(value: float, mean: float) -> str:
    """Return a difference with its sign, with as many decimals as its mean: +0.040."""
    if pd.isna(value) or value == 0:
        return NO_VALUE if pd.isna(value) else "0"
    return ("+" if value > 0 else "−") + decimals_of(abs(value), mean)


def format_number(value: float, digits: int = 3) -> str:
    """Return a count or a quantity: 1,234; 0.0123; ∞."""
    if pd.isna(value):
        return NO_VALUE
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) < 1e9 and (value == round(value) or abs(value) >= 1000):
        return f"{value:,.0f}"
    return _typeset_number(f"{value:.{digits}g}")


def format_value(value: float | str) -> str:
    """Return the value of a hyperparameter: a number as `format_number` does, or a text as it is."""
    return value if isinstance(value, str) else format_number(value)


def format_si(value: float) -> str:
    """Return a number of operations to three digits with its prefix: 0, 950, 1.2 M, 3.45 T."""
    if pd.isna(value):
        return NO_VALUE
    thousands = 0 if value == 0 else math.floor(math.log10(float(f"{abs(value):.2e}")) / 3)
    step = min(max(thousands, 0), len(SI_PREFIXES) - 1)
    return f"{_typeset_number(f'{value / 1000**step:.3g}')} {SI_PREFIXES[step]}".rstrip()


def join_names(names: Iterable[str]) -> str:
    """Return names as a list in a sentence: a, b and c."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def unique_short_names(names: Iterable[str], shorten: Callable[[str], str], numbered: str) -> dict[str, str]:
    """Return each name shortened, all distinct: `numbered` adds a number to names that would be equal."""
    short_names: dict[str, str] = {}
    for name in names:
        short = free = shorten(name)
        numbers = itertools.count(2)
        while free in short_names.values():
            free = numbered.format(short, next(numbers))
        short_names[name] = free
    return short_names


def variant_name(cell: str) -> str:
    """Return the name of a variant in a sentence."""
    return f"vanilla {cell}" if cell == VANILLA else cell


def hyperparameter_label(name: str) -> str:
    """Return the name of a hyperparameter as words."""
    return name.replace("_", " ")


def short_description(description: str) -> str:
    """Return the first words of a cell's description for use in a sentence: no forget gate; "" if long."""
    words = re.split(r"[:;.,(]", description, maxsplit=1)[0].strip()
    if len(words) > MAX_SHORT_DESCRIPTION:
        return ""
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]


def format_signed(value: float) -> str:
    """Return a number with its sign: +0.040."""
    magnitude = format_number(abs(value))
    return magnitude if pd.isna(value) or value == 0 else f"{'+' if value > 0 else '−'}{magnitude}"


def format_p(p: float) -> str:
    """Return a p-value, with an asterisk where it is significant: 0.0012 *."""
    return NO_VALUE if pd.isna(p) else f"{_typeset_number(f'{p:.2g}')}{' *' if p < ALPHA else ''}"


def format_share(share: float, spread: float = math.nan) -> str:
    """Return a share of a variance, with its spread where it has one: 0.412 ± 0.021."""
    beside = "" if pd.isna(spread) else f" ± {spread:.3f}"
    return NO_VALUE if pd.isna(share) else f"{share:.3f}{beside}"


def format_percent(share: float) -> str:
    """Return a share as percent: 98 %; 0.0012 %."""
    if math.isinf(share):
        return "no score"
    return NO_VALUE if math.isnan(share) else f"{format_number(100 * share)} %"


def format_interval(row: Mapping, key: str, scale: float = 1, unit: str = "") -> str:
    """Return a value of a row and its interval from `low` to `high`: 0.52 (0.5–0.55), 48 % (37.1–59 %)."""
    value, low, high = (format_number(scale * row[name]) for name in (key, "low", "high"))
    return f"{value}{unit}" if low == NO_VALUE else f"{value}{unit} ({low}–{high}{unit})"


def format_probability(row: Mapping, key: str = "probability", low: str = "low", high: str = "high") -> str:
    """Return a probability of a row and its interval: 0.12 (0.05–0.20)."""
    return NO_VALUE if pd.isna(row[key]) else f"{row[key]:.2f} ({row[low]:.2f}–{row[high]:.2f})"


def format_part(part: int, whole: int) -> str:
    """Return a count, with the expected count if it differs: 12, or 5 of 12."""
    return f"{part:,}" if part == whole else f"{part:,} of {whole:,}"


def decimals_of(value: float, mean: float) -> str:
    """Return a value ≥ 0 to the decimals that `format_score` gives the mean, or to one digit."""
    text = f"{mean:#.4g}"
    if "e" not in text:
        decimals = len(text.partition(".")[2])
        if value == 0 or value >= 0.5 * 10**-decimals:
            return f"{value:.{decimals}f}"
    return _typeset_number(f"{value:.1g}")


def typeset_minus(text: str) -> str:
    """Return a text whose negative numbers and exponents have a minus sign instead of a hyphen."""
    return re.sub(r"(?<!\w)-(?=\d)|(?<=\de)-(?=\d)", "−", text)


def _typeset_number(text: str) -> str:
    return re.sub(r"e([+-])0*", lambda e: "e−" if e[1] == "-" else "e", text).replace("-", "−")
