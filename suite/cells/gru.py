"""The gated recurrent unit."""

from keras.ops import sigmoid, tanh

from suite.cells.base import Cell


class GRU(Cell):
    """Gated recurrent unit (Cho et al., 2014), as in Chung et al. (2014), with biases.

    Keras's `GRU(reset_after=False)` is the same function with z and 1 − z exchanged.
    """

    gates = ("zr", "g")

    def step(self, x, h):
        z, r = self.affine("zr", x, h)
        z, r = sigmoid(z), sigmoid(r)
        [g] = self.affine("g", x, r * h)
        return (1 - z) * h + z * tanh(g)
