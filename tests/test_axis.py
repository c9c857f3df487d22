"""Axes count units and what is fixed, and padding follows from them."""

import numpy as np
import pytest

from suite.axis import Axis, pad_units, shape_of


@pytest.mark.parametrize(
    ("axis", "indices"),
    [
        (Axis(fixed=3), [0, 1, 2]),
        (Axis(units=1), [0, 1]),
        (Axis(units=3), [0, 1, 5, 6, 10, 11]),
        (Axis(units=2, fixed=2), [0, 1, 5, 6, 10, 11]),
    ],
)
def test_entries_of_two_units_keep_their_places_in_an_axis_of_five(axis, indices):
    assert axis.indices(2, 5).tolist() == indices
    assert len(indices) == axis.length(2)


def test_an_array_is_padded_block_by_block():
    axes = Axis(fixed=1), Axis(units=2, fixed=1)
    padded = pad_units(np.arange(1, 6)[None], axes, units=2, width=3)
    assert padded.tolist() == [[1, 2, 0, 3, 4, 0, 5]]
    assert padded.shape == shape_of(axes, 3)


def test_a_fixed_axis_as_long_as_an_axis_of_units_is_not_padded():
    axes = Axis(fixed=2), Axis(units=1)
    assert pad_units(np.ones((2, 2)), axes, units=2, width=3).tolist() == [[1, 1, 0], [1, 1, 0]]
