"""Targets of any numeric type train, with the same losses as in float32."""

from collections import deque
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops
from marks import ON_JAX
from sklearn.metrics import roc_auc_score

from suite.layers.losses import LOSSES
from suite.task import NO_LABEL, Split
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


def test_symbols_may_be_of_several_integer_dtypes():
    """NumPy makes floats of unsigned 64-bit integers beside signed ones."""
    split = Split([np.array([3], "uint64"), np.array([2, 1])], [np.array([0])] * 2)
    [bucket] = batches.make_buckets(split, max_buckets=1)
    inputs = gather_sequences(to_tensors(bucket), np.array([[0, 1]], "int32"))["inputs"]
    assert ops.convert_to_numpy(inputs).tolist() == [[[3, 0], [2, 1]]]
    assert keras.backend.standardize_dtype(inputs.dtype) == "int32"


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


def test_a_task_without_classes_is_scored_by_its_metric_alone(task):
    assert find_network("rnn", task).head.metrics.keys() == {"score"}


@ON_JAX
def test_tests_of_longer_sequences_are_scored_like_test_each_for_itself(task):
    """The score of a split does not depend on where it is scored, and with which others."""

    def split(length, count):
        rng = np.random.default_rng(length)
        inputs = [rng.normal(size=(length, 3)) for _ in range(count)]
        return Split(inputs, [(x.sum(axis=0) > 0).astype(int)[:1] for x in inputs])

    plain = {"train": split(3, 5), "valid": split(4, 3)}
    classes = replace(
        task, loss="categorical", metric="nats", answers="last step", outputs=2, success_tolerance=0
    )
    drawn = {"units": 2, "learning_rate": 0.1, "momentum": 0.5, "input_noise": 0.0}
    results = {}
    for name, splits in {
        "together": {**plain, "test": split(5, 4), "test_2x": split(10, 4), "test_4x": split(20, 9)},
        "2x": {**plain, "test": split(10, 4)},
        "4x": {**plain, "test": split(20, 9)},
    }.items():
        program = Program(find_network("rnn", classes), splits, 2, 1, 2)
        [results[name]] = train_population(program, [Trial(0, 1, drawn, 2)], patience=1)
    longer = results["together"].longer_tests
    assert set(longer) == {"test_2x", "success_2x", "test_4x", "success_4x"}
    for factor in ("2x", "4x"):
        assert longer[f"test_{factor}"] == pytest.approx(results[factor].test, rel=1e-6)
        assert longer[f"success_{factor}"] == results[factor].success
        assert results[factor].success == pytest.approx(results[factor].accuracy)


def test_the_area_under_the_roc_curve_is_that_of_all_labels_of_a_split(task, splits, monkeypatch):
    """In two lanes, with two length buckets of several chunks each: logits are linear in the inputs."""
    whole = batches.make_eval_buckets
    monkeypatch.setattr(batches, "make_eval_buckets", lambda splits: whole(splits, batch=2))
    network = find_network("linear", replace(task, metric="1 - auc", success_tolerance=0.0))
    program = Program(network, splits, 2, 2, 2)
    population = Population(program, patience=1)
    drawn = {"units": 2, "learning_rate": 0.1, "momentum": 0.5, "input_noise": 0.0}
    population.fill_lanes(deque([Trial(0, 1, drawn, 1), Trial(1, 2, drawn, 1)]))
    weights = {name: ops.convert_to_numpy(array) for name, array in population.state["weights"].items()}
    scores = population.score_split(population.state["weights"], "valid")
    x, y = np.concatenate(splits["valid"].inputs), np.concatenate(splits["valid"].targets)
    logits = x @ weights["head/W"] + weights["head/b"].reshape(2, 1, -1)
    expected = [1 - roc_auc_score(y, lane) for lane in logits]
    np.testing.assert_allclose(scores["score"], expected, atol=1e-6)
    assert list(scores) == ["score", "success"]


@ON_JAX
def test_steps_without_a_label_change_neither_training_nor_score(task):
    """Sequences whose last step has no label train like those that end before it."""
    drawn = {"units": 2, "learning_rate": 0.1, "momentum": 0.5, "input_noise": 0.0}
    inputs, labels = np.eye(3, dtype="float32"), np.array([0, 1, NO_LABEL])
    results = []
    for end in (2, 3):
        splits = dict.fromkeys(("train", "valid", "test"), Split([inputs[:end]] * 3, [labels[:end]] * 3))
        program = Program(find_network("rnn", replace(task, loss="categorical")), splits, 2, 1, 2)
        [result] = train_population(program, [Trial(0, 1, drawn, 3)], patience=3)
        results.append([*np.ravel(result.curve), result.test, result.accuracy])
    np.testing.assert_allclose(*results, rtol=1e-6)


def test_padding_keeps_the_values_of_every_sequence():
    """Whole numbers in one sequence, fractions in the next."""
    whole, fractions = np.array([[1], [2]]), np.array([[0.5]])
    both = batches.pad_sequences([whole, fractions])
    assert both.dtype == np.float32
    np.testing.assert_array_equal(both[:, :, 0], [[1, 2], [0.5, 0]])
    assert batches.pad_sequences([whole.astype("uint8")]).dtype == np.uint8
