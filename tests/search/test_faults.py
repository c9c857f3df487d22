"""What may befall the processes of a sweep, really done to them: each ends with the undisturbed rows."""

import contextlib
import os
import shlex
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import tiny
from sweeps import (
    ASKED,
    HERE,
    LONG,
    SHAPES,
    children,
    command,
    comparable,
    rows,
    scheduler,
    waited,
    workers_of,
)

from suite import store
from suite.search import executors, sweep
from suite.search.clusters import LocalExecutor

SOME = [pytest.param(0, marks=LONG), 2]  # in the driver's own process the same, and sooner
AWAY = 60 if "ODYSSEY_LONG" in os.environ else 5  # seconds


@pytest.mark.parametrize("workers", SOME)
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


@LONG  # chaos does this and more
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
            for worker in set(children(process.pid)) - killed:
                time.sleep(1)
                os.kill(worker, signal.SIGKILL)
                killed.add(worker)
    assert process.wait(60) == 0
    assert len(killed) == 6
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(expected))


def test_a_unit_that_every_worker_dies_of_gives_failed_rows_in_the_end(tmp_path):
    asked, folder = replace(ASKED, cells=("tiny:Deadly",), trials=1), tmp_path / "sweep"
    store.create_results_folder(folder, asked.to_table())
    with LocalExecutor(1) as crew:
        list(sweep.run_sweep(asked, folder, crew, SHAPES, data=None, lanes=1))
    frame = store.load(folder)
    assert frame["status"].tolist() == ["failed"]
    assert frame["error"].str.contains("all those workers died while running it").all()


@pytest.mark.parametrize(
    ("workers", "sent"), [pytest.param(0, signal.SIGINT, marks=LONG), (2, signal.SIGTERM)]
)
def test_interrupted_it_keeps_the_trials_half_done_and_goes_on_with_them(
    workers, sent, undisturbed, tmp_path
):
    """Ctrl-C reaches all processes of a terminal, SLURM's SIGTERM all of a job. Then as it says."""
    folder = tmp_path / "a folder" / "tiny"
    folder.parent.mkdir()
    asked = replace(ASKED, trials=2, protocol=replace(ASKED.protocol, epochs=400, patience=400))
    again = command(folder, f"--workers={workers}", "--trials=2", "--epochs=400", "--patience=400")
    expected = rows(asked, tmp_path / "undisturbed")
    process = subprocess.Popen(again, cwd=HERE, start_new_session=True, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (folder / "trials.sqlite").exists():
        time.sleep(0.01)
    time.sleep(1)
    os.killpg(process.pid, sent)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + sent, said
    assert "Finishing the epochs under way" in said
    [line] = [line for line in said.splitlines() if line.startswith("To go on: odyssey ")]
    told = shlex.split(line)[4:]
    assert told == again[3:]
    assert len(store.load(folder)) < 4
    subprocess.run([*again[:3], *told], cwd=HERE, check=True)
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(expected))
    assert not (folder / "running").exists()


def test_what_the_user_has_set_for_libraries_changes_nothing(undisturbed, tmp_path, monkeypatch):
    """What a command in a notebook inherits, Keras's and Dask's files, JAX's variables, an older terminal.

    The cache of compiled programs cannot be used: one line says so, whatever the number of workers.
    """
    (tmp_path / "dask.yaml").write_text("distributed: {comm: {require-encryption: true}}")
    (tmp_path / "keras.json").write_text('{"floatx": "float64", "image_data_format": "channels_first"}')
    theirs = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "KERAS_HOME": str(tmp_path)}
    theirs |= {"KERAS_NNX_ENABLED": "true", "JAX_ENABLE_X64": "1", "JAX_DEBUG_NANS": "1"}
    theirs |= {"DASK_CONFIG": str(tmp_path / "dask.yaml"), "PYTHONIOENCODING": "latin-1"}
    theirs |= {"XDG_CACHE_HOME": str(tmp_path / "dask.yaml")}  # a file
    folder = tmp_path / "tiny"
    asked = command(folder, "--workers=2")
    done = subprocess.run(asked, cwd=HERE, env=os.environ | theirs, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("odyssey: compiled programs are not kept for later: ")
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(undisturbed))


def test_a_worker_killed_between_its_last_row_and_its_report_loses_nothing(
    undisturbed, tmp_path, monkeypatch
):
    monkeypatch.setattr(executors, "train_in_worker", tiny.train_and_die)
    frame = rows(ASKED, tmp_path / "sweep", LocalExecutor(1))
    assert (tmp_path / "sweep" / "died").exists()
    pd.testing.assert_frame_equal(comparable(frame), comparable(undisturbed))


def test_a_driver_killed_alone_takes_its_workers_along(undisturbed, tmp_path):
    folder = tmp_path / "tiny"
    process = subprocess.Popen(command(folder, "--workers=2"), cwd=HERE, start_new_session=True)
    waited((folder / "trials.sqlite").exists)
    at_work = children(process.pid)
    assert at_work
    process.kill()
    process.wait()
    waited(lambda: not any(Path(f"/proc/{worker}").exists() for worker in at_work))
    subprocess.run(command(folder, "--workers=2"), cwd=HERE, check=True)
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(undisturbed))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of half a megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", disk], capture_output=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted: {done.stderr.decode()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.parametrize("workers", SOME)
def test_a_full_disk_ends_the_sweep_in_one_line_and_loses_nothing(workers, undisturbed, small_disk):
    """Really full, from when the first trials train until all others have been refused."""
    folder, filler = small_disk / "tiny", small_disk / "filler"
    asked = [*command(folder, f"--workers={workers}"), f"--reports={small_disk.parent}/report"]
    process = subprocess.Popen(asked, cwd=HERE, stderr=subprocess.PIPE, text=True)
    waited((folder / "trials.sqlite").exists)
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 2, said
    assert "cannot be used" in said
    assert len(said.splitlines()) == 1
    filler.unlink()
    before = store.load(folder)
    subprocess.run(asked, cwd=HERE, check=True)
    frame = store.load(folder)
    assert len(before) < len(frame)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(undisturbed))


def test_a_clock_put_back_by_an_hour_changes_nothing(undisturbed, tmp_path, monkeypatch):
    """Python's clock, in the driver and its workers, while they train: the system's cannot be put back here.

    What Dask is sending at that very moment, in a window of 2 ms, it would keep for an hour: so once.
    """
    folder, back = tmp_path / "tiny", tmp_path / "back"
    (tmp_path / "sitecustomize.py").write_text(
        f"import os, time\nnow = time.time\ntime.time = lambda: now() - 3600 * os.path.exists('{back}')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    process = subprocess.Popen(command(folder, "--workers=2"), cwd=HERE)
    waited((folder / "trials.sqlite").exists, back.touch)
    assert process.wait(120) == 0
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(undisturbed))
    assert (frame["seconds"] > 0).all()


def test_a_scheduler_that_goes_away_for_a_while_loses_nothing(undisturbed, tmp_path):
    """Killed with its workers, which end where it ends, and started again on the same port."""
    folder = tmp_path / "tiny"
    with scheduler(tmp_path) as address, workers_of(address, tmp_path, 2):
        asked = command(folder, f"--scheduler={address}")
        process = subprocess.Popen(asked, cwd=HERE)
        waited((folder / "trials.sqlite").exists)
        time.sleep(1)
    assert process.poll() is None
    time.sleep(AWAY)
    with scheduler(tmp_path, int(address.rpartition(":")[2])) as there, workers_of(there, tmp_path, 2):
        assert there == address
        assert process.wait(120) == 0
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(undisturbed))
