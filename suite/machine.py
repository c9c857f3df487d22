"""The machine: versions, cores and GPUs, and how a sweep uses them (workers, lanes, pinning)."""

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
    """Return the versions of Python and of the installed packages that scores may depend on, by name."""
    versions = {"python": platform.python_version()}
    for package in VERSIONED_PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


@functools.cache
def git_commit() -> str:
    """Return the git commit of the source tree, with "-dirty" if files differ; "" outside a checkout."""
    root = Path(__file__).parents[1]
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        completed = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return completed.stdout.strip() if (root / ".git").exists() else ""


def processor_name() -> str:
    """Return the name of the processor."""
    return cpuinfo("model name") or platform.processor() or platform.machine()


@functools.cache
def cpuinfo(key: str) -> str:
    """Return a field of the first processor in /proc/cpuinfo, such as "model name"; "" if there is none."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.partition(":")[0].strip() == key:
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return ""


def allowed_cores() -> list[int]:
    """Return the cores this process may run on, ascending."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def usable_cores() -> list[int]:
    """Return the cores to use: the allowed cores, limited to as many as the quota of CPU time pays for.

    Dask and joblib read the quota of a cgroup from different files, so the smaller of their answers counts.
    """
    import joblib
    from dask.system import cpu_count

    return allowed_cores()[: min(cpu_count(), joblib.cpu_count())]


def pin_to_core(core: int) -> None:
    """Pin this process with all its threads to a core; do nothing if the system does not support it."""
    if hasattr(os, "sched_setaffinity"):
        for thread in os.listdir("/proc/self/task"):
            with contextlib.suppress(ProcessLookupError):  # the thread has ended meanwhile
                os.sched_setaffinity(int(thread), {core})


CLAIMED_NAMES: dict[str, socket.socket] = {}  # claimed until this process ends


def claim_name(name: str) -> bool:
    """Claim a name on this machine until this process ends; return False if another process has it.

    The name is bound as a socket address in Linux's abstract namespace: one process of any user can hold it,
    it leaves no file, and it is free again however the process ends. Other systems claim nothing.
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
    """Pin this process to a core that no other worker has claimed, and return the core; None if none is free.

    Nothing is pinned if a quota allows less CPU time than there are cores: other containers may be using the
    same cores, and this process cannot see which.
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
    """Restrict this process, before it loads a backend, to the GPU that fewest other workers have claimed.

    `visible` holds the names of the GPUs for CUDA. The number of the SLURM job is part of a claim, as each
    job may call its own GPU "0".
    """
    if any(name.startswith("GPU ") for name in CLAIMED_NAMES):
        return
    job = os.environ.get("SLURM_JOB_ID", "")
    for claims in range(64):  # number of other workers on the GPU
        for gpu in visible:
            if claim_name(f"GPU {gpu} {job} {claims}"):
                os.environ["CUDA_VISIBLE_DEVICES"] = gpu
                return
    os.environ["CUDA_VISIBLE_DEVICES"] = visible[os.getpid() % len(visible)]


@functools.cache
def backend_devices() -> list[tuple[str, bool]]:
    """Return the name of each device of the backend, and whether it is a GPU."""
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
    """Return the names of the devices of the backend."""
    return [name for name, _ in backend_devices()]


def gpu_ids() -> tuple[str, ...]:
    """Return the names for CUDA of the GPUs of the backend."""
    return visible_gpu_ids(sum(is_gpu for _, is_gpu in backend_devices()))


def visible_gpu_ids(count: int) -> tuple[str, ...]:
    """Return the names of `count` GPUs for CUDA: those in CUDA_VISIBLE_DEVICES, otherwise numbers."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    return tuple(listed.split(",") if listed else map(str, range(count)))[:count]


@functools.cache
def gpu_memories() -> list[int]:
    """Return the bytes of memory of each GPU from `nvidia-smi`; an empty list if it cannot be run."""
    try:
        return [int(line) * 2**20 for line in query_gpus("memory.total")]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


def query_gpus(field: str) -> list[str]:
    """Return a field of each GPU from `nvidia-smi`, without its unit: "memory.total" is in MiB."""
    command = ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader,nounits"]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return completed.stdout.splitlines()


SINGLE_CORE_ENV = {  # environment of a worker on one core, set before its backend is loaded
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1 "
    + os.environ.get("XLA_FLAGS", ""),
    # malloc keeps the memory of an epoch for the next one: returning it to the system costs up to 8 % of time
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
    "MALLOC_ARENA_MAX": "1",  # arenas of threads ignore the threshold and return memory: 2–3 %
}

# in the environment of a worker: the number of workers that share its GPU; 1 if unset
WORKERS_PER_GPU_VARIABLE = "ODYSSEY_WORKERS_A_GPU"
TRIALS_PER_LANE = 4  # on a CPU, at least: trials of a search and width for each lane
MAX_LANES = {"cpu": 8, "gpu": 1024}
ASSUMED_GPU_MEMORY = 8 * 2**30  # bytes, if the memory of a GPU is not known
CORE_CACHE_BYTES = 768 * 2**10  # of a core's cache, for the recurrent weights of all lanes together
# Measured on cores (TensorFlow takes 12 s to compile, JAX 6) and on an H100 with JAX:
COMPILE_SECONDS = {"cpu": 10.0, "gpu": 15.0}  # of one core, for one program
RATE = {"cpu": 2.5e10, "gpu": 2e12}  # multiply–adds a second of a core or GPU, with a batch of one
GPU_STEP_SECONDS = 1e-5  # for a step forward and backward, however few the lanes


@dataclass(frozen=True)
class Plan:
    """How a sweep uses a machine: its number of worker processes, their GPUs, and their lanes.

    - `lanes`: as the user gave it; None if it is chosen for each network (see `lanes_for`).
    - `gpus`: names for CUDA of the GPUs that the workers share; empty if they train on cores.
    - `gpu_memory`: bytes of GPU memory for each worker.
    """

    workers: int
    lanes: int | None = None
    gpus: tuple[str, ...] = ()
    gpu_memory: int = 0

    def lanes_for(self, recurrent: int, lane: int, batch: int, trials: float = math.inf) -> int:
        """Return how many lanes suit a network with `recurrent` recurrent weights and `lane` bytes per lane.

        On a CPU, lanes are faster as long as all their recurrent weights fit in the cache of a core. Each
        lane should also get several of the `trials`, because a lane without a trial still takes its share of
        time at the end. On a GPU, twice the lanes take at most twice as long: there is one for each trial, in
        half of the memory.
        """
        if self.lanes:
            return int(min(self.lanes, trials))
        if self.gpus:
            return int(clamp(self.gpu_memory // 2 // lane, 1, min(MAX_LANES["gpu"], trials)))
        low = min(min_lanes(batch), trials)
        high = max(low, min(MAX_LANES["cpu"], trials // TRIALS_PER_LANE))
        return int(clamp(CORE_CACHE_BYTES // (4 * recurrent * batch), low, high))

    @property
    def device(self) -> str:
        """What a worker trains on: "cpu" or "gpu"."""
        return "gpu" if self.gpus else "cpu"

    def program_seconds(self, steps: float) -> float:
        """Return the seconds that a program takes however few trials it trains.

        Every program is compiled. On a GPU, each of the `steps` that it takes one after the other also has a
        shortest time.
        """
        return COMPILE_SECONDS[self.device] + (steps * GPU_STEP_SECONDS if self.gpus else 0.0)


def min_lanes(batch: int) -> int:
    """Return 2 where two lanes are faster than one: XLA on TensorFlow multiplies a single vector slowly."""
    import keras

    return 2 if batch == 1 and keras.backend.backend() == "tensorflow" else 1


def clamp(value: float, low: float, high: float) -> float:
    """Return a value limited to the range from `low` to `high`."""
    return max(low, min(value, high))


def plan_workers(workers: int | None = None, lanes: int | None = None) -> Plan:
    """Return the plan for this machine: by default one worker per GPU, or one per core if there is no GPU.

    `workers` and `lanes`, if given, are kept.
    """
    gpus = gpu_ids()
    if workers is None:
        workers = len(gpus) or len(usable_cores())
    if not gpus:
        return Plan(workers, lanes)
    workers_per_gpu = max(1, -(-workers // len(gpus)))
    return Plan(workers, lanes, gpus, min(gpu_memories(), default=ASSUMED_GPU_MEMORY) // workers_per_gpu)


def this_worker_plan() -> Plan:
    """Return the plan of this process alone, as a worker on its core or with its share of a GPU."""
    return plan_workers(workers=int(os.environ.get(WORKERS_PER_GPU_VARIABLE, 1)))


def lane_bytes(weights: int, activations: int, steps: int, batch: int) -> int:
    """Estimate the bytes of memory that one lane needs: on an H100, peaks were 0.9 to 1.5 times as many.

    A network has `weights` weights, and `activations` activations for each step of a sequence, in float32.
    Six copies of the weights are held: weights and velocity before and after an epoch, best weights, and
    gradient. An update holds the activations of `batch` sequences three times: values, what the backward
    pass keeps, and gradients. A score holds those of 32 sequences once.
    """
    return 4 * (6 * weights + max(3 * batch, 32) * steps * activations)
