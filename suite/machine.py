"""What a row says of the machine and the code that made it."""

import contextlib
import functools
import math
import os
import platform
import socket
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

VERSIONED_PACKAGES = ("rnn-odyssey", "keras", "keras-tuner", "tensorflow", "jax", "numpy")


@functools.cache
def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter for a number."""
    found = {"python": platform.python_version()}
    for package in VERSIONED_PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def git_commit() -> str:
    """Return the commit of the source tree, with "-dirty" where it differs; "" outside a checkout."""
    root = Path(__file__).parents[1]
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if (root / ".git").exists() else ""


def processor_name() -> str:
    """Return the name of the processor."""
    return cpuinfo("model name") or platform.processor() or platform.machine()


@functools.cache
def cpuinfo(key: str) -> str:
    """Return what Linux says of the first processor, or nothing: its "model name", its "flags"."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.partition(":")[0].strip() == key:
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return ""


def allowed_cores() -> list[int]:
    """Return the cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def usable_cores() -> list[int]:
    """Return the cores to use: of those this process may run on, as many as its quota of CPU time allows.

    Dask and joblib look for a quota (of a cgroup) in different files.
    """
    import joblib
    from dask.system import cpu_count

    return allowed_cores()[: min(cpu_count(), joblib.cpu_count())]


def pin_to_core(core: int) -> None:
    """Keep this process and all its threads to a core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        for thread in os.listdir("/proc/self/task"):
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                os.sched_setaffinity(int(thread), {core})


CLAIMED_NAMES: dict[str, socket.socket] = {}  # what this process holds, for as long as it lives


def claim_name(name: str) -> bool:
    """Hold a name on this machine until this process ends; return False where another process holds it.

    An address in Linux's abstract namespace belongs to one process at a time, of whichever user, leaves no
    file, and is free again however that process ends.
    """
    if name in CLAIMED_NAMES or not sys.platform.startswith("linux"):
        return name in CLAIMED_NAMES
    address = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        address.bind(f"\0rnn-odyssey {name}")
    except OSError:
        address.close()
        return False
    CLAIMED_NAMES[name] = address
    return True


def pin_to_free_core() -> int | None:
    """Pin this process to a core that no other of ours holds, and return it; to none where none is free.

    Nor where a quota allows fewer cores than there are: whose work is on which, this process cannot see.
    """
    available = allowed_cores()
    if len(usable_cores()) < len(available):
        return None
    for core in available:
        if claim_name(f"core {core}"):
            pin_to_core(core)
            return core
    return None


def claim_gpu(visible: tuple[str, ...]) -> None:
    """Have this process, which has no backend yet, see one GPU alone: one that fewest others of ours hold.

    Jobs of SLURM may each call their own GPU "0".
    """
    if any(name.startswith("GPU ") for name in CLAIMED_NAMES):
        return
    job = os.environ.get("SLURM_JOB_ID", "")
    for others in range(64):
        for gpu in visible:
            if claim_name(f"GPU {gpu} {job} {others}"):
                os.environ["CUDA_VISIBLE_DEVICES"] = gpu
                return
    os.environ["CUDA_VISIBLE_DEVICES"] = visible[os.getpid() % len(visible)]


@functools.cache
def backend_devices() -> list[tuple[str, bool]]:
    """Return the name of every device that the backend would train on, and whether it is a GPU."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        named = [
            (processor_name() if d.platform == "cpu" else d.device_kind, d.platform) for d in jax.devices()
        ]
        return [(name, platform == "gpu") for name, platform in named]
    import tensorflow as tf

    details = tf.config.experimental.get_device_details
    gpus = tf.config.list_physical_devices("GPU")
    return [(details(gpu).get("device_name", gpu.name), True) for gpu in gpus] or [(processor_name(), False)]


def device_names() -> list[str]:
    """Return the names of the devices that the backend would train on."""
    return [name for name, _ in backend_devices()]


def gpu_ids() -> tuple[str, ...]:
    """Return what CUDA calls the GPUs of the backend."""
    return visible_gpu_ids(sum(is_gpu for _, is_gpu in backend_devices()))


def visible_gpu_ids(count: int) -> tuple[str, ...]:
    """Return what CUDA calls so many GPUs: as CUDA_VISIBLE_DEVICES lists them, else numbers."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    return tuple(listed.split(",") if listed else map(str, range(count)))[:count]


@functools.cache
def gpu_memories() -> list[int]:
    """Return the bytes of every GPU, as `nvidia-smi` tells them; none where it cannot be asked."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]  # MiB
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return [int(line) * 2**20 for line in done.stdout.splitlines()]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


SINGLE_CORE_ENV = {  # environment of a process on a core of its own, set before its backend is loaded
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1 "
    + os.environ.get("XLA_FLAGS", ""),
    # the memory of an epoch is kept for the next: to ask the system for it each time costs up to 8 %
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
    "MALLOC_ARENA_MAX": "1",  # a thread's own arena gives whole heaps back whatever the threshold: 2–3 %
}

WORKERS_PER_GPU_VARIABLE = (
    "ODYSSEY_WORKERS_A_GPU"  # in a worker's environment: how many share its GPU, if not 1
)
TRIALS_PER_LANE = 4  # on a CPU, of a search and width
MAX_LANES = {"cpu": 8, "gpu": 1024}
ASSUMED_GPU_MEMORY = 8 * 2**30  # bytes taken for those of a GPU that cannot be asked
CORE_CACHE_BYTES = 768 * 2**10  # bytes of a core's cache that the recurrent weights of all lanes may take


@dataclass(frozen=True)
class Plan:
    """How a sweep uses this machine: worker processes, the GPUs they share out, and lanes, if given.

    `gpu_memory` is the part of a GPU that a worker has, in bytes.
    """

    workers: int
    lanes: int | None = None
    gpus: tuple[str, ...] = ()
    gpu_memory: int = 0

    def lanes_for(self, recurrent: int, lane: int, batch: int, trials: float = math.inf) -> int:
        """Return how many lanes suit networks with `recurrent` weights, a lane of which takes `lane` bytes.

        On a CPU as many as keep their recurrent weights in a core's cache, where the work of a step is small
        enough to gain from company, and no more than have several of the `trials` each: towards the end, the
        lanes that have none left train on for nothing. On a GPU, where lanes cost next to nothing, as many as
        half of its memory holds and as there are trials; that has not been measured yet.
        """
        if self.lanes:
            return int(min(self.lanes, trials))
        if self.gpus:
            return int(clamp(self.gpu_memory // 2 // lane, 1, min(MAX_LANES["gpu"], trials)))
        least = min(min_lanes(batch), trials)
        most = max(least, min(MAX_LANES["cpu"], trials // TRIALS_PER_LANE))
        return int(clamp(CORE_CACHE_BYTES // (4 * recurrent * batch), least, most))


def min_lanes(batch: int) -> int:
    """Return 2 where one lane is slower than two: XLA's product of one vector and a matrix, in TensorFlow."""
    import keras

    return 2 if batch == 1 and keras.backend.backend() == "tensorflow" else 1


def clamp(value: float, low: float, high: float) -> float:
    """Return the value, or the nearer end of a range."""
    return max(low, min(value, high))


def plan_workers(workers: int | None = None, lanes: int | None = None) -> Plan:
    """Return how to use this machine; what is given stays as it is.

    Without a GPU, one worker a core. With GPUs, one worker for each.
    """
    available = gpu_ids()
    if workers is None:
        workers = len(available) or len(usable_cores())
    sharing = -(-workers // len(available)) or 1 if available else 1  # workers on one GPU
    return Plan(
        workers,
        lanes,
        available,
        min(gpu_memories(), default=ASSUMED_GPU_MEMORY) // sharing if available else 0,
    )


def this_worker_plan() -> Plan:
    """Return how this process, as a worker, uses its core or its share of its GPU."""
    return plan_workers(workers=int(os.environ.get(WORKERS_PER_GPU_VARIABLE, 1)))


def lane_bytes(weights: int, activations: int, steps: int, batch: int) -> int:
    """Estimate the bytes a lane needs; not measured yet.

    Float32: six copies of the weights (weights and velocity before and after an epoch, best weights,
    gradient), and `activations` a step of as many sequences as are at work at once. An update holds each
    three times (its value, what the backward pass keeps, its gradient); a score runs 32 sequences forwards.
    """
    return 4 * (6 * weights + max(3 * batch, 32) * steps * activations)
