"""What a row says of the machine and the code that made it."""

import functools
import os
import platform
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PACKAGES = ("rnn-odyssey", "keras", "keras-tuner", "tensorflow", "jax", "numpy")


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter for a number."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def commit() -> str:
    """Return the commit of the source tree, with "-dirty" where it differs; "" outside a checkout."""
    root = Path(__file__).parents[1]
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if (root / ".git").exists() else ""


@functools.cache
def processor() -> str:
    """Return the name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cores() -> list[int]:
    """Return the cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def pin(core: int) -> None:
    """Keep this process and all its threads to a core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        for thread in os.listdir("/proc/self/task"):
            os.sched_setaffinity(int(thread), {core})


@functools.cache
def found() -> list[tuple[str, bool]]:
    """Return the name of every device that the backend would train on, and whether it is a GPU."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        named = [(processor() if d.platform == "cpu" else d.device_kind, d.platform) for d in jax.devices()]
        return [(name, platform == "gpu") for name, platform in named]
    import tensorflow as tf

    details = tf.config.experimental.get_device_details
    gpus = tf.config.list_physical_devices("GPU")
    return [(details(gpu).get("device_name", gpu.name), True) for gpu in gpus] or [(processor(), False)]


def devices() -> list[str]:
    """Return the names of the devices that the backend would train on."""
    return [name for name, _ in found()]


def gpus() -> tuple[str, ...]:
    """Return what CUDA calls the GPUs of the backend: as CUDA_VISIBLE_DEVICES lists them, else numbers."""
    count = sum(is_gpu for _, is_gpu in found())
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    return tuple(listed.split(",") if listed else map(str, range(count)))[:count]


def gpu_memory() -> int:
    """Return the bytes of the smallest GPU, as `nvidia-smi` tells them; 8 GiB where it cannot be asked."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]  # MiB
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return min(int(line) for line in done.stdout.splitlines()) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError):
        return 8 * 2**30


@dataclass(frozen=True)
class Plan:
    """How a sweep uses this machine: worker processes, lanes in each, and the GPUs they share out."""

    workers: int
    lanes: int
    gpus: tuple[str, ...] = ()


CPU_LANES, MOST_LANES = 4, 1024


def plan(lane: int = 1, most: int = MOST_LANES, workers: int | None = None, lanes: int | None = None) -> Plan:
    """Return how many workers to run, and lanes in each; what is given stays as it is.

    Without a GPU, one worker a core. With GPUs, one worker for each, and as many lanes as half of its memory
    holds, at most `most`; `lane` is the bytes a lane needs (`lane_bytes`). The GPU's part is an estimate that
    has not been measured yet.
    """
    available = gpus()
    if workers is None:
        workers = len(available) or len(cores())
    if lanes is None and available:
        sharing = -(-workers // len(available)) or 1  # workers on one GPU
        lanes = fitting(gpu_memory() // sharing, lane, most)
    return Plan(workers, lanes or CPU_LANES, available)


def fitting(memory: int, lane: int, most: int = MOST_LANES) -> int:
    """Return how many lanes of so many bytes half of a memory holds: 1 to `most`, never above 1024."""
    return max(1, min(memory // 2 // lane, most, MOST_LANES))


def lane_bytes(weights: int, activations: int, steps: int, batch: int) -> int:
    """Estimate the bytes a lane needs; not measured yet.

    Float32: six copies of the weights (weights and velocity before and after an epoch, best weights,
    gradient), and `activations` a step of as many sequences as are at work at once. An update holds each
    three times (its value, what the backward pass keeps, its gradient); a score runs 32 sequences forwards.
    """
    return 4 * (6 * weights + max(3 * batch, 32) * steps * activations)
