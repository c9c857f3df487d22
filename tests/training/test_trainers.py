"""Trainers: streams carry their state, and a closed form is a trainer as well."""

from collections import deque
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

from suite import Refusal
from suite.layers.base import Context
from suite.task import Split, Task
from suite.training import batches
from suite.training.population import Population, train_population
from suite.training.program import Program
from suite.training.trial import Trial
from suite.variants import find_network, find_variant

RNG = np.random.default_rng(0)
TASK = Task("t", "t", lambda folder: {}, 3, 2, "squared", "squared", "u", "every step", "s", segment=5)
SETTINGS = {"units": 4, "learning_rate": 0.05, "momentum": 0.0, "input_noise": 0.0}


def split(*lengths):
    """Return sequences of these lengths, random numbers and what a linear filter makes of them."""
    inputs = [RNG.normal(size=(n, 3)).astype("float32") for n in lengths]
    return Split(inputs, [np.cumsum(x[:, :2], axis=0).astype("float32") / 3 for x in inputs])


def populated(program, **changes):
    population = Population(program, patience=9)
    population.fill_lanes(deque([Trial(0, 7, SETTINGS | changes, epochs=9)]))
    return population


def test_a_stream_is_cut_into_parts_and_segments_in_order():
    """23 steps in three parts of 8, 8 and 7, each cut into segments of 5 steps and the rest."""
    counting = Split([np.arange(10)[:, None], np.arange(10, 23)[:, None]], [np.arange(23)[:, None]])
    bucket = batches.make_segments(counting, streams=3, segment=5)
    assert bucket["steps"].tolist() == [5, 5, 5, 3, 3, 2]
    assert [row[0, 0] for row in bucket["inputs"]] == [0, 8, 16, 5, 13, 21]
    kept = [row[:n, 0].tolist() for row, n in zip(bucket["inputs"], bucket["steps"], strict=True)]
    assert sorted(step for row in kept for step in row) == list(range(23))
    np.testing.assert_array_equal(bucket["inputs"], bucket["targets"])


def test_segments_to_score_hold_every_step_of_both_splits_once():
    splits = {"valid": split(50, 61), "test": split(333)}
    [bucket], indices = batches.make_eval_segments(splits, segment=4)
    assert {name: chunks.shape for name, [chunks] in indices.items()} == {"valid": (3, 32), "test": (3, 32)}
    for name, [chunks] in indices.items():
        assert bucket["steps"][chunks[chunks >= 0]].sum() == splits[name].lengths.sum()


def stream_splits():
    """Return the same 30 steps as every split, and at every call."""
    x = np.random.default_rng(1).normal(size=(30, 3)).astype("float32")
    return dict.fromkeys(("train", "valid", "test"), Split([x], [np.cumsum(x[:, :2], axis=0) / 3]))


@pytest.fixture(scope="module")
def stream():
    """Three segments of 5 steps, in two parts, for an LSTM of 4 units."""
    return Program(find_network("lstm", TASK), stream_splits(), 4, 1, 2, segment=5)


def stateful_model(population):
    """Return the same network as Keras's stateful layer, with the initial weights of the population."""
    cell = find_variant("lstm").cell(4)
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(2, 5, 3)),
            keras.layers.RNN(cell, return_sequences=True, stateful=True),
            keras.layers.Dense(2),
        ]
    )
    drawn = population.initial_weights(7, 4)  # in the order in which Keras makes them
    model.set_weights([np.reshape(w, v.shape) for w, v in zip(drawn.values(), model.weights, strict=True)])
    return model


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="there, Keras's train_on_batch loses the state")
def test_an_epoch_of_a_stream_equals_a_stateful_layer_of_keras(stream):
    """Two epochs, so that the state is reset in between; validation carries the state as well."""
    population = populated(stream)
    model = stateful_model(population)
    weight = 1 / 2  # the loss is summed over the steps and outputs of a sequence, and averaged over the batch

    def loss(y, prediction):
        return weight * ops.sum(ops.square(y - prediction))

    model.compile(keras.optimizers.SGD(SETTINGS["learning_rate"]), loss=loss, jit_compile=False)
    bucket = {name: ops.convert_to_numpy(array) for name, array in stream.train_buckets[0].items()}
    for _ in range(2):
        population.train_epoch()
        model.layers[0].reset_state()
        for k in range(3):
            part = slice(2 * k, 2 * k + 2)
            model.train_on_batch(bucket["inputs"][part], bucket["targets"][part])
    names = population.initial_weights(7, 4)  # in the order in which Keras makes the weights
    for name, expected in zip(names, model.get_weights(), strict=True):
        trained = np.reshape(population.state["weights"][name], expected.shape)
        np.testing.assert_allclose(trained, expected, rtol=2e-4, atol=2e-6, err_msg=name)


def test_a_segment_as_long_as_the_stream_is_full_backpropagation(stream):
    """One update with the whole part, and one with the same part as a sequence of its own."""
    data = dict.fromkeys(("train", "valid", "test"), split(12))
    network = find_network("rnn", TASK)
    whole = populated(Program(network, data, 4, 1, 1, segment=12))
    alone = populated(Program(network, data, 4, 1, 1))
    for population in (whole, alone):
        population.train_epoch()
    for name, weight in alone.state["weights"].items():
        np.testing.assert_allclose(whole.state["weights"][name], weight, rtol=1e-5, atol=1e-7)


def test_a_lane_of_a_stream_equals_the_trial_alone(stream):
    """Beside another trial, padded to more units, with noise."""
    trials = [Trial(k, 7 + k, SETTINGS | {"input_noise": 0.2}, epochs=2) for k in range(2)]
    [alone] = train_population(stream, trials[1:], patience=9)
    wide = Program(stream.network, stream_splits(), 6, 2, 2, segment=5)
    together = {result.trial.number: result for result in train_population(wide, trials, patience=9)}
    np.testing.assert_allclose(together[1].curve, alone.curve, rtol=2e-5)
    np.testing.assert_allclose(together[1].test, alone.test, rtol=2e-5)


class LeastSquares:
    """A trainer that solves for the readout in closed form, from all sequences at once: ridge regression."""

    def settings(self, hyperparameters):
        return {"ridge": hyperparameters.get("ridge", 1.0)}

    def initial_slots(self, weights, lanes):
        return {}

    def train_epoch(self, program, weights, slots, settings, draws, train_buckets):
        network, gram, moments = program.network, 0.0, 0.0
        for bucket in train_buckets:
            count = bucket["steps"].shape[0]
            every = ops.broadcast_to(ops.arange(count), (program.lanes, count))
            sequences = batches.gather_sequences(bucket, every)
            context = Context(sequences["steps"], settings["mask"], settings)
            h, _ = network.layers.apply(weights, sequences["inputs"], network.features, context)
            h = ops.concatenate([h, ops.ones_like(h[..., :1])], axis=-1)  # the last column is the bias
            counted = ops.arange(h.shape[2]) < sequences["steps"][..., None]
            h = ops.where(counted[..., None], h, 0.0)
            gram = gram + ops.einsum("lbsi,lbsj->lij", h, h)
            moments = moments + ops.einsum("lbsi,lbsj->lij", h, sequences["targets"])
        ridge = settings["ridge"][:, None, None] * ops.eye(gram.shape[-1])
        solution = ops.solve(gram + ridge, moments)
        weights = weights | {"head/W": solution[:, :-1], "head/b": solution[:, -1:]}
        return weights, slots, ops.zeros((program.lanes,))


def test_a_closed_form_is_a_trainer():
    """The linear baseline with squared loss: after one epoch it is the solution of the normal equations."""
    data = {name: split(6, 6, 4) for name in ("train", "valid", "test")}
    network = find_network("linear", replace(TASK, segment=0))
    program = Program(network, data, 1, 2, 1, trainer=LeastSquares())
    trials = [Trial(k, 7, {"units": 1, "ridge": ridge}, epochs=1) for k, ridge in enumerate((1e-6, 3.0))]
    results = list(train_population(program, trials, patience=1))
    x, y = (np.concatenate(list(getattr(data["train"], name))) for name in ("inputs", "targets"))
    x = np.column_stack([x, np.ones(len(x))])
    for result, ridge in zip(results, (1e-6, 3.0), strict=True):
        solution = np.linalg.solve(x.T @ x + ridge * np.eye(4), x.T @ y)
        x_test, y_test = (np.concatenate(list(getattr(data["test"], name))) for name in ("inputs", "targets"))
        error = y_test - np.column_stack([x_test, np.ones(len(x_test))]) @ solution
        assert result.test == pytest.approx(np.square(error).sum(axis=1).mean(), rel=1e-4)


def test_both_directions_cannot_read_a_stream():
    with pytest.raises(Refusal, match="use direction=forward on this task"):
        find_network("lstm@direction=both", TASK).start_carry(1, 1, 4)
