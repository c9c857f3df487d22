"""How a sweep uses a machine: workers, pinning, lanes and GPUs, with simulated hardware."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import keras
import pytest

from suite import machine

GIB = 2**30


@pytest.fixture
def gpus(monkeypatch):
    """Return a function that simulates GPUs with a number of bytes each, or a machine without one."""

    def simulate(count, gpu_memory=80 * GIB, cores=8):
        devices = [("H100", True)] * count or [("a processor", False)]
        monkeypatch.setattr(machine, "backend_devices", lambda: devices)
        monkeypatch.setattr(machine, "gpu_memories", lambda: [2 * gpu_memory, gpu_memory])
        monkeypatch.setattr(machine, "usable_cores", lambda: list(range(cores)))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return simulate


def test_without_a_gpu_there_is_one_worker_per_core(gpus):
    gpus(0)
    assert machine.plan_workers() == machine.Plan(workers=8)


@pytest.mark.parametrize(("units", "batch", "lanes"), [(32, 1, 8), (100, 1, 4), (100, 8, 1), (32, 32, 1)])
def test_on_a_cpu_the_weights_of_all_lanes_fit_in_the_cache_of_a_core(gpus, units, batch, lanes):
    """A lane has 4 · 4 · units² bytes of recurrent weights; 768 KiB are divided by the batch."""
    gpus(0)
    assert machine.plan_workers().lanes_for(recurrent=4 * units**2, lane=10**12, batch=batch) == lanes


def test_tensorflow_trains_at_least_two_lanes_if_the_batch_is_one(gpus):
    gpus(0)
    expected = {"tensorflow": 2, "jax": 1}[keras.backend.backend()]
    assert machine.plan_workers().lanes_for(recurrent=4 * 1000**2, lane=1, batch=1) == expected


def test_each_gpu_has_a_worker_and_lanes_fill_half_of_its_memory(gpus):
    gpus(2, gpu_memory=80 * GIB)
    plan = machine.plan_workers()
    assert plan == machine.Plan(workers=2, gpus=("0", "1"), gpu_memory=80 * GIB)
    assert [plan.lanes_for(1, lane, 1) for lane in (1, GIB, 100 * GIB)] == [1024, 40, 1]


def test_workers_that_share_a_gpu_share_its_memory(gpus):
    gpus(2, gpu_memory=80 * GIB)
    assert machine.plan_workers(workers=3).gpu_memory == 40 * GIB
    assert machine.plan_workers(workers=0).gpu_memory == 80 * GIB


@pytest.mark.parametrize("count", [0, 2])
def test_given_numbers_of_workers_and_lanes_are_kept(gpus, count):
    gpus(count)
    plan = machine.plan_workers(workers=3, lanes=5)
    assert (plan.workers, plan.lanes_for(10**6, 10**12, 1)) == (3, 5)


def test_the_bytes_of_a_lane_are_as_computed_by_hand():
    """4 · (6 · 1000 + 32 · 60 · 10), and 3 · 20 sequences where a batch is 20."""
    assert machine.lane_bytes(weights=1000, activations=10, steps=60, batch=1) == 100_800
    assert machine.lane_bytes(weights=1000, activations=10, steps=60, batch=20) == 168_000


@pytest.mark.parametrize(
    ("listed", "names"), [(None, ("0", "1")), ("2,3", ("2", "3")), ("GPU-a,GPU-b", ("GPU-a", "GPU-b"))]
)
def test_gpus_are_named_as_in_cuda_visible_devices(gpus, monkeypatch, listed, names):
    gpus(2)
    if listed:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    assert machine.gpu_ids() == names


@pytest.mark.parametrize(
    ("printed", "memories"), [("81920\n40960\n", [80 * GIB, 40 * GIB]), ("", []), ("?", [])]
)
def test_the_memory_of_gpus_is_read_from_nvidia_smi(monkeypatch, printed, memories):
    monkeypatch.setattr(machine.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=printed))
    assert machine.gpu_memories.__wrapped__() == memories


def test_a_gpu_of_unknown_memory_is_assumed_to_have_8_gib(gpus, monkeypatch):
    gpus(1)
    monkeypatch.setattr(machine, "gpu_memories", lambda: [])
    assert machine.plan_workers().gpu_memory == 8 * GIB


def test_a_worker_is_restricted_to_its_gpu_before_a_backend_is_loaded():
    code = (
        "import os, sys; from suite.search.clusters import PinWorker\n"
        "PinWorker(('simulated',)).setup(None)\n"
        "assert os.environ['CUDA_VISIBLE_DEVICES'] == 'simulated'\n"
        "assert not {'keras', 'tensorflow', 'jax'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are pinned on Linux")
def test_pinning_skips_a_thread_that_has_just_ended(monkeypatch):
    def set_affinity(thread, cores):
        if thread == 1:
            raise ProcessLookupError
        seen.append((thread, cores))

    seen = []
    monkeypatch.setattr(machine.os, "listdir", lambda path: ["1", "2"])
    monkeypatch.setattr(machine.os, "sched_setaffinity", set_affinity)
    machine.pin_to_core(3)
    assert seen == [(2, {3})]


CLAIM_CORE = (
    "import sys; from suite import machine\n"
    "machine.allowed_cores = lambda: [int(core) for core in sys.argv[1:3]]\n"
    "machine.usable_cores = lambda: machine.allowed_cores()[: int(sys.argv[3])]; pinned = []\n"
    "machine.pin_to_core = pinned.append\n"
    "core = machine.pin_to_free_core()\n"
    "assert pinned == [core] * (core is not None)\n"
    "assert machine.pin_to_free_core() == core\n"
    "print(core, flush=True); sys.stdin.read()"
)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are pinned on Linux")
def test_a_core_belongs_to_one_process_until_it_ends_and_without_a_free_core_nothing_is_pinned():
    """On two simulated cores, whose numbers no other test uses."""
    cores = [f"{os.getpid()}0000{k}" for k in range(2)]

    def start(quota="2"):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-c", CLAIM_CORE, *cores, quota], **pipes)

    processes = []
    try:
        for quota, expected in (
            ("1", "None"),
            ("2", cores[0]),
            ("2", cores[1]),
            ("2", "None"),
            ("2", cores[0]),
        ):
            if len(processes) == 4:
                processes[1].kill()
                processes[1].wait()
            processes.append(start(quota))
            assert processes[-1].stdout.readline().strip() == expected
    finally:
        for process in processes:
            process.kill()
            process.communicate()


V1 = "/sys/fs/cgroup/cpu/cpu.cfs_{}_us".format
CGROUPS = [  # files of cgroups v2 and v1, and how many of eight cores their quota allows
    ({"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "100000 100000\n"}, 1),
    ({"/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/cpu.max": "250000 100000\n"}, 3),
    ({"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "max 100000\n"}, 8),
    ({V1("quota"): "200000\n", V1("period"): "100000\n"}, 2),
    ({V1("quota"): "-1\n", V1("period"): "100000\n"}, 8),
]
SIMULATED_CGROUPS = """
import builtins, io, json, os, sys
from types import SimpleNamespace
import joblib, psutil
from suite import machine

cores, read, exists = list(range(8)), builtins.open, os.path.exists
os.sched_getaffinity = lambda _: set(cores)
os.cpu_count = os.process_cpu_count = lambda: len(cores)
psutil.Process = lambda: SimpleNamespace(cpu_affinity=lambda: cores)
simulated = lambda path: str(path).startswith(("/sys/fs/cgroup", "/proc/self/cgroup"))

def opened(path, *how, **more):
    if not simulated(path):
        return read(path, *how, **more)
    if path not in files:
        raise FileNotFoundError(path)
    return io.StringIO(files[path])

builtins.open, os.path.exists = opened, lambda path: path in files if simulated(path) else exists(path)
for text in sys.argv[1:]:
    files = json.loads(text)
    print(len(machine.usable_cores()))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has cgroups")
def test_a_quota_of_cpu_time_limits_the_number_of_usable_cores():
    """In a new process, with simulated files of the system."""
    command = [sys.executable, "-c", SIMULATED_CGROUPS, *(json.dumps(files) for files, _ in CGROUPS)]
    stdout = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert [*map(int, stdout.split())] == [count for _, count in CGROUPS]
