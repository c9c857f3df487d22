"""Every registered task keeps the contract of `suite.task`, at its smallest size.

A new entry is tested without a change here. What holds of the whole data only is tested task by task.
"""

import itertools
import pickle
import subprocess
import sys

import numpy as np
import pytest
from tiny_names import tiny_name

from suite import task_check, task_summary
from tasks import TASKS, find_task

# sequences that are in two splits: in published ones, and in a task whose splits are the same sequence
PUBLISHED = {"nottingham": 2, "waveform": 3}
DTYPES = {"bernoulli": "u", "squared": "f", "categorical": "i", "ctc": "i"}


@pytest.fixture(params=[name for name in TASKS if name != "table"])  # whose data are the user's
def task(request):
    return find_task(tiny_name(request.param))


@pytest.fixture
def splits(task, load):
    return load(task.name)


def test_tasks_are_listed_under_their_names():
    assert list(TASKS) == [find_task(name).name if name != "table" else name for name in TASKS]


def test_importing_the_tasks_imports_nothing_heavy():
    code = "import sys, tasks; print({'keras', 'sklearn', 'scipy', 'music21'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_a_task_describes_itself_and_can_be_pickled_for_a_worker(task):
    assert task.title
    assert task.source
    assert task.unit
    assert pickle.loads(pickle.dumps(task)).name == task.name


def test_a_task_passes_the_check_of_every_task(task, splits):
    task_check.check_task(task.name, task)
    task_check.check_splits(task.name, task, splits)


def test_values_are_stored_in_few_bytes(task, splits):
    for split in splits.values():
        assert {inputs.dtype.name for inputs in split.inputs} <= {"uint8", "uint16", "float32"}
        assert {targets.dtype.kind for targets in split.targets} == {DTYPES[task.loss]}


@pytest.mark.parametrize(
    "name", ["chorales", "jsb", "nottingham", "adding", "s5", "copy", "sequential_digits"]
)
def test_no_sequence_is_in_two_splits(name, load):
    seen = [
        {(x.tobytes(), y.tobytes()) for x, y in zip(split.inputs, split.targets, strict=True)}
        for split in load(name).values()
    ]
    shared = sum(len(one & other) for one, other in itertools.combinations(seen, 2))
    assert shared == PUBLISHED.get(name, 0)


def test_a_second_load_gives_the_same(task, splits, load):
    load.cache_clear()
    again = load(task.name)
    assert list(again) == list(splits)
    for name, split in splits.items():
        for one, other in ((split.inputs, again[name].inputs), (split.targets, again[name].targets)):
            assert all(map(np.array_equal, one, other))


MEMORY = ["xor", "temporal_order", "permutation", "memorization", "copy", "delayed_echo"]


@pytest.mark.parametrize("name", ["adding", "adding@length=100", *MEMORY, "sequential_digits"])
def test_the_trivial_score_is_that_of_the_best_constant_answer(name, load):
    task = find_task(name)
    assert task.trivial == pytest.approx(task_summary.constant_score(task, load(name)), rel=0.1)
