"""Targets of any numeric type train, with the same losses as in float32."""

from collections import deque
from dataclasses import replace

import numpy as np
import pytest
from keras import ops

from suite.layers.head import LOSSES
from suite.task import Split
from suite.training import batches
from suite.training.batches import gather_sequences
from suite.training.population import Population, train_population
from suite.training.program import Program, to_tensors
from suite.training.trial import Trial
from suite.variants import find_network


def loss_of(name, targets):
    """Return the loss of one sequence in a batch, as an update sees it."""
    split = Split([np.ones((len(targets), 2))], [targets])
    chosen = gather_sequences(to_tensors(batches.make_buckets(split)[0]), np.zeros((1, 1), "int32"))
    logits = ops.reshape(ops.linspace(-1.0, 1.0, targets.size), (1, 1, *targets.shape))
    steps = chosen["steps"]
    return float(LOSSES[name](logits, steps, chosen["targets"], chosen["labels"])[0, 0])


@pytest.mark.parametrize("loss", ["squared", "bernoulli"])
@pytest.mark.parametrize("dtype", ["float16", "float64", "longdouble", "int64", "uint8", "bool"])
def test_the_type_of_targets_does_not_change_a_loss(loss, dtype):
    targets = np.array([[1, 0], [0, 0], [1, 1]])
    assert loss_of(loss, targets.astype(dtype)) == loss_of(loss, targets.astype("float32"))


def test_a_task_whose_targets_are_float64_or_whole_numbers_trains(task):
    split = Split([np.ones((3, 3))] * 2, [np.full((3, 3), 0.5), np.ones((3, 3), int)])
    mine = replace(task, loss="squared", metric="squared")
    program = Program(find_network("rnn", mine), dict.fromkeys(("train", "valid", "test"), split), 2, 1, 2)
    population = Population(program, patience=1)
    drawn = {"units": 2, "learning_rate": 0.01, "momentum": 0.5, "input_noise": 0.0}
    population.fill_lanes(deque([Trial(0, 1, drawn, 1)]))
    [result] = population.lanes
    population.train_epoch()
    assert result.status == "done"


def test_a_task_with_classes_has_an_accuracy_whatever_its_metric(task):
    split = Split([np.eye(3, dtype="float32")] * 2, [np.array([0, 1, 1])] * 2)
    splits = dict.fromkeys(("train", "valid", "test"), split)
    drawn = {"units": 2, "learning_rate": 0.1, "momentum": 0.5, "input_noise": 0.0}
    accuracies = []
    for metric in ("nats", "error"):
        classes = replace(task, loss="categorical", metric=metric)
        program = Program(find_network("rnn", classes), splits, 2, 1, 2)
        [result] = train_population(program, [Trial(0, 1, drawn, 1)], patience=1)
        accuracies.append(result.accuracy)
    assert accuracies == [1 - result.test] * 2


def test_a_task_without_classes_is_scored_by_its_metric_alone(task, splits):
    program = Program(find_network("rnn", task), splits, 2, 1, 1)
    assert program.metrics == {"score": LOSSES["bernoulli"]}


def test_padding_keeps_the_values_of_every_sequence():
    """Whole numbers in one sequence, fractions in the next."""
    whole, fractions = np.array([[1], [2]]), np.array([[0.5]])
    both = batches.pad_sequences([whole, fractions])
    assert both.dtype == np.float32
    np.testing.assert_array_equal(both[:, :, 0], [[1, 2], [0.5, 0]])
    assert batches.pad_sequences([whole.astype("uint8")]).dtype == np.uint8
