"""Outputs and gradients against Keras's own layers and against NumPy, in float64."""

import numpy as np
import oracles
import pytest
import run_cells
from keras import layers

pytestmark = pytest.mark.usefixtures("float64")

KERAS = {  # their layer, and the gates in their order; a minus where their gate is one minus ours
    "np": (layers.LSTM, ["i", "f", "z", "o"], {}),
    "gru": (layers.GRU, ["-z", "r", "g"], {"reset_after": False}),
    "rnn": (layers.SimpleRNN, ["z"], {}),
}


def as_theirs(w, gates):
    """Return our weights, or gradients by them, as their kernel, recurrent kernel and bias."""
    signed = [(-1 if gate.startswith("-") else 1, gate.removeprefix("-")) for gate in gates]
    return [np.concatenate([sign * w[f"{kind}/{gate}"] for sign, gate in signed], -1) for kind in "WRb"]


@pytest.mark.parametrize("name", KERAS)
def test_a_cell_equals_the_layer_of_keras(name):
    expected, gates, settings = KERAS[name]
    w, x, direction = run_cells.drawn()
    layer = expected(run_cells.UNITS, return_sequences=True, dtype="float64", **settings)
    layer.build(x.shape)
    layer.set_weights(as_theirs(w, gates))
    np.testing.assert_allclose(run_cells.outputs(name, w, x), layer(x), rtol=1e-12)
    by_weights, by_x = run_cells.slopes(layer, x, direction)
    result = run_cells.gradients(name, w, x, direction)
    for actual, keras_has in zip([result["x"], *as_theirs(result, gates)], [by_x, *by_weights], strict=True):
        np.testing.assert_allclose(actual, keras_has, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", oracles.ORACLES)
def test_outputs_are_those_of_the_equations(name):
    w, x, _ = run_cells.drawn()
    np.testing.assert_allclose(run_cells.outputs(name, w, x), oracles.outputs(name, w, x), rtol=1e-12)


@pytest.mark.parametrize("name", oracles.ORACLES)
def test_gradients_are_those_of_the_equations(name):
    w, x, direction = run_cells.drawn()
    found = run_cells.gradients(name, w, x, direction)
    expected = oracles.central_differences(
        lambda: np.sum(oracles.outputs(name, w, x) * direction), {k: (w | {"x": x})[k] for k in found}
    )
    for key, gradient in expected.items():
        error = np.linalg.norm(found[key] - gradient)
        assert error < 1e-6 * np.linalg.norm(gradient), f"{key}: {found[key]} is not {gradient}"
