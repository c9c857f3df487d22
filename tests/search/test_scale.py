"""Many trials on many workers: driver, oracles, store and report, with simulated training."""

import multiprocessing
import resource
import subprocess
import sys
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import replace

import numpy as np
import pytest
from sweeps import CONFIG, HERE, LONG, SHAPES

from suite import store
from suite.search import sweep
from suite.search.executors import Executor
from suite.search.work_unit import result_row, unfinished_trials
from suite.training.trial import Result

EPOCHS = 50
SIZES = [(100, 2, 2, 10), pytest.param(1000, 20, 25, 200, marks=LONG)]  # 40 trials, and 100,000


class Simulated(Executor):
    """An executor of `size` workers that train nothing: two processes write rows of random scores."""

    size = 0

    def __init__(self, size):
        super().__init__()
        self.size, self.running = size, {}
        self.pool = ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))

    def wait(self):
        while self.waiting and len(self.running) < self.size:
            unit = self.pop_costliest()
            self.running[self.pool.submit(write_random_rows, unit)] = unit
        done, _ = wait(self.running, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
        return [self.running.pop(future) for future in done]

    def __exit__(self, *_):
        self.pool.shutdown()


def write_random_rows(unit):
    """Write a row of random scores for each trial of a unit."""
    for trial in unfinished_trials(unit):
        curve = np.random.default_rng(trial.seed).random((EPOCHS, 2)).tolist()
        result = Result(trial, 1000, "done", valid=curve[-1][1], test=curve[-1][0], seconds=1.0, curve=curve)
        store.write_finished_row(unit.folder, result_row(unit, result))


@pytest.mark.parametrize(("workers", "tasks", "cells", "trials"), SIZES)
def test_of_many_trials_none_is_lost_or_counted_twice(tmp_path, workers, tasks, cells, trials):
    """With 100,000 trials also: over 500 rows a second, the driver below 1 GiB, the report below a minute."""
    tasks, cells = ([f"{kind}{i}" for i in range(count)] for kind, count in (("t", tasks), ("c", cells)))
    config, folder = replace(CONFIG, tasks=tuple(tasks), cells=tuple(cells), trials=trials), tmp_path / "tiny"
    task_words = dict.fromkeys(("title", "unit", "source"), "") | {
        "train": 1,
        "valid": 1,
        "test": 1,
        "steps": 1,
    }
    about = {"tasks": dict.fromkeys(tasks, task_words), "cells": dict.fromkeys(cells, "")}
    store.create_results_folder(folder, config.to_table() | {"about": about})

    start = time.monotonic()
    with Simulated(workers) as executor:
        [last] = deque(sweep.run_sweep(config, folder, executor, SHAPES, data=None), maxlen=1)
    rate = last.done / (time.monotonic() - start)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    size = (folder / "trials.sqlite").stat().st_size
    assert last.done == last.total == len(tasks) * len(cells) * trials
    frame = store.load(folder)
    assert frame.groupby(["task", "cell"])["trial"].apply(list).map(lambda t: t == [*range(trials)]).all()
    assert frame["test"].nunique() == frame["seed"].nunique() == last.total
    assert not any((folder / "finished").iterdir())

    start = time.monotonic()
    program = [sys.executable, "-c", "from suite.cli import main; main()", "report"]
    subprocess.run([*program, folder, f"--out={tmp_path}/report"], cwd=HERE, check=True)
    seconds = time.monotonic() - start
    print(f"{last.total} trials, {rate:.0f} rows/s, {memory / 1e6:.0f} MB; store {size / 1e6:.1f} MB")
    print(f"report in {seconds:.1f} s")
    if last.total == 100_000:
        assert rate > 500
        assert memory < 2**30
        assert seconds < 60
