"""The gated recurrent unit."""

from keras.ops import sigmoid, tanh

from suite.cells.base import Cell


class GRU(Cell):
    """Gated recurrent unit (Cho et al., 2014, eq. 5–8), with the output of Chung et al. (2014), eq. 4.

        z = σ(W_z x + R_z h + b_z)              update gate
        r = σ(W_r x + R_r h + b_r)              reset gate
        g = tanh(W_g x + R_g (r ⊙ h) + b_g)     candidate
        h = (1 − z) ⊙ h + z ⊙ g                 output

    With N units and M inputs: x is (batch, M), h, z, r and g are (batch, N); `W["zr"]` is (M, 2N), `R["zr"]`
    (N, 2N), `W["g"]` (M, N), `R["g"]` (N, N). The candidate needs r, so it has a separate product. Keras's
    `GRU(reset_after=False)` is the same function with z and 1 − z exchanged.
    """

    gates = ("zr", "g")

    def step(self, x, h):
        z, r = self.affine("zr", x, h)
        z, r = sigmoid(z), sigmoid(r)
        [g] = self.affine("g", x, r * h)
        return (1 - z) * h + z * tanh(g)
