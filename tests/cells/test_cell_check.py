"""Whether a class is a cell: every registered one is, and what is not is refused in one line."""

import re

import pytest
from keras import ops

from suite import Refusal
from suite.cells import CELLS
from suite.cells.base import Cell
from suite.cells.check import check


class OneStateTooFew(Cell):
    gates, states = ("z",), ("h", "c")

    def step(self, x, h, c):
        [z] = self.affine("z", x, h)
        return z


class WrongShape(Cell):
    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return ops.concatenate([z, z], axis=-1)


class NoTensor(Cell):
    gates = ("z",)

    def step(self, x, h):
        return self.affine("z", x, h)  # the list of gates, not unpacked


class Raises(Cell):
    gates = ("z",)

    def step(self, x, h):
        raise ValueError("no such\ngate")


class NoLanes(Cell):
    """A product that forgets the axis of the lanes."""

    gates, peepholes = ("z",), "z"

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return z + ops.reshape(self.p["z"], (self.units,))


class MixesLanes(Cell):
    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return z - ops.mean(z, axis=0)


@pytest.mark.parametrize("name", CELLS)
def test_a_registered_cell_passes(name):
    check(name, CELLS[name])


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (
            OneStateTooFew,
            r"cell mine: expected its step to return 2 states \(h, c\) of shape \(3, 4\), got \[\(3, 4\)\]",
        ),
        (
            WrongShape,
            r"cell mine: expected its step to return 1 states \(h\) of shape \(3, 4\), got \[\(3, 8\)\]",
        ),
        (NoTensor, r"cell mine: expected .* of shape \(3, 4\), got \['list'\]"),
        (Raises, r"cell mine: its step raised ValueError: no such gate"),
        (NoLanes, r"cell mine: its step raised \w+: .*"),
        (MixesLanes, r"cell mine: its step mixes sequences or lanes; .*"),
        (Cell, r"cell mine: its step raised NotImplementedError.*"),
    ],
)
def test_a_class_that_breaks_the_promise_is_refused_in_one_line(cell, expected):
    with pytest.raises(Refusal) as refusal:
        check("mine", cell)
    assert re.fullmatch(expected, str(refusal.value))  # . is not a newline
