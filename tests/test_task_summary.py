"""The summary of a task's data, and the score of a constant answer."""

from dataclasses import replace

import numpy as np
import pytest

from suite import task_summary
from suite.task import Split, Task

TASK = Task("t", "T", lambda _: {}, 1, 2, "categorical", "error", "", "last step", "made up")


def splits(train, test):
    inputs = np.arange(3.0).reshape(3, 1)
    return {
        name: Split([inputs + k for k in range(len(targets))], [np.atleast_1d(t) for t in targets])
        for name, targets in {"train": train, "valid": train[:1], "test": test}.items()
    }


@pytest.mark.parametrize(
    ("changes", "train", "test", "expected"),
    [
        ({}, [0, 1, 1], [1, 0, 0, 1], 0.5),
        ({"metric": "nats"}, [0, 1, 1], [0, 1], -(np.log(2 / 5) + np.log(3 / 5)) / 2),
        ({"loss": "squared", "metric": "squared"}, [[[0.0, 2.0]], [[2.0, 2.0]]], [[[0.0, 0.0]]], 1 + 4),
        ({"loss": "bernoulli", "metric": "1 - auc"}, [[[0]], [[1]]], [[[1]], [[0]]], 0.5),
        ({"loss": "bernoulli", "metric": "nats"}, [[[0, 1]], [[1, 1]]], [[[1, 1]]], -np.log(0.5 * 2.5 / 3)),
    ],
)
def test_the_score_of_the_best_constant_of_train(changes, train, test, expected):
    result = task_summary.constant_score(replace(TASK, **changes), splits(train, test))
    assert result == pytest.approx(expected)


def test_of_a_task_some_steps_ahead_the_last_labels_are_scored():
    task = replace(TASK, loss="squared", metric="squared", steps_ahead=2)
    result = task_summary.constant_score(task, splits([[[1.0], [3.0]]], [[[9.0], [4.0]], [[9.0], [0.0]]]))
    assert result == ((4 - 2) ** 2 + (0 - 2) ** 2) / 2


LABELS = replace(TASK, outputs=3, loss="ctc", metric="label error", answers="unaligned")


def test_the_best_path_of_constant_outputs_is_one_symbol():
    """The best path is 1 in every sequence: right in two of the three of test, which have five labels."""
    sequences = splits([[0, 0], [1], [1]], [[1, 0], [0, 0], [1]])
    assert task_summary.constant_score(LABELS, sequences) == pytest.approx(3 / 5)


def test_the_likelihood_of_constant_outputs_is_summed_over_alignments():
    """Train has the label 0 three times and 1 once, in nine steps; those of test are listed by hand."""
    sequences = splits([[0, 0], [1], [0]], [[0, 0], [0, 1]])
    a, b, blank = np.array([4, 2, 6]) / 12
    nats = -np.log(a * blank * a) - np.log(a * b * (a + b + 3 * blank))
    assert task_summary.constant_score(replace(LABELS, metric="nats"), sequences) == pytest.approx(nats / 4)


def test_labels_may_be_of_several_integer_dtypes():
    """NumPy makes floats of unsigned 64-bit integers beside signed ones."""
    mixed = splits([np.uint64(0), np.int64(1)], [np.uint64(1), np.int64(1)])
    assert task_summary.constant_score(replace(TASK, metric="nats"), mixed) == pytest.approx(np.log(2))


def test_a_sequence_is_a_duplicate_if_its_inputs_and_targets_are_in_another_split():
    sequences = splits([0, 1, 1], [0, 0])
    sequences["test_2x"] = Split([sequences["train"].inputs[2]], [np.array([1])])
    counts = list(task_summary.duplicate_counts(sequences))
    both = [("train", "valid", 1), ("train", "test", 1), ("train", "test_2x", 1), ("valid", "test", 1)]
    assert counts == both


def test_a_split_is_summarised_by_its_lengths_and_values():
    split = Split([np.zeros((n, 1), "float32") for n in (1, 2, 9)], [np.array([k]) for k in (0, 0, 0)])
    result = task_summary.summarise_split(TASK, split)
    assert result == task_summary.SplitSummary(3, (1, 2, 9), "float32, 0 to 0", "int64, 1 of 2 classes")


def test_symbols_and_labels_are_counted():
    task = replace(LABELS, features=5, inputs="symbols")
    split = Split([np.array([1, 4, 4]), np.array([1])], [np.array([0, 0]), np.array([0])])
    result = task_summary.summarise_split(task, split)
    assert (result.inputs, result.targets) == (
        "int64, 2 of 5 symbols",
        "int64, 1 of 2 symbols, 1 to 2 labels in a sequence",
    )
