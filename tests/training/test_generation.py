"""Free-running generation: the network reads its own predictions."""

from collections import deque
from dataclasses import replace

import numpy as np
import pytest
from keras import ops

from suite import Refusal, task_check
from suite.task import Split, Task
from suite.training.population import Population
from suite.training.program import Program
from suite.training.trial import Trial
from suite.variants import find_network

TASK = Task("t", "t", lambda folder: {}, 2, 2, "squared", "squared", "u", "every step", "s", steps_ahead=3)
RNG = np.random.default_rng(0)
WALKS = [RNG.normal(size=(n, 2)).cumsum(axis=0).astype("float32") / 3 for n in (8, 6)]
SPLIT = Split([walk[:-1] for walk in WALKS], [walk[1:] for walk in WALKS])
DATA = dict.fromkeys(("train", "valid", "test"), SPLIT)


def expected_score(network, weights, ahead):
    """Return the squared error of the last label, with a loop in Python over whole sequences read anew."""
    from suite.layers.base import Context

    errors = []
    for inputs, targets in zip(SPLIT.inputs, SPLIT.targets, strict=True):
        read = inputs[: len(inputs) - ahead + 1]
        for _ in range(ahead):
            steps = ops.convert_to_tensor(np.array([[len(read)]], "int32"))
            context = Context(steps, ops.ones((1, 1, 4)))
            logits, _, _ = network.apply(weights, ops.convert_to_tensor(read[None, None]), context)
            prediction = ops.convert_to_numpy(logits)[0, 0, -1:]
            read = np.concatenate([read, prediction])
        errors.append(np.square(prediction[0] - targets[-1]).sum())
    return np.mean(errors)


@pytest.mark.parametrize(("variant", "ahead"), [("lstm", 3), ("window@steps=3", 1)])
def test_the_score_is_that_of_the_last_label_some_steps_ahead(variant, ahead):
    network = find_network(variant, replace(TASK, steps_ahead=ahead))
    population = Population(Program(network, DATA, 4, 1, 2), patience=1)
    hyperparameters = {"units": 4, "learning_rate": 0.01, "momentum": 0.0, "input_noise": 0.0}
    population.fill_lanes(deque([Trial(0, 5, hyperparameters, epochs=2)]))
    population.train_epoch()
    [result] = population.lanes
    expected = expected_score(network, population.state["weights"], ahead)
    assert result.curve[0][1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"outputs": 3}, "expected outputs to be as many as the features, 2"),
        ({"steps_ahead": 9}, "expected inputs of at least 9 steps, to predict that many ahead, got 7"),
        ({"steps_ahead": -1}, "expected steps_ahead to be a whole number of at least 0, got -1"),
        ({"segment": 4}, "expected segment to be 0, as predictions ahead are for sequences"),
        (
            {"steps_ahead": 0, "segment": 4, "answers": "last step"},
            "expected answers to be 'every step' for a stream",
        ),
    ],
)
def test_a_task_that_cannot_generate_is_refused(changes, text):
    with pytest.raises(Refusal) as refusal:
        task_check.load_checked_splits("t", replace(TASK, load=lambda folder: DATA, **changes))
    assert text in str(refusal.value)
