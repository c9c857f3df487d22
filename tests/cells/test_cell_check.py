"""A cell that is trained as written passes the check; any other is refused in one line that says why."""

import re

import keras
import numpy as np
import pytest
from keras import ops
from marks import ON_TENSORFLOW

from suite import Refusal
from suite.cells import CELLS
from suite.cells.base import Cell
from suite.cells.check import CELL_RULES, cell_faults, check_cell


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


class MissingComma(Cell):
    gates = "zf"


class EmptyGroup(Cell):
    gates = ("z", "")


class OneLetterTwice(Cell):
    gates = ("zi", "zo")


class StatesInAString(Cell):
    gates, states = ("z",), "hc"


class PeepholesInATuple(Cell):
    gates, peepholes = ("z",), ("z",)


class NamedAsItsGates(Cell):
    gates, recurrent = ("z",), {"z": (1, 1)}


class CountedInHalves(Cell):
    gates, recurrent = ("z",), {"G": (0.5, 1)}


class RecurrentInATuple(Cell):
    gates, recurrent = ("z",), (("G", (1, 1)),)


class NotBuilt(Cell):
    gates = ("z",)

    def build(self, input_shape):
        pass


class StepIsANumber(Cell):
    gates, step = ("z",), 3


class OtherArguments(Cell):
    gates, states = ("z",), ("h", "c")

    def step(self, x, h):
        return self.affine("z", x, h)[0]


class AsksForTraining(Cell):
    gates = ("z",)

    def step(self, x, h, training=False):
        return ops.tanh(self.affine("z", x, h)[0])


class OwnAffine(Cell):
    gates = ("z",)

    def affine(self, group, x, h):
        return [self.project(group, x) + 2 * self.product(group, h)]


class OwnLayer(Cell):
    """A cell around a layer of Keras."""

    gates = ("z",)
    inside = staticmethod(lambda: keras.layers.LayerNormalization())

    def __init__(self, units, **kwargs):
        super().__init__(units, **kwargs)
        self.layer = self.inside()

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return ops.tanh(self.layer(z))


class Dropout(OwnLayer):
    inside = staticmethod(lambda: keras.layers.Dropout(0.5))


class DrawsFromKeras(Cell):
    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return z * keras.random.uniform(z.shape)


class DrawsFromItsGenerator(Cell):
    gates = ("z",)

    def __init__(self, units, **kwargs):
        super().__init__(units, **kwargs)
        self.generator = keras.random.SeedGenerator(1)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return keras.random.dropout(z, 0.5, seed=self.generator)


class DrawsFromNumPy(Cell):
    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return z * np.random.default_rng().random()


class OwnWeight(Cell):
    gates = ("z",)

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self.add_weight(name="scale", shape=(1,), initializer="ones")

    def step(self, x, h):
        return ops.tanh(self.affine("z", x, h)[0]) * self.scale


class AddsX(Cell):
    gates = ("z",)

    def step(self, x, h):
        return ops.tanh(x + self.product("z", h))


class UnknownGroup(Cell):
    gates = ("zf",)

    def step(self, x, h):
        return ops.tanh(self.affine("z", x, h)[0])


class UsesX(Cell):
    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return z * ops.mean(x, axis=-1, keepdims=True)


class TakesXApart(Cell):
    gates = ("z",)

    def step(self, x, h):
        return ops.tanh(x["z"] + self.product("z", h))


class PythonIf(Cell):
    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return z if ops.sum(z) > 0 else ops.tanh(z)


class NumPy(Cell):
    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return ops.convert_to_tensor(np.tanh(z))


class NotANumber(Cell):
    gates = ("z",)

    def step(self, x, h):
        return ops.log(self.affine("z", x, h)[0])


class NoSlopeAtZero(Cell):
    """A square root has no gradient at zero."""

    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return ops.tanh(z) + ops.sqrt(0 * z)


class MatrixAndProduct(Cell):
    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return ops.tanh(z) + ops.sin(ops.matmul(h, self.R["z"]))


class MeanOfAll(Cell):
    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return ops.tanh(z - ops.mean(z, axis=-1, keepdims=True))


class DividesByUnits(Cell):
    gates = ("z",)

    def step(self, x, h):
        return ops.tanh(self.affine("z", x, h / self.units)[0])


class SumOfZeros(Cell):
    """The padding is zero and adds nothing, until the gradient of the sum changes its weights."""

    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return ops.tanh(z + ops.sum(z, axis=-1, keepdims=True))


class CountsSteps(Cell):
    """A sequence may be padded: what is no number after its end reaches the gradient."""

    gates, states = ("z",), ("h", "c")

    def step(self, x, h, c):
        [z] = self.affine("z", x, h)
        return ops.tanh(z) * ops.sqrt(2.5 - c), c + 1


class MultipliesPadding(Cell):
    """The padding is σ(0) and not zero, so the gradient of the weights that it meets is not zero either."""

    gates, recurrent = ("z",), {"G": (1, 1)}

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return ops.tanh(self.product("G", ops.sigmoid(z)))


class Passes(Cell):
    """Everything a cell may do: normalise, use a matrix twice, project without adding the product."""

    gates, peepholes, states, recurrent = ("zr", "g"), "ab", ("h", "c"), {"G": (2, 1)}

    def step(self, x, h, c):
        z, r = self.affine("zr", x, h)
        z = self.p["a"] * (z - self.mean(z)) / ops.sqrt(self.variance(z) + 1e-3) + self.p["b"]
        both = self.masked(ops.concatenate([ops.sigmoid(z), ops.sigmoid(r)], axis=-1))
        c = ops.tanh(self.project("g", x) + ops.sigmoid(r) * self.product("g", c)) + self.mean(both)
        return ops.sin(self.product("G", both)) + self.product("g", self.masked(ops.tanh(c))), c


@ON_TENSORFLOW
@pytest.mark.parametrize("cell", [*CELLS.values(), Passes], ids=[*CELLS, "passes"])
def test_a_cell_passes(cell):
    check_cell("mine", cell)


PADDING = r"depends on the padding of its lane: .*"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (MissingComma, r"gates: expected a tuple of strings such as \(\"zifo\",\), with its comma, got 'zf'"),
        (EmptyGroup, r"gates: expected a tuple of strings .*"),
        (OneLetterTwice, r"gates: expected a different letter for each, got \('zi', 'zo'\)"),
        (StatesInAString, r"states: expected a tuple of strings such as \(\"h\", \"c\"\).*, got 'hc'"),
        (PeepholesInATuple, r"peepholes: expected a string of letters, .* such as 'ifo', got \('z',\)"),
        (NamedAsItsGates, r"recurrent: expected names other than the groups of gates, .* got 'z': \(1, 1\)"),
        (CountedInHalves, r"recurrent: .*\(rows, columns\) counted in units, got 'G': \(0.5, 1\)"),
        (RecurrentInATuple, r"recurrent: expected a dict such as .*"),
        (NotBuilt, r"it could not be built: AttributeError: .*"),
        (StepIsANumber, r"expected its step to be a method, got 3"),
        (OtherArguments, r"expected step\(self, x, h, c\), .* got step\(self, x, h\) \(.*\)"),
        (AsksForTraining, r"its step has an argument training, .* no random numbers for cells yet.*"),
        (OwnAffine, r"it defines its own method affine, .*"),
        (OwnLayer, r"it owns another layer \(LayerNormalization\), .* would not train: .*self.mean.*"),
        (Dropout, r"it draws at random \(Dropout\), .* no random numbers for cells yet: leave it out"),
        (DrawsFromItsGenerator, r"it draws at random .* no random numbers for cells yet: leave it out"),
        (DrawsFromKeras, r"its step draws at random .* no random numbers for cells yet: leave it out"),
        (DrawsFromNumPy, r"its step draws at random .* no random numbers for cells yet: leave it out"),
        (OwnWeight, r"it owns a weight \(scale\) that is not among its shapes, .*: declare it in .*"),
        (
            OneStateTooFew,
            r"expected its step to return states \(h, c\) of shapes \[\(3, 4\), \(3, 4\)\], got \[\(3, 4\)\]",
        ),
        (WrongShape, r"expected its step to return states \(h\) of shapes \[\(3, 4\)\], got \[\(3, 8\)\]"),
        (NoTensor, r"expected .* of shapes \[\(3, 4\)\], got \['list'\]"),
        (Raises, r"its step raised ValueError: no such gate \(.*test_cell_check.py, line \d+\)"),
        (Cell, r"its step raised NotImplementedError.*"),
        (NoLanes, r"its step raised \w+: .* \(with an axis of lanes .*\)"),
        (UnknownGroup, r"its step uses the weights of 'z', but there are only those of 'zf'"),
        (AddsX, r"its step uses x itself, .*: pass x to self.affine\(group, x, h\) or .*"),
        (UsesX, r"its step uses x itself, .*: pass x to self.affine\(group, x, h\) or .*"),
        (TakesXApart, r"its step takes x apart: use self.project\(group, x\), .*"),
        (PythonIf, r"its step cannot be compiled: use keras.ops, .* `if` .*"),
        (NumPy, r"its step cannot be compiled: use keras.ops, not NumPy, .*"),
        (NotANumber, r"its step returns NaN or infinity .*"),
        (NoSlopeAtZero, r"its step has, by \S+, a gradient of NaN or infinity .*"),
        (MixesLanes, r"its step mixes sequences or lanes: .*"),
        (
            MatrixAndProduct,
            r"its gradient by R/z in the time loop is not that of automatic differentiation: .*",
        ),
        (CountsSteps, r"its gradient by \S+ depends on the padding after the end of a sequence: .*"),
        (MeanOfAll, f"its step {PADDING}"),
        (DividesByUnits, f"its step {PADDING}"),
        (SumOfZeros, rf"its step, in its gradient by \S+, {PADDING}"),
        (MultipliesPadding, f"its step, in its gradient by R/G, {PADDING}"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_cell_that_would_not_be_trained_as_written_is_refused_in_one_line(cell, expected):
    with pytest.raises(Refusal) as refusal:
        check_cell("mine", cell)
    assert re.fullmatch(f"cell mine: {expected}", str(refusal.value))  # . is not a newline


def test_every_rule_has_a_result_unless_it_presupposes_one_that_is_broken():
    assert cell_faults(Passes) == dict.fromkeys(CELL_RULES, "")
    padding = cell_faults(MeanOfAll)
    assert [rule for rule in padding if padding[rule]] == ["padding of units"]
    assert list(padding) == list(CELL_RULES)
    assert list(cell_faults(MissingComma)) == ["declarations"]
    assert list(cell_faults(PythonIf)) == ["declarations", "methods", "weights", "compilation"]
    assert list(cell_faults(DrawsFromNumPy))[-1] == "randomness"
