"""The gated recurrent unit."""

from keras.ops import sigmoid, tanh

from suite.cells.base import Cell


class GRU(Cell):
    """Gated recurrent unit of Cho et al. (2014), eq. 5–8, with biases; as in Chung et al. (2014), z lets g in.

    Keras's `GRU(reset_after=False)` is the same function with z and 1 − z exchanged.
    """

    gates = ("zr", "g")

    def step(self, x, h):
        z, r = self.affine("zr", x, h)
        z, r = sigmoid(z), sigmoid(r)
        [g] = self.affine("g", x, r * h)
        return (1 - z) * h + z * tanh(g)
