import numpy as np
import pytest

from suite import Refusal
from suite.space import OPTIONAL_RANGES, PAPER_SPACE, Range, override_ranges, space_from_table, space_to_table


def test_a_space_is_recreated_from_its_table():
    assert space_from_table(space_to_table(PAPER_SPACE)) == PAPER_SPACE


def test_an_override_keeps_the_scale():
    assert override_ranges(PAPER_SPACE, {"units": (32, 64.0)})["units"] == Range(32, 64, "log", whole=True)


def test_the_order_of_changes_does_not_change_the_order_of_the_space():
    """The draws of a search depend on the order of its space."""
    assert not OPTIONAL_RANGES.keys() & PAPER_SPACE.keys()
    ends = {"clip_value": (0.5, 2), "clip_norm": (1, 1)}
    both = override_ranges(PAPER_SPACE, ends)
    assert list(both) == [*PAPER_SPACE, "clip_norm", "clip_value"]
    assert both["clip_value"] == Range(0.5, 2.0, "log")
    one_by_one = override_ranges(
        override_ranges(PAPER_SPACE, {"clip_value": ends["clip_value"]}), {"clip_norm": (1, 1)}
    )
    assert list(one_by_one.items()) == list(both.items())


@pytest.mark.parametrize(
    ("name", "ends", "reason"),
    [
        ("units", (50, 20), "low must be at most high"),
        ("units", (0, 20), "1:100000"),
        ("units", (2.5, 20), "whole numbers"),
        ("learning_rate", (0, 1), "logarithmic, so low must be above 0"),
        ("learning_rate", (-1, 1), "values must lie in"),
        ("momentum", (0.5, 1.0), "high must be below 1"),
        ("input_noise", (-0.5, 1.0), "values must lie in"),
        ("input_noise", (float("nan"), 1.0), "low must be at most high"),
        ("learning_rate", (1e-3, float("inf")), "values must lie in"),
        ("unit", (1, 2), "Did you mean 'units'"),
        ("clip_norms", (1, 2), "Did you mean 'clip_norm'"),
        ("clip_norm", (0, 1), "logarithmic, so low must be above 0"),
    ],
)
def test_an_invalid_range_is_refused(name, ends, reason):
    with pytest.raises(Refusal, match=reason):
        override_ranges(PAPER_SPACE, {name: ends})


@pytest.mark.parametrize("name", PAPER_SPACE)
def test_positions_are_uniform_on_the_scale_of_a_range(name):
    requested = PAPER_SPACE[name]
    positions = np.linspace(0, 1, 5)
    values = requested.value(positions)
    np.testing.assert_allclose(values[[0, -1]], [requested.low, requested.high], atol=1e-12)
    np.testing.assert_allclose(requested.position(values), positions, atol=1e-12)


def test_the_middle_of_a_logarithmic_range_is_its_geometric_mean():
    assert Range(1e-6, 1e-2, "log").value(0.5) == pytest.approx(1e-4)
    assert 1 - Range(0.0, 0.99, "one minus log").value(0.5) == pytest.approx(0.1)
    assert Range(0.0, 1.0).position(0.25) == 0.25
