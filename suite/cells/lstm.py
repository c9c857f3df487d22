"""The LSTM of Greff et al. (2017), "LSTM: A Search Space Odyssey", and its eight ablations.

z is the block input, i, f and o the input, forget and output gates, c the cell state, h the block output.
Each variant is written out whole: the difference between two classes is the ablation.
"""

from keras.ops import concatenate, sigmoid, split, tanh

from suite.cells.base import Cell


class LSTM(Cell):
    """Vanilla LSTM (V): three gates, with peepholes."""

    gates, peepholes, states = ("zifo",), "ifo", ("h", "c")

    def step(self, x, h, c):
        z, i, f, o = self.affine("zifo", x, h)
        i = sigmoid(i + self.p["i"] * c)
        f = sigmoid(f + self.p["f"] * c)
        c = tanh(z) * i + c * f
        o = sigmoid(o + self.p["o"] * c)  # sees the new c
        return tanh(c) * o, c


class NIG(Cell):
    """No input gate: i = 1."""

    gates, peepholes, states = ("zfo",), "fo", ("h", "c")

    def step(self, x, h, c):
        z, f, o = self.affine("zfo", x, h)
        f = sigmoid(f + self.p["f"] * c)
        c = tanh(z) + c * f
        o = sigmoid(o + self.p["o"] * c)
        return tanh(c) * o, c


class NFG(Cell):
    """No forget gate: f = 1."""

    gates, peepholes, states = ("zio",), "io", ("h", "c")

    def step(self, x, h, c):
        z, i, o = self.affine("zio", x, h)
        i = sigmoid(i + self.p["i"] * c)
        c = tanh(z) * i + c
        o = sigmoid(o + self.p["o"] * c)
        return tanh(c) * o, c


class NOG(Cell):
    """No output gate: o = 1."""

    gates, peepholes, states = ("zif",), "if", ("h", "c")

    def step(self, x, h, c):
        z, i, f = self.affine("zif", x, h)
        i = sigmoid(i + self.p["i"] * c)
        f = sigmoid(f + self.p["f"] * c)
        c = tanh(z) * i + c * f
        return tanh(c), c


class NIAF(Cell):
    """No input activation function: g(x) = x."""

    gates, peepholes, states = ("zifo",), "ifo", ("h", "c")

    def step(self, x, h, c):
        z, i, f, o = self.affine("zifo", x, h)
        i = sigmoid(i + self.p["i"] * c)
        f = sigmoid(f + self.p["f"] * c)
        c = z * i + c * f
        o = sigmoid(o + self.p["o"] * c)
        return tanh(c) * o, c


class NOAF(Cell):
    """No output activation function: h(x) = x."""

    gates, peepholes, states = ("zifo",), "ifo", ("h", "c")

    def step(self, x, h, c):
        z, i, f, o = self.affine("zifo", x, h)
        i = sigmoid(i + self.p["i"] * c)
        f = sigmoid(f + self.p["f"] * c)
        c = tanh(z) * i + c * f
        o = sigmoid(o + self.p["o"] * c)
        return c * o, c


class NP(Cell):
    """No peepholes; the LSTM of most libraries."""

    gates, states = ("zifo",), ("h", "c")

    def step(self, x, h, c):
        z, i, f, o = self.affine("zifo", x, h)
        c = tanh(z) * sigmoid(i) + c * sigmoid(f)
        return tanh(c) * sigmoid(o), c


class CIFG(Cell):
    """Coupled input and forget gate: f = 1 − i."""

    gates, peepholes, states = ("zio",), "io", ("h", "c")

    def step(self, x, h, c):
        z, i, o = self.affine("zio", x, h)
        i = sigmoid(i + self.p["i"] * c)
        c = tanh(z) * i + c * (1 - i)
        o = sigmoid(o + self.p["o"] * c)
        return tanh(c) * o, c


class FGR(Cell):
    """Full gate recurrence: every gate also sees the three gates of the last step, through nine matrices.

    `R["G"]` (3 units, 3 units) holds the nine: rows i, f, o of the last step, columns i, f, o of this one.
    The paper prints the output gate's peephole with the old c; here it sees the new c, as in vanilla, so
    that the recurrence of the gates is the only difference. Before the first step the gates are 0.
    """

    gates, peepholes, states = ("zifo",), "ifo", ("h", "c", "i", "f", "o")
    recurrent = {"G": (3, 3)}

    def step(self, x, h, c, i, f, o):
        gi, gf, go = split(self.product("G", concatenate([i, f, o], axis=-1)), 3, axis=-1)
        z, i, f, o = self.affine("zifo", x, h)
        i = sigmoid(i + gi + self.p["i"] * c)
        f = sigmoid(f + gf + self.p["f"] * c)
        c = tanh(z) * i + c * f
        o = sigmoid(o + go + self.p["o"] * c)
        return tanh(c) * o, c, i, f, o
