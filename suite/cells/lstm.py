"""The LSTM of Greff et al. (2017), "LSTM: A Search Space Odyssey", section II, and its eight ablations.

z is the block input; i, f and o are the input, forget and output gates; c is the cell state, h the output of
the block (y in the paper). The arguments h and c of a step are those of the step before. Each variant is
written out whole: the difference between two classes is the ablation.

Shapes, with N units and M inputs: x is (batch, M); h, c, z and every gate are (batch, N). A group of k gates
has W (M, k · N), R (N, k · N) and b (k · N,), in the order of its letters; a peephole weight p is (N,).
"""

from keras.ops import concatenate, sigmoid, split, tanh

from suite.cells.base import Cell


class LSTM(Cell):
    """Vanilla LSTM: input, forget and output gate, with peepholes.

        z = tanh(W_z x + R_z h + b_z)              block input
        i = σ(W_i x + R_i h + p_i ⊙ c + b_i)       input gate
        f = σ(W_f x + R_f h + p_f ⊙ c + b_f)       forget gate
        c = z ⊙ i + c ⊙ f                          cell state
        o = σ(W_o x + R_o h + p_o ⊙ c + b_o)       output gate, which sees the new c
        h = tanh(c) ⊙ o                            block output

    `W["zifo"]` is (M, 4N), `R["zifo"]` (N, 4N), `b["zifo"]` (4N,); `p["i"]`, `p["f"]` and `p["o"]` are (N,).
    """

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
    """No input activation function: z = W x + R h + b, without tanh."""

    gates, peepholes, states = ("zifo",), "ifo", ("h", "c")

    def step(self, x, h, c):
        z, i, f, o = self.affine("zifo", x, h)
        i = sigmoid(i + self.p["i"] * c)
        f = sigmoid(f + self.p["f"] * c)
        c = z * i + c * f
        o = sigmoid(o + self.p["o"] * c)
        return tanh(c) * o, c


class NOAF(Cell):
    """No output activation function: h = c ⊙ o, without tanh."""

    gates, peepholes, states = ("zifo",), "ifo", ("h", "c")

    def step(self, x, h, c):
        z, i, f, o = self.affine("zifo", x, h)
        i = sigmoid(i + self.p["i"] * c)
        f = sigmoid(f + self.p["f"] * c)
        c = tanh(z) * i + c * f
        o = sigmoid(o + self.p["o"] * c)
        return c * o, c


class NP(Cell):
    """No peepholes: the gates do not see c, as in the LSTM of most libraries."""

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
    """Full gate recurrence: every gate also sees all three gates of the step before, through nine matrices.

    `R["G"]` (3N, 3N) holds the nine (N, N) matrices: a row of three for each gate i, f, o of the step before,
    a column of three for each gate i, f, o of this step. Before the first step the gates are 0. The paper
    prints the peephole of the output gate with the old c; here it sees the new c, as in the vanilla LSTM, so
    that the recurrence of the gates is the only difference.
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
