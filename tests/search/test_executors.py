"""Workers on this machine: they are restarted, get a core each, and do not disturb another sweep."""

import gc
import os
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import dask
import pandas as pd
import pytest
import tiny
from sweeps import CONFIG, comparable, rows, wait_until

from suite import store
from suite.config import Protocol
from suite.search import executors
from suite.search.clusters import LocalExecutor
from suite.search.executors import DaskExecutor, Executor
from suite.search.work_unit import WorkUnit


class RecordingExecutor(LocalExecutor):
    """A `LocalExecutor` that records the ids of all worker processes it has had."""

    pids = frozenset()

    def wait(self):
        ended = super().wait()
        self.pids |= {
            pid for pid in self.client.run(os.getpid, on_error="return").values() if isinstance(pid, int)
        }
        return ended


def test_a_worker_with_many_compiled_programs_is_restarted(undisturbed, tmp_path, monkeypatch, request):
    """It trains nothing twice, though Dask computes its results again while anything refers to them.

    Exceptions refer to them in cycles, which stay until the garbage collector comes.
    """
    gc.disable()
    request.addfinalizer(gc.enable)
    collected, collect = Counter(), store.Store.collect

    def record_and_collect(trial_store):
        new_rows = collect(trial_store)
        collected.update((row["cell"], row["trial"]) for row in new_rows)
        return new_rows

    monkeypatch.setattr(store.Store, "collect", record_and_collect)
    monkeypatch.setattr(executors, "MAX_PROGRAMS_PER_PROCESS", 2)
    executor = RecordingExecutor(1)
    frame = rows(replace(CONFIG, cells=(*CONFIG.cells, "lstm")), tmp_path / "sweep", executor)
    assert len(executor.pids) > 1
    assert set(collected.values()) == {1}
    frame = frame[frame["cell"] != "lstm"].reset_index(drop=True)
    pd.testing.assert_frame_equal(comparable(frame), comparable(undisturbed))


def test_trials_that_a_worker_leaves_without_a_row_are_submitted_again(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "train_in_worker", tiny.train_nothing_at_first)
    frame = rows(CONFIG, tmp_path / "sweep", LocalExecutor(1))
    pd.testing.assert_frame_equal(comparable(frame), comparable(undisturbed))


def test_a_worker_that_dask_has_given_up_is_replaced():
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "100ms"}), LocalExecutor(1) as executor:
        [lost] = executor.cluster.workers.values()
        executor.cluster.sync(lost.close)
        deadline = time.monotonic() + 60
        while not executor.client.nthreads():
            assert time.monotonic() < deadline
            executor.wait(0.1)
        assert lost not in executor.cluster.workers.values()


def test_two_sweeps_at_once_use_different_cores_and_ports():
    """By default Dask's dashboard takes port 8787, and warns if it is in use.

    A worker that finds no free core, because other sweeps run, may use all of them.
    """
    with LocalExecutor(1) as one, LocalExecutor(1) as other:
        assert one.cluster.scheduler_address != other.cluster.scheduler_address
        cores = [set(*executor.client.run(os.sched_getaffinity, 0).values()) for executor in (one, other)]
        assert not cores[0] & cores[1] or max(map(len, cores)) == len(os.sched_getaffinity(0))


def test_a_worker_that_trains_for_another_sweep_is_not_restarted():
    with LocalExecutor(1) as executor:
        [before] = executor.client.run(os.getpid).values()
        other_work = executor.client.submit(time.sleep, 1.5, pure=False)
        wait_until(lambda: executor.client.processing() and other_work.status == "pending")
        time.sleep(0.5)
        executor.client.run(executors.restart_worker_process)
        other_work.result()
        assert list(executor.client.run(os.getpid).values()) == [before]


@pytest.mark.skipif(
    not Path("/proc/self/environ").exists(),
    reason="only Linux shows the environment a process was started with",
)
def test_a_worker_is_started_with_the_settings_of_malloc():
    """Dask sets `env` in the running worker, and malloc has read its settings by then."""
    with LocalExecutor(1) as executor:
        [environment] = executor.client.run(lambda: Path("/proc/self/environ").read_text()).values()
    malloc = {"MALLOC_MMAP_MAX_=0", f"MALLOC_TRIM_THRESHOLD_={2**40}", "MALLOC_ARENA_MAX=1"}
    assert malloc <= set(environment.split("\0"))


@pytest.mark.parametrize(("expected_lanes", "halvings"), [(1, 0), (2, 1), (5, 2), (8, 3)])
def test_a_unit_that_kills_its_workers_is_halved_to_one_lane_and_then_fails(
    tmp_path, monkeypatch, expected_lanes, halvings
):
    """Its lanes count, not the 200 trials that its search has of this width."""
    executor, failed, error = Executor(), [], RuntimeError("killed")
    monkeypatch.setattr(executors, "unit_progress", lambda unit: ())
    monkeypatch.setattr(executors, "write_failed_rows", lambda unit, error: failed.append(unit))
    unit = WorkUnit("s", "t", "c", (), Protocol(), 6, None, tmp_path, None, 200, 1)
    unit = replace(unit, expected_lanes=expected_lanes)
    for _ in range(halvings):
        DaskExecutor.resubmit_killed(executor, unit, (), error)
        unit = executor.pop_costliest()
    assert not failed
    DaskExecutor.resubmit_killed(executor, unit, (), error)
    assert executor.idle
    assert [unit.lane_halvings for unit in failed] == [halvings]
