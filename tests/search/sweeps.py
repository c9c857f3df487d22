"""A sweep so small that it trains in a moment, run here or by the command line."""

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
ASKED = SweepConfig(
    "tiny",
    tasks=("tiny:PARITY",),
    cells=("rnn", "gru"),
    trials=6,
    protocol=Protocol(epochs=4, patience=3, batch=1),
    space=override_ranges(PAPER_SPACE, {"units": (2, 6), "learning_rate": (1e-3, 1e-1)}),
)
SHAPES = defaultdict(lambda: [sweep.PaddedShape(width=6, operations=1, trials=6, lanes=2)])  # of any search


def rows(asked, folder, crew=None):
    store.create_results_folder(folder, asked.to_table())
    with crew or InProcess() as crew:
        events = list(sweep.run_sweep(asked, folder, crew, SHAPES, data=None, lanes=2))
    assert events[-1].done == events[-1].total
    return store.load(folder)


def comparable(frame):
    return frame.drop(columns=["seconds", "git_commit", "device", "unit"])


def command(folder, *more):
    ends = ["--range=units=2:6", "--range=learning_rate=1e-3:1e-1", "--epochs=4", "--patience=3"]
    asked = ["--task=tiny:PARITY", "--cell=rnn", "--cell=gru", "--trials=6", f"--results={folder}"]
    program = [sys.executable, "-c", "from suite.cli import main; main()", "sweep"]
    return [*program, *asked, *ends, f"--reports={folder}-report", "--lanes=2", *more]


@contextlib.contextmanager
def scheduler(folder, port=0, *more):
    """Start a Dask scheduler as a user would, on loopback, and yield its address."""
    file = folder / "scheduler.json"
    file.unlink(missing_ok=True)
    asked = [
        "--host=127.0.0.1",
        f"--port={port}",
        "--dashboard-address=127.0.0.1:0",
        f"--scheduler-file={file}",
        *more,
    ]
    with started("dask_scheduler", *asked):
        # the file is there before its text is
        written = waited(lambda: file.exists() and file.read_text().endswith("}"), file.read_text)
        yield json.loads(written)["address"]


@contextlib.contextmanager
def started(program, *asked, **environment):
    """Start a program of Dask, and end it with the context."""
    process = start(program, *asked, **environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def start(program, *asked, **environment):
    """Start a program of Dask."""
    command, environment = (
        [sys.executable, "-m", f"distributed.cli.{program}", *asked],
        os.environ | environment,
    )
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True, env=environment)


@contextlib.contextmanager
def hand_started(folder, workers):
    """Start a Dask scheduler and so many workers, and yield the scheduler's address."""
    with scheduler(folder) as address, workers_of(address, folder, workers):
        yield address


def workers_of(address, folder, count, *more):
    """Start so many workers of a scheduler, with nannies, and end them with the context."""
    return started("dask_worker", *worker(address, folder), f"--nworkers={count}", *more)


def worker(address, folder):
    """Return what a worker of a scheduler is started with."""
    return address, "--nthreads=1", "--memory-limit=0", "--no-dashboard", f"--local-directory={folder}"


def children(parent):
    """Return the processes that another one has started by multiprocessing: the workers of a nanny."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            of = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if of == parent and b"spawn_main" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


def waited(until, then=lambda: None, seconds=60):
    """Wait until something is so, and return what is then."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
    return then()
