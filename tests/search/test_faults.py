"""What may befall the processes of a sweep, really done to them: each ends with the undisturbed rows."""

import contextlib
import os
import signal
import subprocess
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from sweeps import ASKED, HERE, command, comparable, rows

from suite import store
from suite.search import sweep
from suite.search.clusters import Local

long = pytest.mark.skipif(
    "ODYSSEY_FAULTS" not in os.environ, reason="takes a machine for itself: set ODYSSEY_FAULTS=1"
)


def workers_of(driver: int) -> list[int]:
    """Return the processes that train for a driver: its children by multiprocessing."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == driver and b"spawn_main" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_and_started_again_it_ends_with_the_same_rows(workers, undisturbed, tmp_path):
    """SIGKILL for the driver and all its workers at once, each time a few more rows are there."""
    folder = tmp_path / "tiny"
    seen = 0
    for _ in range(2):
        process = subprocess.Popen(command(folder, f"--workers={workers}"), cwd=HERE, start_new_session=True)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            ready = (folder / "sweep.toml").exists() and len(store.load(folder))
            if ready and ready > seen:
                seen = ready
                break
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert seen, "no row came before the sweep ended"
    subprocess.run(command(folder, f"--workers={workers}"), cwd=HERE, check=True)
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(undisturbed))
    curves = store.load_curves(folder)
    assert len(curves) == frame["epochs"].sum()
    assert (folder.with_name("tiny-report") / "index.html").exists()


@long
def test_workers_killed_again_and_again_leave_the_same_rows(tmp_path):
    """SIGKILL for a worker, more often than Dask would bear by itself, as soon as it has begun to train."""
    folder = tmp_path / "tiny"
    longer = replace(ASKED, trials=3, protocol=replace(ASKED.protocol, epochs=100, patience=100))
    asked = command(folder, "--workers=1", "--trials=3", "--epochs=100", "--patience=100")
    expected = rows(longer, tmp_path / "undisturbed")
    process = subprocess.Popen(asked, cwd=HERE, start_new_session=True)
    killed = set()
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
        if (folder / "trials.sqlite").exists() and len(killed) < 6:
            for worker in set(workers_of(process.pid)) - killed:
                time.sleep(1)
                os.kill(worker, signal.SIGKILL)
                killed.add(worker)
    assert process.wait(60) == 0
    assert len(killed) == 6
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(expected))


@long
def test_a_unit_that_every_worker_dies_of_gives_failed_rows_in_the_end(tmp_path):
    asked, folder = replace(ASKED, cells=("tiny:Deadly",), trials=1), tmp_path / "sweep"
    store.create(folder, asked.to_table())
    with Local(1) as crew:
        list(sweep.run(asked, folder, crew, defaultdict(lambda: 1), data=None))
    frame = store.load(folder)
    assert frame["status"].tolist() == ["failed"]
    assert frame["error"].str.contains("all those workers died while running it").all()


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=long)])
def test_interrupted_it_keeps_the_trials_half_done_and_goes_on_with_them(workers, undisturbed, tmp_path):
    """Ctrl-C reaches all processes of the terminal; then the same again, to the undisturbed rows."""
    folder = tmp_path / "tiny"
    asked = replace(ASKED, trials=2, protocol=replace(ASKED.protocol, epochs=400, patience=400))
    again = command(folder, f"--workers={workers}", "--trials=2", "--epochs=400", "--patience=400")
    expected = rows(asked, tmp_path / "undisturbed")
    process = subprocess.Popen(again, cwd=HERE, start_new_session=True, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (folder / "trials.sqlite").exists():
        time.sleep(0.01)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130, said
    assert "Finishing the epochs under way" in said
    assert "To go on: odyssey sweep --task=tiny:PARITY" in said
    assert len(store.load(folder)) < 4
    subprocess.run(again, cwd=HERE, check=True)
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(expected))
    assert not (folder / "running").exists()
