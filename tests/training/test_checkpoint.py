"""Checkpoints: a trial that continues from one ends with the same result as one that was never stopped."""

import pickle
from collections import deque
from dataclasses import replace

import numpy as np
import pytest
from marks import LONG, ON_JAX

from suite.training import population
from suite.training.checkpoint import Checkpoints
from suite.training.optimiser import OPTIMISERS
from suite.training.program import Program
from suite.training.trainer import Descent
from suite.training.trial import Result, Trial
from suite.variants import find_network

MADE_BY = {"code": {"cell": "abc"}, "width": 5}
DRAWN = {"units": 4, "learning_rate": 0.05, "momentum": 0.8, "input_noise": 0.3}
TRIALS = [Trial(k, 100 + k, DRAWN | {"units": 3 + k % 3}, epochs=5) for k in range(4)]


@pytest.fixture
def kept(tmp_path):
    return Checkpoints(tmp_path, MADE_BY)


def trained(program, trials, *how):
    return {result.trial.number: result for result in population.train_population(program, trials, 15, *how)}


def after(epochs):
    """Return a function that returns False a number of times, and then True."""
    answers = iter([False] * (epochs - 1) + [True])
    return lambda: next(answers)


@ON_JAX
@pytest.mark.parametrize("optimiser", OPTIMISERS if LONG else ["nesterov", "adam"])
def test_a_trial_continues_in_another_lane_beside_other_trials(task, splits, kept, optimiser):
    """Two lanes stopped after seven epochs: two trials are done, two have run for two of their five."""
    two, three = (Program(find_network("lstm", task), splits, 5, n, 1, Descent(optimiser)) for n in (2, 3))
    undisturbed = trained(two, TRIALS)
    first = trained(two, TRIALS, kept, after(7))
    assert sorted(first) == [0, 1]
    assert kept.load(TRIALS[2])[0].epochs == kept.load(TRIALS[3])[0].epochs == 2
    rest = trained(three, [TRIALS[3], TRIALS[2]], kept)
    for number, result in (first | rest).items():
        expected = undisturbed[number]
        np.testing.assert_allclose(np.array(result.curve), np.array(expected.curve), rtol=2e-5)
        np.testing.assert_allclose([result.valid, result.test], [expected.valid, expected.test], rtol=2e-5)
        assert (result.status, result.best_epoch) == (expected.status, expected.best_epoch)


def test_checkpoints_are_written_at_their_interval_during_training(task, splits, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "suite.training.checkpoint.FIRST_CHECKPOINT_DELAY", np.inf
    )  # this machine may be slow
    always, never = Checkpoints(tmp_path / "a", MADE_BY, every=0), Checkpoints(tmp_path / "b", MADE_BY)
    program = Program(find_network("rnn", task), splits, 5, 1, 1)
    for kept in (always, never):
        trained(program, TRIALS[:1], kept)
    assert always.load(TRIALS[0])[0].epochs == 4  # when the fifth had ended, the trial had too
    assert never.load(TRIALS[0]) is None


@pytest.fixture
def half_done(kept):
    result = Result(TRIALS[0], 7, valid=float("nan"), seconds=1.5, curve=[(0.5, 0.25), (np.inf, 0.125)])
    kept.save(result, {"weights/W": np.arange(6.0).reshape(2, 3)})
    return result


def test_a_result_is_loaded_as_it_was_saved(kept, half_done):
    result, arrays = kept.load(TRIALS[0])
    assert repr(result) == repr(half_done)  # repr, because one number is NaN
    np.testing.assert_array_equal(arrays["weights/W"], [[0, 1, 2], [3, 4, 5]])
    kept.remove(TRIALS[0])
    assert kept.load(TRIALS[0]) is None
    kept.remove(TRIALS[0])  # nothing is there to remove, and nothing happens


@pytest.mark.parametrize("other", [{"code": {"cell": "abd"}}, {"width": 6}, {"backend": "jax"}])
def test_a_checkpoint_of_other_code_is_not_used(kept, half_done, other):
    assert Checkpoints(kept.folder, MADE_BY | other).load(TRIALS[0]) is None


@pytest.mark.parametrize("other", [{"seed": 1}, {"hyperparameters": DRAWN | {"units": 5}}, {"epochs": 6}])
def test_a_checkpoint_of_another_trial_is_not_used(kept, half_done, other):
    assert kept.load(replace(TRIALS[0], **other)) is None


@pytest.mark.parametrize("how", ["truncated", "empty", "pickle"])
def test_an_unreadable_checkpoint_is_not_used(kept, half_done, how):
    whole = kept.path(TRIALS[0]).read_bytes()
    broken = {"truncated": whole[:-40], "empty": b"", "pickle": pickle.dumps({"about": 1})}
    kept.path(TRIALS[0]).write_bytes(broken[how])
    assert kept.load(TRIALS[0]) is None


def test_a_free_lane_has_no_checkpoint(task, splits, kept):
    running = population.Population(Program(find_network("rnn", task), splits, 5, 3, 1), 15, kept)
    running.fill_lanes(deque(TRIALS[:1]))
    running.save_checkpoints(kept)
    assert [path.name for path in kept.folder.iterdir()] == ["0.npz"]
