"""A sweep whose processes are killed again and again, at random, and started again until it is done."""

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
from sweeps import ASKED, HERE, LONG, children, command, comparable, rows, scheduler, start, worker

from suite import store

PROTOCOL = replace(ASKED.protocol, epochs=300, patience=300)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The rows of the sweep that nobody disturbs."""
    return rows(replace(ASKED, trials=30, protocol=PROTOCOL), tmp_path_factory.mktemp("calm") / "sweep")


@LONG
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_random_it_ends_with_the_undisturbed_rows(seed, expected, tmp_path):
    """Sixty trials; every few seconds SIGKILL for the driver, one of two nannies, or one of two workers."""
    folder, draw, killed = tmp_path / "tiny", random.Random(seed), Counter()
    with scheduler(tmp_path) as address, contextlib.ExitStack() as at_end:
        asked = command(folder, f"--scheduler={address}", "--trials=30", "--epochs=300", "--patience=300")
        starts = {
            "driver": lambda: subprocess.Popen(asked, cwd=HERE, start_new_session=True),
            "nanny 0": lambda: start("dask_worker", *worker(address, tmp_path)),
            "nanny 1": lambda: start("dask_worker", *worker(address, tmp_path)),
        }
        alive = {name: begin() for name, begin in starts.items()}
        at_end.callback(lambda: [end(process) for process in alive.values()])
        deadline = time.monotonic() + 400
        while alive["driver"].poll() != 0:
            assert time.monotonic() < deadline, f"not done after {killed}"
            time.sleep(draw.uniform(1, 5))
            kind, nanny = draw.choice(["driver", "nanny", "worker"]), draw.choice(["nanny 0", "nanny 1"])
            if kind == "worker":
                for victim in children(alive[nanny].pid):
                    with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                        os.kill(victim, signal.SIGKILL)
                        killed[kind] += 1
            else:
                name = kind if kind == "driver" else nanny
                ended = end(alive[name])
                assert ended in (0, -signal.SIGKILL)
                if ended:
                    killed[kind] += 1
                    alive[name] = starts[name]()
    print(seed, dict(killed))
    assert set(killed) == {"driver", "nanny", "worker"}
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(expected))
    assert len(store.load_curves(folder)) == frame["epochs"].sum()


def end(process):
    """Kill a process, unless it has ended by itself, and return how it ended."""
    process.kill()
    return process.wait()
