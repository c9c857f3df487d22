"""Networks: their sizes and costs, counted by hand, and their carry."""

from dataclasses import replace

import numpy as np
import pytest
from keras import ops

from suite import machine
from suite.backend import evaluate
from suite.layers.base import Context
from suite.task import Task
from suite.variants import find_network

UNITS = 5
TASK = Task(
    *("toy", "toy", lambda _: {}),
    features=3,
    outputs=2,
    loss="bernoulli",
    metric="nats",
    unit="nats",
    answers="every step",
    source="made up",
)
RNN = 15 + 25  # entries of W and R of a simple recurrent network
COUNTS = {  # entries of matrices, entries of vectors, and numbers carried from step to step
    "rnn": (RNN + 10, 5 + 2, 5),
    "lstm": (4 * RNN + 10, 4 * 5 + 3 * 5 + 2, 10),  # c, and peepholes
    "fgr": (4 * RNN + 9 * 25 + 10, 4 * 5 + 3 * 5 + 2, 25),
    "gru@layers=2": (3 * RNN + 3 * (25 + 25) + 10, 2 * 15 + 2, 10),
    "rnn@direction=both": (2 * RNN + 20, 2 * 5 + 2, 10),
    "rnn@direction=both,layers=2": (2 * RNN + 2 * (50 + 25) + 20, 4 * 5 + 2, 20),
    "rnn@layers=2,skip=yes": (RNN + (5 + 3) * 5 + 25 + 20, 2 * 5 + 2, 10),
    "rnn@output=deep": (RNN + 25 + 10, 5 + 5 + 2, 5),
    "linear": (6, 2, 0),
    "window@steps=4": (4 * 15 + 10, 5 + 2, 3 * 3),
    "conv@blocks=1,taps=3": (3 * 15 + 3 * 25 + 15 + 10, 3 * 5 + 2, 2 * 3 + 2 * 5),  # with a shortcut
    "conv@blocks=2,taps=2": (2 * 15 + 15 + 3 * 2 * 25 + 10, 5 * 5 + 2, 3 + 5 + 2 * 5 + 2 * 5),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_operations_and_state_are_those_counted_by_hand(name):
    matrices, vectors, state = COUNTS[name]
    network = find_network(name, TASK)
    assert network.parameters(UNITS) == matrices + vectors
    assert network.step_operations(UNITS) == matrices
    assert network.state_size(UNITS) == state


def test_an_embedding_has_weights_and_no_operations():
    network = find_network("rnn", replace(TASK, inputs="symbols"))
    assert network.shapes(UNITS)["embedding/W"] == (3, 5)
    assert network.parameters(UNITS) == 15 + 25 + 25 + 10 + 5 + 2
    assert network.step_operations(UNITS) == 25 + 25 + 10


def test_an_epoch_of_a_trial_costs_three_passes_over_train_and_one_over_valid():
    network, steps = find_network("rnn", TASK), {"train": 10, "valid": 4, "test": 2}
    assert network.trial_operations(UNITS, steps, epochs=3) == (RNN + 10) * (3 * (3 * 10 + 4) + 2)


@pytest.mark.parametrize("name", ["linear", "window", "conv", "lstm@layers=2"])
def test_lanes_are_planned_for_every_network(name):
    demand = find_network(name, TASK).lane_demand(UNITS, steps=100, batch=1)
    assert machine.Plan(workers=1).lanes_for(**demand) >= 1


def test_lanes_of_ctc_need_memory_for_the_states_of_its_labels():
    """The states are the labels and the blanks around them, each twice: forward and backward."""
    task = replace(TASK, loss="ctc", metric="label error", answers="unaligned")
    bytes_of_lane = [
        find_network("rnn", task).lane_demand(UNITS, 100, 1, labels)["lane"] for labels in (0, 5)
    ]
    assert bytes_of_lane[1] - bytes_of_lane[0] == 4 * 32 * 100 * 2 * 10


def test_sequences_continue_with_the_carry_of_the_call_before():
    network, rng = find_network("rnn@layers=2,output=deep", TASK), np.random.default_rng(0)
    weights = {name: rng.normal(size=(1, *shape)) for name, shape in network.shapes(UNITS).items()}
    weights |= {name: w[:, None] for name, w in weights.items() if w.ndim == 2}
    arrays = {name: ops.convert_to_tensor(w.astype("float32")) for name, w in weights.items()}
    x = ops.convert_to_tensor(rng.normal(size=(1, 2, 4, 3)).astype("float32"))
    context = Context(ops.full((1, 2), 4), ops.ones((1, 1, UNITS)))

    def logits(arrays, x, pieces):
        outputs, carry = [], None
        for piece in ops.split(x, pieces, axis=2):
            y, _, carry = network.apply(arrays, piece, context, carry)
            outputs.append(y)
        return ops.concatenate(outputs, axis=2)

    whole, cut = (evaluate(lambda w, x, n=n: logits(w, x, n), arrays, x) for n in (1, 2))
    np.testing.assert_allclose(cut, whole, rtol=1e-5)
