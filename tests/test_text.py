"""Counts and durations as people write them."""

import pytest

from suite.text import format_count, format_duration


def test_one_is_singular_and_all_else_plural():
    assert [format_count(n, "search", "searches") for n in (0, 1, 2)] == [
        "0 searches",
        "1 search",
        "2 searches",
    ]
    assert format_count(5400, "trial") == "5,400 trials"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (8.9e-6, "8.9 µs"),
        (0.000123, "0.12 ms"),
        (0.0123, "12 ms"),
        (0.5, "0.5 s"),
        (35, "35 s"),
        (99.9, "1.7 min"),
        (720, "12 min"),
        (5990, "1.7 h"),
        (3 * 3600, "3 h"),
        (20 * 86400, "20 days"),
    ],
)
def test_a_duration_has_the_unit_that_people_use(seconds, expected):
    assert format_duration(seconds) == expected
