"""Cells that use each declaration of `Cell` that the registered cells do without."""

from keras import ops

from suite.axis import ONE_UNIT_EACH, Axis
from suite.cells.base import Cell, LinearCell
from suite.space import Range

RATE = Range(0.0, 0.5)


class MinGRU(LinearCell):
    """The minimal GRU of Feng et al. (2024): its gates see the input only, so it is a linear recurrence."""

    input_gates = ("z", "g")

    def coefficients(self, x):
        z = ops.sigmoid(self.project("z", x))
        return 1 - z, z * self.project("g", x)


class IndRNN(Cell):
    """The independently recurrent network of Li et al. (2018): a vector in place of R."""

    input_gates, vectors = ("z",), {"u": 1}

    def step(self, x, h):
        return ops.relu(self.project("z", x) + self.v["u"] * h)


class EverySecond(Cell):
    """A simple recurrent network that is updated at every second step, which it counts in a state."""

    gates, states, state_axes = ("z",), ("h", "t"), {"t": (Axis(fixed=1),)}

    def step(self, x, h, t):
        [z] = self.affine("z", x, h)
        return ops.where(t % 2 == 0, ops.tanh(z), h), t + 1


class MatrixMemory(Cell):
    """A cell with a matrix as its state, which keys and values are written to and queries read."""

    gates, states, state_axes = ("kvq",), ("h", "C"), {"C": (ONE_UNIT_EACH, ONE_UNIT_EACH)}

    def step(self, x, h, C):
        k, v, q = self.affine("kvq", x, h)
        C = 0.9 * C + ops.expand_dims(ops.tanh(v), -1) * ops.expand_dims(ops.tanh(k), -2)
        return ops.tanh(ops.sum(C * ops.expand_dims(q, -2), axis=-1)), C


class Zoneout(Cell):
    """A simple recurrent network with dropout of its input and zoneout of its state."""

    gates, hyperparameters = ("z",), {"dropout": RATE, "zoneout": RATE}

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return self.zoneout("zoneout", h, self.dropout("dropout", ops.tanh(z)))


class Reservoir(Cell):
    """A simple recurrent network that is never trained, but for the readout."""

    gates, fixed, initial_weights = ("z",), ("*",), {"R/*": "orthogonal(0.9)"}

    def step(self, x, h):
        return ops.tanh(self.affine("z", x, h)[0])


class OtherState(Cell):
    """A cell that multiplies the recurrent matrix of its gates by another state than h."""

    gates, states = ("z",), ("h", "c")

    def step(self, x, h, c):
        [z] = self.affine("z", x, c)
        return ops.tanh(z) + h / 2, ops.sin(z)


DECLARED = (MinGRU, IndRNN, EverySecond, MatrixMemory, Zoneout, Reservoir, OtherState)
