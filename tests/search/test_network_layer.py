"""The network of a variant as a Keras layer."""

import keras
import numpy as np
import pytest
import tiny
from keras import ops

from suite import Refusal
from suite.backend import evaluate
from suite.cells.base import LinearCell
from suite.cells.lstm import CIFG
from suite.search.network_layer import PADDING, NetworkLayer

LENGTHS = np.array([4, 2])
PRESENT = np.arange(4) < LENGTHS[:, None]
NUMBERS = np.random.default_rng(0).normal(size=(2, 4, 2)).astype("float32")
SYMBOLS = np.array([[3, 1, 0, 2], [2, 2, 0, 0]])


def build(*arguments, **settings):
    """Return a built layer."""
    layer = NetworkLayer(*arguments, **settings)
    layer.build((None, None, layer.features) if layer.inputs == "numbers" else (None, None))
    return layer


def run(layer, x, **arguments):
    """Return the logits of a layer as a NumPy array."""
    x = ops.convert_to_tensor(x)
    return ops.convert_to_numpy(evaluate(lambda x: layer(x, **arguments), x))


@pytest.mark.parametrize(
    ("arguments", "x"),
    [
        (("rnn@direction=both,layers=2", 3, 2, 5), NUMBERS),
        (("rnn", 3, 4, 5, "last step", "symbols"), SYMBOLS),
    ],
    ids=["numbers", "symbols"],
)
def test_padding_changes_no_logits(arguments, x):
    """Padding is marked by its values, or by a mask."""
    layer = build(*arguments)
    alone = [run(layer, x[k : k + 1, :length])[0] for k, length in enumerate(LENGTHS)]
    for value, mask in ((PADDING[layer.inputs], {}), (1, {"mask": ops.convert_to_tensor(PRESENT)})):
        padded = np.where(PRESENT.reshape(2, 4, *(1,) * (x.ndim - 2)), x, value).astype(x.dtype)
        logits = run(layer, padded, **mask)
        assert logits.shape == layer.compute_output_shape(x.shape)
        for k, length in enumerate(LENGTHS):
            own = logits[k, :length] if layer.answers == "every step" else logits[k]
            np.testing.assert_allclose(own, alone[k], rtol=1e-4, atol=1e-6)


def test_a_model_with_a_cell_that_is_not_imported_is_refused():
    config = build(CIFG, 3, 2, 5).get_config()
    assert NetworkLayer.from_config(config).network == build("cifg", 3, 2, 5).network
    with pytest.raises(Refusal, match=r"^other:Cell@layers=2: import other before"):
        NetworkLayer.from_config(config | {"variant": "other:Cell@layers=2"})


def test_noise_is_drawn_at_each_call_in_training_only():
    layer = build("linear", 1, 1, 1, input_noise=0.5)
    weights = [weight.value for weight in layer.trainable_variables]

    def call_three_times(x, state):
        clean, state = layer.stateless_call(weights, state, x)
        first, state = layer.stateless_call(weights, state, x, training=True)
        second, _ = layer.stateless_call(weights, state, x, training=True)
        return clean, first, second

    x = ops.zeros((40, 100, 1))
    state = [variable.value for variable in layer.non_trainable_variables]
    clean, *noisy = map(ops.convert_to_numpy, evaluate(call_three_times, x, state))
    weight = ops.convert_to_numpy(layer.weights_by_name["head/W"]).item()
    first, second = ((logits - clean).ravel() / weight for logits in noisy)
    assert np.ptp(clean) == 0
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.06
    for noise in (first, second):
        assert noise.std() == pytest.approx(0.5, rel=0.05)
        assert abs(noise.mean()) < 0.03


def test_every_weight_has_its_own_draw_from_the_distribution_of_the_engine():
    weights = build("gru", 40, 3, 2).weights_by_name
    arrays = {name: ops.convert_to_numpy(weight) for name, weight in weights.items()}
    assert np.std(arrays["recurrent/R/zr"]) == pytest.approx(0.1, rel=0.05)
    assert len({array.ravel()[0] for array in arrays.values()}) == len(arrays)


@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        ({"answers": "never"}, None, "expected answers to be 'every step' or 'last step', got 'never'"),
        ({"inputs": "words"}, None, "expected inputs to be 'numbers' or 'symbols' or 'none', got 'words'"),
        ({"variant": "rnn@depth=2"}, None, "unknown option 'depth'"),
        ({}, (None, 7, 3), r"expected inputs of shape \(batch, steps, 2\), got \(None, 7, 3\)"),
        ({"inputs": "symbols"}, (None, 7, 2), r"expected inputs of shape \(batch, steps\), got"),
    ],
)
def test_invalid_arguments_and_inputs_are_refused(arguments, shape, message):
    with pytest.raises(Refusal, match=message):
        NetworkLayer(**({"variant": "rnn", "units": 3, "features": 2, "outputs": 5} | arguments)).build(shape)


class Leaky(LinearCell):
    """A running mean of a projection of the input."""

    input_gates = ("z",)

    def coefficients(self, x):
        z = self.project("z", x)
        return ops.full_like(z, 0.5), 0.5 * z


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a program of JAX has one shape")
@pytest.mark.parametrize("variant", ["rnn@direction=both", "window", Leaky, tiny.Sticky])
def test_one_graph_runs_batches_of_any_size_and_length(variant):
    import tensorflow as tf

    layer = build(variant, 3, 2, 5, input_noise=0.0)

    def gradient(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        return tape.gradient(loss, [weight.value for weight in layer.trainable_variables])

    graph = tf.function(gradient, autograph=False).get_concrete_function(tf.TensorSpec((None, None, 2)))
    for x in (tf.constant(NUMBERS), tf.constant(NUMBERS[:1, :3])):
        for one, other in zip(graph(x), gradient(x), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_hyperparameters_of_a_cell_and_rules_of_initial_weights_are_used_and_saved():
    layer = build(
        tiny.Sticky, 3, 2, 1, hyperparameters={"zoneout": 1.0}, initial_weights={"*": "constant(1)"}
    )
    again = NetworkLayer.from_config(layer.get_config())
    again.build((None, None, 2))
    for restored in (layer, again):  # a state that is always kept is zero, and the readout adds its b
        np.testing.assert_allclose(run(restored, NUMBERS), 1.0)
    with pytest.raises(Refusal, match="unknown hyperparameter 'zonout'"):
        build(tiny.Sticky, 3, 2, 1, hyperparameters={"zonout": 1.0})
