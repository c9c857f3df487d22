import pytest

from suite import Refusal
from suite.space import PAPER, Range, from_table, override, to_table


def test_a_space_comes_back_from_its_table():
    assert from_table(to_table(PAPER)) == PAPER


def test_an_override_keeps_the_scale():
    assert override(PAPER, {"units": (32, 64.0)})["units"] == Range(32, 64, "log", whole=True)


@pytest.mark.parametrize(
    ("name", "ends", "reason"),
    [
        ("units", (50, 20), "low is above high"),
        ("units", (0, 20), "1:100000"),
        ("units", (2.5, 20), "whole numbers"),
        ("learning_rate", (0, 1), "logarithmic, so low must be above 0"),
        ("learning_rate", (-1, 1), "values must lie in"),
        ("momentum", (0.5, 1.0), "high must be below 1"),
        ("input_noise", (-0.5, 1.0), "values must lie in"),
        ("input_noise", (float("nan"), 1.0), "low is above high"),
        ("learning_rate", (1e-3, float("inf")), "values must lie in"),
        ("unit", (1, 2), "Did you mean 'units'"),
    ],
)
def test_a_range_that_cannot_be_is_refused(name, ends, reason):
    with pytest.raises(Refusal, match=reason):
        override(PAPER, {name: ends})
