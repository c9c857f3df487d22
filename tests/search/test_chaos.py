"""A sweep whose processes are killed at random, again and again, and restarted until it is done."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from dataclasses import replace

import pandas as pd
import pytest
from sweeps import (
    CONFIG,
    HERE,
    LONG,
    command,
    comparable,
    dask_scheduler,
    rows,
    start_program,
    worker_arguments,
    worker_processes,
)

from suite import store

PROTOCOL = replace(CONFIG.protocol, epochs=300, patience=300)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Return the rows of the same sweep without any kill."""
    return rows(
        replace(CONFIG, trials=30, protocol=PROTOCOL), tmp_path_factory.mktemp("undisturbed") / "sweep"
    )


@LONG
@pytest.mark.parametrize("seed", range(5))
def test_a_sweep_killed_at_random_ends_with_the_rows_of_an_undisturbed_one(seed, expected, tmp_path):
    """Sixty trials; every few seconds the driver, one of two nannies or one of two workers gets SIGKILL."""
    folder, rng, killed = tmp_path / "tiny", random.Random(seed), Counter()
    with dask_scheduler(tmp_path) as address, contextlib.ExitStack() as cleanup:
        arguments = command(folder, f"--scheduler={address}", "--trials=30", "--epochs=300", "--patience=300")
        starts = {
            "driver": lambda: subprocess.Popen(arguments, cwd=HERE, start_new_session=True),
            "nanny 0": lambda: start_program("dask_worker", *worker_arguments(address, tmp_path)),
            "nanny 1": lambda: start_program("dask_worker", *worker_arguments(address, tmp_path)),
        }
        alive = {name: start() for name, start in starts.items()}
        cleanup.callback(lambda: [kill(process) for process in alive.values()])
        deadline = time.monotonic() + 400
        while alive["driver"].poll() != 0:
            assert time.monotonic() < deadline, f"not finished after {killed}"
            time.sleep(rng.uniform(1, 5))
            kind, nanny = rng.choice(["driver", "nanny", "worker"]), rng.choice(["nanny 0", "nanny 1"])
            if kind == "worker":
                for victim in worker_processes(alive[nanny].pid):
                    with contextlib.suppress(ProcessLookupError):  # it has just ended
                        os.kill(victim, signal.SIGKILL)
                        killed[kind] += 1
            else:
                name = kind if kind == "driver" else nanny
                exit_code = kill(alive[name])
                assert exit_code in (0, -signal.SIGKILL)
                if exit_code:
                    killed[kind] += 1
                    alive[name] = starts[name]()
    print(seed, dict(killed))
    assert set(killed) == {"driver", "nanny", "worker"}
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(expected))
    assert len(store.load_curves(folder)) == frame["epochs"].sum()


def kill(process):
    """Kill a process, unless it has ended, and return its exit code."""
    process.kill()
    return process.wait()
