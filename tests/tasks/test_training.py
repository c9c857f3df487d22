"""Every task trains for an epoch, and a lane then equals the trial alone.

Ordinarily, one task of each kind is trained, by an LSTM, on JAX, which compiles faster; with ODYSSEY_LONG=1,
all tasks are, by three cells, on both backends.
"""

import os

import keras
import numpy as np
import pytest
from tiny_names import tiny_name

from suite.training.population import train_population
from suite.training.program import Program
from suite.training.trial import Trial
from suite.variants import find_network
from tasks import TASKS, find_task

LONG = "ODYSSEY_LONG" in os.environ
CELLS = ["rnn", "lstm", "gru"] if LONG else ["lstm"]
DRAWN = {"learning_rate": 0.01, "momentum": 0.5, "input_noise": 0.1}

pytestmark = pytest.mark.skipif(
    not LONG and keras.backend.backend() != "jax", reason="on JAX only: set ODYSSEY_LONG=1 for both backends"
)


def kind_of(task):
    """Return what of a task changes the programs that are compiled, apart from sizes."""
    is_stream, is_generation = task.segment > 0, task.steps_ahead > 0
    return task.loss, task.answers, task.inputs, task.direction, is_stream, is_generation


def trained_names():
    """Return the names of the tasks to train: all, or one of each kind, if possible one without files."""
    names = [tiny_name(name) for name in TASKS if name != "table"]  # whose data are the user's
    by_preference = sorted(names, key=lambda name: "sequences" in name)
    return names if LONG else list({kind_of(find_task(name)): name for name in by_preference}.values())


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", trained_names())
def test_a_task_trains_and_a_lane_equals_the_trial_alone(name, cell, load):
    task, splits = find_task(name), load(name)
    trials = [Trial(0, 1, DRAWN | {"units": 2}, 1), Trial(1, 2, DRAWN | {"units": 3}, 1)]
    program = Program(find_network(cell, task), splits, width=3, lanes=2, batch=4, segment=task.segment)
    [alone] = train_population(program, trials[:1], patience=1)
    together = {result.trial.number: result for result in train_population(program, trials[::-1], patience=1)}
    assert alone.status == "done"
    for key in ("curve", "test", "accuracy", "success"):
        np.testing.assert_allclose(getattr(together[0], key), getattr(alone, key), rtol=1e-5, atol=1e-6)
    assert together[0].longer_tests == pytest.approx(alone.longer_tests, rel=1e-5)
    assert together[1].curve != alone.curve
