"""Counts and durations as text, for the command line and the reports."""

import math

DURATION_UNITS = (  # symbol, seconds, and the first duration that is shown in the next unit
    ("µs", 1e-6, 99.5e-6),
    ("ms", 1e-3, 99.5e-3),
    ("s", 1, 99.5),
    ("min", 60, 99.5 * 60),
    ("h", 3600, 99.5 * 3600),
)


def format_count(value: int, noun: str, plural: str = "") -> str:
    """Return a number and what is counted: 1 trial, 5,400 trials; `plural` where it is not noun + "s"."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {plural or noun + 's'}"


def format_duration(seconds: float) -> str:
    """Return a duration to two digits in the unit people use: 8.9 µs, 12 ms, 35 s, 3.5 h; "–" if NaN."""
    if math.isnan(seconds):
        return "–"
    for unit, size, limit in DURATION_UNITS:
        if 0 < seconds < limit:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds / 86400:,.0f} days" if seconds else "0 s"
