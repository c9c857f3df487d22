"""How a sweep uses a machine: workers, lanes, and GPUs, which are made up here."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from suite import machine

GIB = 2**30


@pytest.fixture
def gpus(monkeypatch):
    """Make up GPUs of so many bytes."""

    def make_up(count, memory=80 * GIB, cores=8):
        found = [("H100", True)] * count or [("a processor", False)]
        monkeypatch.setattr(machine, "found", lambda: found)
        monkeypatch.setattr(machine, "gpu_memory", lambda: memory)
        monkeypatch.setattr(machine, "cores", lambda: list(range(cores)))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return make_up


def test_without_a_gpu_there_is_a_worker_a_core_with_four_lanes(gpus):
    gpus(0)
    assert machine.plan(lane=10**12) == machine.Plan(workers=8, lanes=4)


def test_with_gpus_there_is_a_worker_for_each_and_lanes_fill_half_of_its_memory(gpus):
    gpus(2, memory=80 * GIB)
    assert machine.plan(lane=GIB) == machine.Plan(workers=2, lanes=40, gpus=("0", "1"))


def test_workers_that_share_a_gpu_share_its_memory(gpus):
    gpus(2, memory=80 * GIB)
    assert machine.plan(lane=GIB, workers=3).lanes == 20
    assert machine.plan(lane=GIB, workers=0).lanes == 40


@pytest.mark.parametrize("count", [0, 2])
def test_what_is_given_stays(gpus, count):
    gpus(count)
    plan = machine.plan(workers=3, lanes=5)
    assert (plan.workers, plan.lanes) == (3, 5)


@pytest.mark.parametrize(
    ("memory", "lane", "most", "lanes"),
    [
        (80 * GIB, 1, 10**6, 1024),  # never more than 1024
        (80 * GIB, 1, 50, 50),  # never more than have work
        (80 * GIB, 100 * GIB, 50, 1),  # never none
        (2 * GIB, 2**20, 2000, 1024),
        (2 * GIB - 1, 2**20, 2000, 1023),
    ],
)
def test_lanes_that_fit(memory, lane, most, lanes):
    assert machine.fitting(memory, lane, most) == lanes


def test_the_bytes_of_a_lane():
    """Worked by hand: 4 · (6 · 1000 + 32 · 60 · 10), and 3 · 20 sequences where a batch is 20."""
    assert machine.lane_bytes(weights=1000, activations=10, steps=60, batch=1) == 100_800
    assert machine.lane_bytes(weights=1000, activations=10, steps=60, batch=20) == 168_000


@pytest.mark.parametrize(
    ("listed", "named"), [(None, ("0", "1")), ("2,3", ("2", "3")), ("GPU-a,GPU-b", ("GPU-a", "GPU-b"))]
)
def test_gpus_are_called_as_they_are_listed(gpus, monkeypatch, listed, named):
    gpus(2)
    if listed:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    assert machine.gpus() == named


@pytest.mark.parametrize(("printed", "memory"), [("81559\n40960\n", 40 * GIB), ("", 8 * GIB), ("?", 8 * GIB)])
def test_the_smallest_gpu_counts(monkeypatch, printed, memory):
    monkeypatch.setattr(machine.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=printed))
    assert machine.gpu_memory() == memory


def test_a_worker_sees_its_own_gpu_before_a_backend_is_loaded():
    code = (
        "import os, sys; from types import SimpleNamespace; from suite.search.workers import Pinned\n"
        "Pinned([0], ('5', '7')).setup(SimpleNamespace(name='3'))\n"
        "assert os.environ['CUDA_VISIBLE_DEVICES'] == '7'\n"
        "assert not {'keras', 'tensorflow', 'jax'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
