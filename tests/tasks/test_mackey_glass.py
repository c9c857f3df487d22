"""The Mackey–Glass series: its equation, its scale, and independent runs."""

import numpy as np
import pytest

from suite import identity
from tasks import find_task, mackey_glass


def test_a_series_solves_the_delay_differential_equation():
    """The tenth power is written as such here, and every Euler step separately."""
    history = np.linspace(0.5, 1.3, 170)
    y = [*history, history[-1]]
    for now in range(170, 170 + (mackey_glass.TRANSIENT + 3) * 10):
        delayed = y[now - 170]
        y.append(y[now] + 0.1 * (0.2 * delayed / (1 + delayed**10) - 0.1 * y[now]))
    expected = y[170 + mackey_glass.TRANSIENT * 10 :: 10][:3]
    np.testing.assert_allclose(mackey_glass.simulate(history[None], 3)[0], expected, rtol=1e-9)


@pytest.fixture(scope="module", params=[17, 30])
def splits(request):
    return find_task(f"mackey_glass@tau={request.param},length=300").load()


def test_the_scores_are_normalised_by_a_variance_of_one(splits):
    series = np.concatenate([np.array(split.inputs) for split in splits.values()])
    assert series.shape == (42 + 42 + 42, 300, 1)
    assert abs(series.mean()) < 0.03
    assert abs(series.std() - 1) < 0.03


def test_targets_are_the_inputs_of_the_next_steps(splits):
    for split in splits.values():
        for inputs, targets in zip(split.inputs, split.targets, strict=True):
            np.testing.assert_array_equal(inputs[1:], targets[:-1])


def test_no_two_runs_are_close_to_each_other(splits):
    """Mean absolute differences of all pairs; that of unrelated runs is about 1."""
    runs = np.concatenate([np.array(split.inputs)[:, :, 0] for split in splits.values()])
    distances = np.abs(runs[:, None] - runs).mean(axis=2)
    assert distances[~np.eye(len(runs), dtype=bool)].min() > 0.03


def test_84_steps_are_predicted_and_the_data_stay_the_same():
    task = find_task("mackey_glass")
    assert (task.steps_ahead, task.metric, task.trivial) == (84, "rmse", 1)
    splits = mackey_glass.load(tau=17, length=100, sequences=10)
    assert [len(split) for split in splits.values()] == [10, 10, 10]
    assert identity.data_hash(splits) == "a965f91a1c0ec8d6"
