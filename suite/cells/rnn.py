"""The simple recurrent network."""

from keras.ops import tanh

from suite.cells.base import Cell


class RNN(Cell):
    """Simple recurrent network (Elman, 1990): h = tanh(W x + R h + b).

    With N units and M inputs: x is (batch, M), h and z (batch, N); W is (M, N), R (N, N), b (N,).
    """

    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return tanh(z)
