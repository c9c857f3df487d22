"""Every layer against Keras, and the contract of every layer: carries, lanes, and padding; in float64."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import ops

from suite.axis import ONE_UNIT_EACH, Axis, pad_units, shape_of
from suite.backend import evaluate, value_and_grad
from suite.cells import CELLS
from suite.cells.base import with_lanes_axis
from suite.layers.base import Context, Stack
from suite.layers.feedforward import CausalConvolution, Dense, Embedding, InputNoise, ResidualBlock, Window
from suite.layers.recurrent import Bidirectional, Recurrent

pytestmark = pytest.mark.usefixtures("float64")

BATCH, STEPS, UNITS = 3, 4, 3
FEATURES = Axis(fixed=4)
MIXED = Axis(units=1, fixed=2)


def recurrent(name):
    return Recurrent(CELLS[name])


def stack(*layers, skip=False):
    return Stack({str(k + 1): layer for k, layer in enumerate(layers)}, skip)


def draw_weights(layer, features, units, seed=0):
    """Draw the weights of one trial by name, without the axis of lanes."""
    rng = np.random.default_rng(seed)
    axes = layer.axes(features)
    return {name: rng.normal(0, 0.7, shape_of(axes[name], units)) for name in axes}


def draw_inputs(layer, shape, seed=0):
    """Draw inputs of a shape (…, steps, features), or symbols (…, steps) for an embedding."""
    rng = np.random.default_rng(seed)
    if isinstance(layer, Embedding):
        return rng.integers(0, shape[-1], shape[:-1], "int32")
    return rng.normal(size=shape)


def add_lanes_axis(weights):
    """Return the weights of trials of equal size, by name, with their axis of lanes."""
    lanes = len(weights)
    return {
        name: np.stack([w[name] for w in weights]).reshape(with_lanes_axis(array.shape, lanes))
        for name, array in weights[0].items()
    }


def run(f, arrays, direction):
    """Return f(arrays), and the gradients of sum(f(arrays) · direction) by the arrays that are not integers.

    `arrays` is a dict by name. The outputs get the name "y".
    """
    integers = {name: ops.convert_to_tensor(a) for name, a in arrays.items() if a.dtype.kind != "f"}
    floats = {name: ops.convert_to_tensor(a) for name, a in arrays.items() if a.dtype.kind == "f"}

    def along(floats):
        y = f(floats | integers)
        return ops.sum(y * direction), y

    (_, y), gradient = evaluate(value_and_grad(along), floats)
    return {name: ops.convert_to_numpy(array) for name, array in ({"y": y} | gradient).items()}


def context_of(lengths, masks):
    """Return the context of sequences with `lengths`, (lanes, batch), in lanes with masks of units."""
    return Context(ops.convert_to_tensor(lengths), ops.convert_to_tensor(masks))


def assert_equal(result, expected):
    assert set(result) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(result[name], value, rtol=1e-9, atol=1e-12, err_msg=name)


# Keras has the same layers. Its RNN needs a mask for unequal lengths only where it reads backwards.


def keras_rnn(name):
    cell = CELLS[name](UNITS, dtype="float64")
    return keras.layers.RNN(cell, return_sequences=True, dtype="float64")


def keras_both(name):
    return lambda x, mask: keras.layers.Bidirectional(keras_rnn(name), dtype="float64")(x, mask=mask)


def keras_join(*arrays):
    return keras.layers.Concatenate(dtype="float64")(arrays)


def keras_skip(x, mask):
    """The upper layer sees the inputs, and the outputs of both are joined: Graves (2013), figure 1."""
    lower = keras_rnn("rnn")(x)
    return keras_join(lower, keras_rnn("rnn")(keras_join(lower, x)))


def keras_convolution(taps, dilation):
    return keras.layers.Conv1D(UNITS, taps, padding="causal", dilation_rate=dilation, dtype="float64")


def keras_block(x, mask):
    relu = partial(keras.layers.ReLU, dtype="float64")
    y = relu()(keras_convolution(2, 2)(relu()(keras_convolution(2, 2)(x))))
    shortcut = x if x.shape[-1] == UNITS else keras.layers.Dense(UNITS, dtype="float64")(x)
    return relu()(keras.layers.Add(dtype="float64")([shortcut, y]))


def keras_window(x, mask):
    delayed = [keras.layers.ZeroPadding1D((k, 0), dtype="float64")(x)[:, :STEPS] for k in (2, 1, 0)]
    return keras_join(*delayed)


ORACLES = {
    "dense": (Dense(), lambda x, mask: keras.layers.Dense(UNITS, "tanh", dtype="float64")(x)),
    "window": (Window(3), keras_window),
    "convolution": (CausalConvolution(3, 2), lambda x, mask: keras_convolution(3, 2)(x)),
    "residual block": (ResidualBlock(2, 2), keras_block),
    "residual block of units": (ResidualBlock(2, 2), keras_block, ONE_UNIT_EACH),
    "both directions of an LSTM": (Bidirectional(recurrent("lstm")), keras_both("lstm")),
    "both directions of a GRU": (Bidirectional(recurrent("gru")), keras_both("gru")),
    "two layers": (
        stack(recurrent("rnn"), recurrent("gru")),
        lambda x, mask: keras_rnn("gru")(keras_rnn("rnn")(x)),
    ),
    "two layers in both directions": (
        stack(Bidirectional(recurrent("rnn")), Bidirectional(recurrent("rnn"))),
        lambda x, mask: keras_both("rnn")(keras_both("rnn")(x, mask), mask),
    ),
    "two layers with skip connections": (stack(recurrent("rnn"), recurrent("rnn"), skip=True), keras_skip),
}


@pytest.mark.parametrize("case", ORACLES)
def test_outputs_and_gradients_are_those_of_keras_up_to_the_end_of_each_sequence(case):
    layer, build, features = (*ORACLES[case], FEATURES)[:3]
    arrays = add_lanes_axis([draw_weights(layer, features, UNITS)])
    arrays["x"] = draw_inputs(layer, (1, BATCH, STEPS, features.length(UNITS)))
    lengths = np.array([[STEPS, 3, 1]], "int32")
    counted = np.arange(STEPS) < lengths[..., None]  # (1, batch, steps)
    context = context_of(lengths, np.ones((1, 1, UNITS)))
    x = keras.Input((STEPS, features.length(UNITS)), dtype="float64")
    mask = keras.Input((STEPS,), dtype="bool")
    model = keras.Model([x, mask], build(x, mask))
    shapes = [weight.shape for weight in model.weights]

    def by_keras(arrays):
        weights = [arrays[name] for name in layer.axes(features)]
        weights = [ops.flip(w, axis=1) if len(w.shape) == 4 else w for w in weights]  # taps, the newest first
        weights = [ops.reshape(w, shape) for w, shape in zip(weights, shapes, strict=True)]
        return model.stateless_call(weights, [], [arrays["x"][0], ops.convert_to_tensor(counted[0])])[0]

    def by_suite(arrays):
        return layer.apply(arrays, arrays["x"], features, context)[0][0]

    direction = np.random.default_rng(1).normal(size=(BATCH, STEPS, model.output_shape[-1]))
    results = [
        run(lambda a, f=f: f(a) * counted[0, ..., None], arrays, direction) for f in (by_suite, by_keras)
    ]
    assert_equal(*results)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_an_embedding_equals_a_product_with_one_hot_vectors(dtype):
    layer = Embedding()
    arrays = add_lanes_axis([draw_weights(layer, FEATURES, UNITS, seed) for seed in (0, 1)])
    arrays["x"] = draw_inputs(layer, (2, BATCH, STEPS, FEATURES.fixed)).astype(dtype)
    context = context_of(np.full((2, BATCH), STEPS), np.ones((2, 1, UNITS)))

    def product(arrays):
        one_hot = np.eye(FEATURES.fixed)[ops.convert_to_numpy(symbols)]
        return ops.einsum("lbsf,lfu->lbsu", ops.convert_to_tensor(one_hot), arrays["W"])

    symbols = arrays["x"]
    direction = np.random.default_rng(1).normal(size=(2, BATCH, STEPS, UNITS))
    by_layer = run(lambda a: layer.apply(a, a["x"], FEATURES, context)[0], arrays, direction)
    assert_equal(by_layer, run(product, arrays, direction))


# What every layer must do; a bidirectional one has no carry.

LAYERS = {
    "embedding": (Embedding(), FEATURES),
    "dense": (Dense(), MIXED),
    "window": (Window(3), MIXED),
    "convolution": (CausalConvolution(2, 2), MIXED),
    "residual block": (ResidualBlock(2, 2), MIXED),
    "recurrent": (recurrent("fgr"), MIXED),  # whose gates are not 0 in the padding, but for the mask
    "stack": (stack(recurrent("rnn"), Dense(), Window(2)), MIXED),
    "stack with skip connections": (stack(recurrent("rnn"), Dense(), skip=True), MIXED),
}
BIDIRECTIONAL = {"both directions": (Bidirectional(recurrent("rnn")), MIXED)}


@pytest.mark.parametrize("case", LAYERS)
def test_a_sequence_cut_in_four_and_continued_with_the_carry_equals_the_whole(case):
    layer, features = LAYERS[case]
    arrays = add_lanes_axis([draw_weights(layer, features, UNITS)])
    arrays["x"] = draw_inputs(layer, (1, BATCH, STEPS, features.length(UNITS)))
    context = context_of(np.full((1, BATCH), STEPS), np.ones((1, 1, UNITS)))

    start = layer.start_carry(features, 1, BATCH, UNITS)
    start = keras.tree.map_structure(lambda array: ops.cast(array, "float64"), start)

    def apply_in_pieces(arrays, pieces, carry):
        outputs = []
        for x in ops.split(arrays["x"], pieces, axis=2):
            y, carry = layer.apply(arrays, x, features, context, carry)
            outputs.append(y)
        if pieces > 1:
            keras.tree.assert_same_structure(carry, start)
        ends = [ops.reshape(end, (-1,)) for end in keras.tree.flatten(carry) if end is not None]
        return ops.concatenate([ops.reshape(ops.concatenate(outputs, axis=2), (-1,)), *ends])

    whole = run(partial(apply_in_pieces, pieces=1, carry=None), arrays, 1.0)
    cut = run(partial(apply_in_pieces, pieces=4, carry=start), arrays, 1.0)
    assert_equal(cut, whole)


def test_carried_states_are_those_of_keras_with_a_stateful_layer():
    layer = recurrent("lstm")
    weights = draw_weights(layer, FEATURES, UNITS)
    x = draw_inputs(layer, (1, BATCH, STEPS, FEATURES.fixed))
    context = context_of(np.full((1, BATCH), STEPS), np.ones((1, 1, UNITS)))
    stateful = keras.layers.RNN(
        CELLS["lstm"](UNITS, dtype="float64"),
        return_sequences=True,
        stateful=True,
        unroll=True,
        dtype="float64",
    )
    stateful.build((BATCH, 1, FEATURES.fixed))
    stateful.set_weights(list(weights.values()))
    lanes, carry = keras.tree.map_structure(ops.convert_to_tensor, add_lanes_axis([weights])), None
    for piece in np.split(x, 4, axis=2):
        y, carry = evaluate(
            lambda piece, carry: layer.apply(lanes, piece, FEATURES, context, carry),
            ops.convert_to_tensor(piece),
            carry,
        )
        np.testing.assert_allclose(y[0], stateful(piece[0]), rtol=1e-9)
    for state, expected in zip(carry, stateful.states, strict=True):
        np.testing.assert_allclose(state[0], expected, rtol=1e-9)


@pytest.mark.parametrize("case", LAYERS | BIDIRECTIONAL)
def test_a_lane_equals_the_trial_alone_at_its_own_width_and_length(case):
    """The trial has 2 units of 5, and sequences of at most 3 steps of 4; after their ends, x is arbitrary."""
    layer, features = (LAYERS | BIDIRECTIONAL)[case]
    units, width, steps = 2, 5, 3
    lengths = np.array([[4, 4, 2], [steps, 1, 2]], "int32")
    counted = np.arange(STEPS) < lengths[1, :, None]
    outputs = layer.output_axis(features)
    sequence_axes = Axis(fixed=BATCH), Axis(fixed=STEPS)
    axes = layer.axes(features) | {"y": (*sequence_axes, outputs), "x": (*sequence_axes, features)}
    if isinstance(layer, Embedding):
        axes["x"] = sequence_axes

    def draw(units, seed):
        x = draw_inputs(layer, (BATCH, STEPS, features.length(units)), seed)
        return draw_weights(layer, features, units, seed) | {"x": x}

    def pad(arrays):
        return {name: pad_units(array, axes[name], units, width) for name, array in arrays.items()}

    def apply(arrays, lengths, mask):
        return layer.apply(arrays, arrays["x"], features, context_of(lengths, mask))[0]

    trial = draw(units, seed=0)
    direction = np.random.default_rng(1).normal(size=shape_of(axes["y"], units)) * counted[..., None]
    padded_direction = pad({"y": direction})["y"]
    masks = np.array([[[1, 1, 1, 1, 1]], [[1, 1, 0, 0, 0]]], float)
    in_lanes = run(
        partial(apply, lengths=lengths, mask=masks),
        add_lanes_axis([draw(width, seed=2), pad(trial)]),
        np.stack([np.ones_like(padded_direction), padded_direction]),
    )
    alone = run(
        partial(apply, lengths=lengths[1:], mask=np.ones((1, 1, units))),
        add_lanes_axis([trial | {"x": trial["x"][:, :steps]}]),
        direction[None, :, :steps],
    )

    assert not np.delete(in_lanes["y"][1], outputs.indices(units, width), axis=-1).any()
    in_lanes["y"][1] *= counted[..., None]
    for name in set(alone) & {"x", "y"}:  # zeros at the last step
        alone[name] = np.pad(alone[name], [(0, 0), (0, 0), (0, STEPS - steps), (0, 0)])
    alone["y"] *= counted[..., None]
    expected = pad({name: array.reshape(shape_of(axes[name], units)) for name, array in alone.items()})
    assert_equal({name: in_lanes[name][1].reshape(expected[name].shape) for name in expected}, expected)


def test_noise_on_an_embedding_has_the_same_draws_at_any_width_and_none_in_the_padding():
    keys = ops.convert_to_tensor(np.array([[1, 2], [3, 4]], "uint32"))
    settings = {"input_noise": ops.convert_to_tensor(np.array([0.5, 2.0], "float32"))}

    def noise(width, units):
        mask = ops.convert_to_tensor((np.arange(width) < np.array(units)[:, None, None]).astype("float32"))
        context = Context(ops.ones((2, 30), "int32"), mask, settings, keys)
        x = ops.zeros((2, 30, 40, width + 2))
        return ops.convert_to_numpy(evaluate(lambda x: InputNoise().apply({}, x, MIXED, context)[0], x))

    narrow, wide = noise(3, [3, 2]), noise(7, [7, 2])
    np.testing.assert_array_equal(wide[..., [0, 1, 2, 7, 8]][0], narrow[0])
    np.testing.assert_array_equal(wide[..., [0, 1, 7, 8]][1], narrow[..., [0, 1, 3, 4]][1])
    assert not wide[1, ..., 2:7].any()
    np.testing.assert_allclose(wide[0].std(axis=(0, 1)), 0.5, rtol=0.1)
    np.testing.assert_allclose(np.corrcoef(wide[0].reshape(-1, 9).T), np.eye(9), atol=0.1)
