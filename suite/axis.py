"""Axes of weights: lengths that depend on the number of units, and the padding of an axis to more units.

Trials with different numbers of units are trained side by side in arrays of one width. Which entries of such
an array belong to a trial follows from how its axes are declared, and not from lengths that happen to agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Axis:
    """An axis of `units` · N + `fixed` entries in a network of N units: `units` blocks of N, then the rest.

    Four gates side by side are Axis(units=4), and the 88 notes of a piano Axis(fixed=88).
    """

    units: int = 0
    fixed: int = 0

    def __add__(self, other: "Axis") -> "Axis":
        """Return the axis of two arrays joined: first all blocks of units, then the fixed entries of both."""
        return Axis(self.units + other.units, self.fixed + other.fixed)

    def __mul__(self, times: int) -> "Axis":
        """Return the axis of `times` arrays with this axis joined."""
        return Axis(self.units * times, self.fixed * times)

    def length(self, units: int) -> int:
        """Return the length of the axis in a network with this many units."""
        return self.units * units + self.fixed

    def numbers(self, width: int) -> np.ndarray:
        """Return a number for each entry, in a network of `width` units, that is the same for any width."""
        blocks = np.arange(1, self.units + 1)[:, None] * 2**20 + np.arange(width)
        return np.concatenate([blocks.ravel(), np.arange(self.fixed)])

    def indices(self, units: int, width: int) -> np.ndarray:
        """Return where the entries of a network of `units` units are in an axis for `width` units."""
        blocks = np.arange(self.units)[:, None] * width + np.arange(units)
        return np.concatenate([blocks.ravel(), self.units * width + np.arange(self.fixed)])


ONE_UNIT_EACH = Axis(units=1)  # an entry for each unit


def shape_of(axes: Sequence[Axis], units: int) -> tuple[int, ...]:
    """Return the shape of an array with these axes in a network with this many units."""
    return tuple(axis.length(units) for axis in axes)


def pad_units(array: np.ndarray, axes: Sequence[Axis], units: int, width: int) -> np.ndarray:
    """Return an array of a network with `units` units, padded with zeros to the shape for `width` units.

    Each block of units is padded at its end. `axes` are those of the array.
    """
    padded = np.zeros(shape_of(axes, width), array.dtype)
    padded[np.ix_(*(axis.indices(units, width) for axis in axes))] = array
    return padded
