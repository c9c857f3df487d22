"""Workers on this machine: they end, begin anew, share cores, and leave only what is their own."""

import os
import time
from pathlib import Path

import dask
import pandas as pd
import pytest
import tiny
from sweeps import ASKED, comparable, rows, waited

from suite.search import executors
from suite.search.clusters import LocalExecutor


class Noted(LocalExecutor):
    """Workers that keep a note of their processes."""

    pids = frozenset()

    def wait(self):
        ended = super().wait()
        self.pids |= {
            pid for pid in self.client.run(os.getpid, on_error="return").values() if isinstance(pid, int)
        }
        return ended


def test_a_worker_with_many_programs_starts_anew(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "MAX_PROGRAMS_PER_PROCESS", 1)
    crew = Noted(1)
    frame = rows(ASKED, tmp_path / "sweep", crew)
    assert len(crew.pids) > 1
    pd.testing.assert_frame_equal(comparable(frame), comparable(undisturbed))


def test_what_a_worker_leaves_without_a_row_is_given_out_again(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "train_in_worker", tiny.train_nothing_at_first)
    frame = rows(ASKED, tmp_path / "sweep", LocalExecutor(1))
    pd.testing.assert_frame_equal(comparable(frame), comparable(undisturbed))


def test_a_worker_that_dask_has_given_up_is_started_anew():
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "100ms"}), LocalExecutor(1) as crew:
        [lost] = crew.cluster.workers.values()
        crew.cluster.sync(lost.close)
        deadline = time.monotonic() + 60
        while not crew.client.nthreads():
            assert time.monotonic() < deadline
            crew.wait(0.1)
        assert lost not in crew.cluster.workers.values()


def test_two_sweeps_run_beside_each_other_on_cores_of_their_own():
    """Dask takes port 8787 for its pages unless told otherwise, and warns where another has it.

    A worker that finds no core free, as where other sweeps run, is on all of them.
    """
    with LocalExecutor(1) as one, LocalExecutor(1) as other:
        assert one.cluster.scheduler_address != other.cluster.scheduler_address
        cores = [set(*crew.client.run(os.sched_getaffinity, 0).values()) for crew in (one, other)]
        assert not cores[0] & cores[1] or max(map(len, cores)) == len(os.sched_getaffinity(0))


def test_a_worker_with_work_of_another_sweep_does_not_leave():
    with LocalExecutor(1) as crew:
        [before] = crew.client.run(os.getpid).values()
        others = crew.client.submit(time.sleep, 1.5, pure=False)
        waited(lambda: crew.client.processing() and others.status == "pending")
        time.sleep(0.5)
        crew.client.run(executors.restart_worker_process)
        others.result()
        assert list(crew.client.run(os.getpid).values()) == [before]


@pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="shows what a process began with on Linux"
)
def test_a_worker_begins_with_the_settings_of_malloc():
    """Dask sets a worker's environment when its process runs, and malloc has read it by then."""
    with LocalExecutor(1) as crew:
        [environment] = crew.client.run(lambda: Path("/proc/self/environ").read_text()).values()
    malloc = {"MALLOC_MMAP_MAX_=0", f"MALLOC_TRIM_THRESHOLD_={2**40}", "MALLOC_ARENA_MAX=1"}
    assert malloc <= set(environment.split("\0"))
