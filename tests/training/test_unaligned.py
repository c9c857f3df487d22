"""A task whose labels are not aligned with steps trains, and its result depends on nothing but the trial."""

import numpy as np

from suite.task import Split, Task
from suite.training.population import train_population
from suite.training.program import Program
from suite.training.trial import Trial
from suite.variants import find_network

STEPS = 8
WORDS = {"title": "Pulses", "unit": "label error rate", "source": "made up"}
PULSES = Task(
    "pulses", load=None, features=2, outputs=3, loss="ctc", metric="label error", answers="unaligned", **WORDS
)


def split(count, seed):
    """Return sequences with a pulse of one of two inputs at one to three steps; the labels say of which."""
    rng = np.random.default_rng(seed)
    inputs, targets = [], []
    for _ in range(count):
        steps = 2 * np.sort(rng.choice(STEPS // 2, rng.integers(1, 4), replace=False))
        labels = rng.integers(0, 2, len(steps))
        x = np.zeros((STEPS, 2), "float32")
        x[steps, labels] = 1
        inputs.append(x)
        targets.append(labels)
    return Split(inputs, targets)


def trial(number, units):
    drawn = {"units": units, "learning_rate": 0.1, "momentum": 0.9, "input_noise": 0.1}
    return Trial(number, seed=number, hyperparameters=drawn, epochs=10)


def test_labels_that_are_not_aligned_with_steps_are_learned_in_any_lane():
    """The last batch of an epoch is not full."""
    splits = {"train": split(101, 1), "valid": split(9, 2), "test": split(9, 3)}
    network, trials = find_network("rnn", PULSES), [trial(0, 4), trial(1, 5)]
    lanes = {r.trial.number: r for r in train_population(Program(network, splits, 7, 2, 2), trials, 15)}
    [alone] = train_population(Program(network, splits, 5, 1, 2), trials[1:], 15)
    np.testing.assert_allclose(lanes[1].curve, alone.curve, rtol=2e-5)
    assert (lanes[1].valid, lanes[1].test) == (alone.valid, alone.test)
    for result in (lanes[0], alone):
        assert result.curve[-1][0] < result.curve[0][0] / 2
        assert result.test < 0.2
