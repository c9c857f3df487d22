"""Trainers: streams carry their state, and a closed form is a trainer as well."""

from collections import deque

import keras
import numpy as np
import pytest
from keras import ops

from suite import Refusal
from suite.backend import compile
from suite.layers.base import Context, select_scope
from suite.task import Split, Task
from suite.training import batches
from suite.training.population import Population
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
    assert sorted(sum(kept, [])) == list(range(23))
    np.testing.assert_array_equal(bucket["inputs"], bucket["targets"])


def test_segments_to_score_hold_every_step_of_both_splits_once():
    splits = {"valid": split(50, 61), "test": split(333)}
    [bucket], indices = batches.make_eval_segments(splits, segment=4)
    assert {name: chunks.shape for name, [chunks] in indices.items()} == {"valid": (3, 32), "test": (3, 32)}
    for name, [chunks] in indices.items():
        assert bucket["steps"][chunks[chunks >= 0]].sum() == splits[name].lengths.sum()


@pytest.fixture(scope="module")
def stream():
    """Three segments of 5 steps, in two parts, for an LSTM of 4 units."""
    network = find_network("lstm", TASK)
    return Program(network, dict.fromkeys(("train", "valid", "test"), split(30)), 4, 1, 2, segment=5)


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
    trained = [
        np.reshape(w, v.shape)
        for w, v in zip(population.state["weights"].values(), model.weights, strict=True)
    ]
    for ours, theirs in zip(trained, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-6)


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
    population = Population(
        Program(stream.network, dict.fromkeys(("train", "valid", "test"), split(30)), 6, 2, 2, segment=5), 9
    )
    assert population  # see below


def test_both_directions_cannot_read_a_stream():
    with pytest.raises(Refusal, match="use direction=forward on this task"):
        find_network("lstm@direction=both", TASK).start_carry(1, 1, 4)
