"""Sweeps whose processes, disk, clock or network really fail: each ends with the undisturbed rows."""

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import tiny
from sweeps import (
    CONFIG,
    HERE,
    LONG,
    WITH_REPORT,
    command,
    comparable,
    dask_cluster,
    dask_scheduler,
    dask_workers,
    rows,
    wait_until,
    worker_processes,
)

from suite import store
from suite.search import DASK_ENV, executors, sweep
from suite.search.clusters import LocalExecutor

WORKERS = [pytest.param(0, marks=LONG), 2]  # 0: trained in the driver's process
ONE_LANE = defaultdict(lambda: [sweep.PaddedShape(width=6, operations=1, trials=1, lanes=1)])
SCHEDULER_DOWN_SECONDS = 60 if "ODYSSEY_LONG" in os.environ else 2


@pytest.mark.parametrize("workers", WORKERS)
def test_a_sweep_killed_and_started_again_ends_with_the_same_rows(workers, undisturbed, tmp_path):
    """First the driver alone gets SIGKILL, and its workers end too; then all processes get it at once.

    Each time, more rows than before are finished.
    """
    folder = tmp_path / "tiny"
    arguments = command(folder, f"--workers={workers}")
    process = start_and_wait_for_rows(arguments, folder)
    worker_ids = worker_processes(process.pid)
    assert len(worker_ids) == workers
    process.kill()
    process.wait()
    wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in worker_ids))
    process = start_and_wait_for_rows(arguments, folder)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run(command(folder, f"--workers={workers}", program=WITH_REPORT), cwd=HERE, check=True)
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(undisturbed))
    curves = store.load_curves(folder)
    assert len(curves) == frame["epochs"].sum()
    assert (folder.with_name("tiny-report") / "index.html").exists()


def start_and_wait_for_rows(arguments, folder):
    """Start the command of a sweep, and return its process once there are more rows than before."""
    before = row_count(folder)
    process = subprocess.Popen(arguments, cwd=HERE, start_new_session=True)
    wait_until(lambda: row_count(folder) > before or process.poll() is not None, seconds=120)
    assert row_count(folder) > before, "no row came before the sweep ended"
    return process


def row_count(folder):
    """Return how many rows a results folder holds; 0 if it does not exist yet."""
    return len(store.load(folder)) if (folder / "sweep.toml").exists() else 0


@LONG  # test_chaos.py does this and more
def test_workers_killed_again_and_again_leave_the_same_rows(tmp_path):
    """Workers get SIGKILL as soon as they train, more often than Dask allows a task by default."""
    folder = tmp_path / "tiny"
    longer = replace(CONFIG, trials=3, protocol=replace(CONFIG.protocol, epochs=100, patience=100))
    arguments = command(folder, "--workers=1", "--trials=3", "--epochs=100", "--patience=100")
    expected = rows(longer, tmp_path / "undisturbed")
    process = subprocess.Popen(arguments, cwd=HERE, start_new_session=True)
    killed = set()
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
        if (folder / "trials.sqlite").exists() and len(killed) < 6:
            for worker in set(worker_processes(process.pid)) - killed:
                time.sleep(1)
                os.kill(worker, signal.SIGKILL)
                killed.add(worker)
    assert process.wait(60) == 0
    assert len(killed) == 6
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(expected))


def test_a_unit_that_kills_every_worker_ends_with_failed_rows(tmp_path, monkeypatch):
    """Dask submits it to one more worker after the first has died, here; by default to three more."""
    monkeypatch.setitem(DASK_ENV, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")
    config, folder = replace(CONFIG, cells=("tiny:Deadly",), trials=1), tmp_path / "sweep"
    store.create_results_folder(folder, config.to_table())
    with LocalExecutor(1) as executor:
        list(sweep.run_sweep(config, folder, executor, ONE_LANE, data=None, lanes=1))
    frame = store.load(folder)
    assert frame["status"].tolist() == ["failed"]
    assert frame["error"].str.contains("all those workers died while running it").all()


@pytest.mark.parametrize(
    ("workers", "sent"), [pytest.param(0, signal.SIGINT, marks=LONG), (1, signal.SIGTERM)]
)
def test_an_interrupted_sweep_keeps_its_unfinished_trials_and_continues_them(
    workers, sent, undisturbed, tmp_path
):
    """Ctrl-C reaches all processes of a terminal, SLURM's SIGTERM all of a job.

    The printed command continues the sweep.
    """
    folder = tmp_path / "a folder" / "tiny"
    folder.parent.mkdir()
    config = replace(CONFIG, trials=2, protocol=replace(CONFIG.protocol, epochs=400, patience=400))
    sweep_command = command(folder, f"--workers={workers}", "--trials=2", "--epochs=400", "--patience=400")
    expected = rows(config, tmp_path / "undisturbed")
    process = subprocess.Popen(
        sweep_command, cwd=HERE, start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not (folder / "trials.sqlite").exists():
        time.sleep(0.01)
    time.sleep(1)
    os.killpg(process.pid, sent)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + sent, stderr
    assert "Finishing the epochs that are running" in stderr
    [line] = [line for line in stderr.splitlines() if line.startswith("To continue: odyssey ")]
    printed = shlex.split(line)[3:]
    assert printed == sweep_command[3:]
    assert len(store.load(folder)) < 4
    subprocess.run([*sweep_command[:3], *printed], cwd=HERE, check=True)
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(expected))
    assert not (folder / "running").exists()


def test_settings_of_the_user_for_libraries_do_not_change_rows(undisturbed, tmp_path, monkeypatch):
    """Variables that a notebook passes on, files of Keras and Dask, variables of JAX, another encoding.

    The cache of compiled programs cannot be used either: the driver says so in one line, and a worker does
    not.
    """
    (tmp_path / "dask.yaml").write_text("distributed: {comm: {require-encryption: true}}")
    (tmp_path / "keras.json").write_text('{"floatx": "float64", "image_data_format": "channels_first"}')
    settings = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "KERAS_HOME": str(tmp_path)}
    settings |= {"KERAS_NNX_ENABLED": "true", "JAX_ENABLE_X64": "1", "JAX_DEBUG_NANS": "1"}
    settings |= {"DASK_CONFIG": str(tmp_path / "dask.yaml"), "PYTHONIOENCODING": "latin-1"}
    settings |= {"XDG_CACHE_HOME": str(tmp_path / "dask.yaml")}  # not a folder
    settings |= {"MPLCONFIGDIR": str(tmp_path)}  # else matplotlib warns of the same
    folder = tmp_path / "tiny"
    arguments = command(folder, "--workers=1", program=WITH_REPORT)
    done = subprocess.run(arguments, cwd=HERE, env=os.environ | settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("odyssey: compiled programs are not stored for later runs: ")
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(undisturbed))


def test_a_worker_killed_after_its_last_row_and_before_its_report_loses_nothing(
    undisturbed, tmp_path, monkeypatch
):
    monkeypatch.setattr(executors, "train_in_worker", tiny.train_and_die)
    frame = rows(CONFIG, tmp_path / "sweep", LocalExecutor(1))
    assert (tmp_path / "sweep" / "died").exists()
    pd.testing.assert_frame_equal(comparable(frame), comparable(undisturbed))


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of half a megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", disk], capture_output=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted: {done.stderr.decode()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.parametrize("workers", WORKERS)
def test_a_full_disk_ends_the_sweep_in_one_line_and_loses_nothing(workers, undisturbed, small_disk):
    """The disk is filled as soon as trials train, and emptied after the sweep has ended."""
    folder, filler = small_disk / "tiny", small_disk / "filler"
    arguments = command(folder, f"--workers={workers}")
    process = subprocess.Popen(arguments, cwd=HERE, stderr=subprocess.PIPE, text=True)
    wait_until((folder / "trials.sqlite").exists)
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))
    stderr = process.communicate(timeout=120)[1]
    assert process.returncode == 2, stderr
    assert "cannot be used" in stderr
    assert len(stderr.splitlines()) == 1
    filler.unlink()
    before = store.load(folder)
    subprocess.run(command(folder, "--workers=0"), cwd=HERE, check=True)
    frame = store.load(folder)
    assert len(before) < len(frame)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(undisturbed))


def test_a_clock_set_back_by_an_hour_does_not_change_rows(undisturbed, tmp_path, monkeypatch):
    """Python's clock, in the driver and its worker, while they train; a test cannot set the system's.

    It is set back once only: a message that Dask is batching at that moment, within 2 ms, waits an hour.
    """
    folder, switch = tmp_path / "tiny", tmp_path / "switch"
    (tmp_path / "sitecustomize.py").write_text(
        f"import os, time\nnow = time.time\ntime.time = lambda: now() - 3600 * os.path.exists('{switch}')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    process = subprocess.Popen(command(folder, "--workers=1"), cwd=HERE)
    wait_until((folder / "trials.sqlite").exists, switch.touch)
    assert process.wait(120) == 0
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(undisturbed))
    assert (frame["seconds"] > 0).all()


def test_a_scheduler_that_is_killed_and_restarted_loses_nothing(undisturbed, tmp_path):
    """Its worker ends with it; both are started again, the scheduler on the same port."""
    folder = tmp_path / "tiny"
    with dask_cluster(tmp_path, workers=1) as address:
        arguments = command(folder, f"--scheduler={address}")
        process = subprocess.Popen(arguments, cwd=HERE)
        wait_until((folder / "trials.sqlite").exists)
        time.sleep(1)
    assert process.poll() is None
    time.sleep(SCHEDULER_DOWN_SECONDS)
    with (
        dask_scheduler(tmp_path, int(address.rpartition(":")[2])) as new_address,
        dask_workers(address, tmp_path, 1),
    ):
        assert new_address == address
        assert process.wait(120) == 0
    frame = store.load(folder)
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(undisturbed))
