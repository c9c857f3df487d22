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
        ({"loss": "bernoulli", "metric": "nats"}, [[[0, 1]], [[1, 1]]], [[[1, 1]]], -np.log(0.5 * 2.5 / 3)),
    ],
)
def test_the_score_of_the_best_constant_of_train(changes, train, test, expected):
    result = task_summary.constant_score(replace(TASK, **changes), splits(train, test))
    assert result == pytest.approx(expected)


def test_labels_may_be_of_several_integer_dtypes():
    """NumPy makes floats of unsigned 64-bit integers beside signed ones."""
    mixed = splits([np.uint64(0), np.int64(1)], [np.uint64(1), np.int64(1)])
    assert task_summary.constant_score(replace(TASK, metric="nats"), mixed) == pytest.approx(np.log(2))


def test_a_sequence_is_a_duplicate_if_its_inputs_and_targets_are_in_another_split():
    counts = list(task_summary.duplicate_counts(splits([0, 1, 1], [0, 0])))
    assert counts == [("train", "valid", 1), ("train", "test", 1), ("valid", "test", 1)]


def test_a_split_is_summarised_by_its_lengths_and_values():
    split = Split([np.zeros((n, 1), "float32") for n in (1, 2, 9)], [np.array([k]) for k in (0, 0, 0)])
    result = task_summary.summarise_split(TASK, split)
    assert result == task_summary.SplitSummary(3, (1, 2, 9), "float32, 0 to 0", "int64, 1 of 2 classes")
