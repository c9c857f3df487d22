"""A sweep that trains within seconds, run in this process or by the command line, and Dask programs."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from suite import store
from suite.config import Protocol, SweepConfig
from suite.search import sweep
from suite.search.executors import InProcess
from suite.space import PAPER_SPACE, override_ranges

HERE = Path(__file__).parent
LONG = pytest.mark.skipif("ODYSSEY_LONG" not in os.environ, reason="takes minutes: set ODYSSEY_LONG=1")
CONFIG = SweepConfig(
    "tiny",
    tasks=("tiny:PARITY",),
    cells=("rnn", "gru"),
    trials=6,
    protocol=Protocol(epochs=4, patience=3, batch=1),
    space=override_ranges(PAPER_SPACE, {"units": (2, 6), "learning_rate": (1e-3, 1e-1)}),
)
SHAPES = defaultdict(
    lambda: [sweep.PaddedShape(width=6, operations=1, trials=6, lanes=2)]
)  # the same for every search


def rows(config, folder, executor=None):
    """Run a sweep to its end and return its rows."""
    store.create_results_folder(folder, config.to_table())
    with executor or InProcess() as executor:
        events = list(sweep.run_sweep(config, folder, executor, SHAPES, data=None, lanes=2))
    assert events[-1].done == events[-1].total
    assert events[-1].work_left == 0
    return store.load(folder)


def comparable(frame):
    """Return the columns of rows that depend neither on the machine nor on how trials were distributed."""
    return frame.drop(columns=["seconds", "git_commit", "device", "unit"])


WITH_REPORT = "from suite.cli import main; main()"
WITHOUT_REPORT = f"from suite.cli import sweep; sweep.report = lambda *_: None; {WITH_REPORT}"


def command(folder, *more, program=WITHOUT_REPORT):
    """Return the command that runs the sweep of `CONFIG` with results in a folder.

    It writes no report unless `program` is `WITH_REPORT`: a report takes longer than the training.
    """
    settings = ["--range=units=2:6", "--range=learning_rate=1e-3:1e-1", "--epochs=4", "--patience=3"]
    searches = ["--task=tiny:PARITY", "--cell=rnn", "--cell=gru", "--trials=6"]
    folders = [f"--results={folder}", f"--reports={folder}-report"]
    return [sys.executable, "-c", program, "sweep", *searches, *settings, *folders, "--lanes=2", *more]


@contextlib.contextmanager
def dask_scheduler(folder, port=0, *more):
    """Start a Dask scheduler as a user would, on loopback, and yield its address."""
    file = folder / "scheduler.json"
    file.unlink(missing_ok=True)
    arguments = [
        "--host=127.0.0.1",
        f"--port={port}",
        "--dashboard-address=127.0.0.1:0",
        f"--scheduler-file={file}",
        *more,
    ]
    with dask_program("dask_scheduler", *arguments):
        # Dask creates the file before it writes its text
        text = wait_until(lambda: file.exists() and file.read_text().endswith("}"), file.read_text)
        yield json.loads(text)["address"]


@contextlib.contextmanager
def dask_program(program, *arguments, **environment):
    """Run a command-line program of Dask for the length of the context."""
    process = start_program(program, *arguments, **environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def start_program(program, *arguments, **environment):
    """Start a command-line program of Dask."""
    command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments]
    environment = os.environ | environment
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True, env=environment)


@contextlib.contextmanager
def dask_cluster(folder, workers):
    """Run a Dask scheduler and `workers` workers as a user would; yield the scheduler's address."""
    with dask_scheduler(folder) as address, dask_workers(address, folder, workers):
        yield address


def dask_workers(address, folder, count, *more):
    """Run `count` workers of a scheduler, with nannies, for the length of the context."""
    return dask_program("dask_worker", *worker_arguments(address, folder), f"--nworkers={count}", *more)


def worker_arguments(address, folder):
    """Return the arguments of a worker of a scheduler."""
    return address, "--nthreads=1", "--memory-limit=0", "--no-dashboard", f"--local-directory={folder}"


def worker_processes(parent):
    """Return the ids of the processes that another one has started by multiprocessing: a nanny's workers."""
    worker_ids = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent_id = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent_id == parent and b"spawn_main" in (process / "cmdline").read_bytes():
                worker_ids.append(int(process.name))
    return worker_ids


def wait_until(condition, result=lambda: None, seconds=60):
    """Wait until a condition holds, then return `result()`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not happen within {seconds} seconds"
        time.sleep(0.02)
    return result()
