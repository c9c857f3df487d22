"""Benchmark of this suite's training engine and of other libraries ("peers") on the same work.

An engine with `core_each` runs one pinned, single-threaded process per core, all at the same time, as a sweep
does. Any other engine runs one process with its default threads, as its users do. Only one engine runs at a
time, and engines take turns. If `nvidia-smi` finds a GPU, every engine is one process that uses it, in
float32 without TF32.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import IO, Self

from suite import machine
from suite.bench.engines import REFERENCE_SEQUENCES, REFERENCE_STEPS, REFERENCE_TASK, products_per_epoch
from suite.keras_loader import load_keras


@dataclass(frozen=True)
class Workload:
    """The work of a benchmark: a recurrent layer of `units` units on 229 sequences of `steps` steps.

    An update follows every `batch` sequences. `cell` is the cell this suite trains; peers train an LSTM.
    """

    units: int
    batch: int
    steps: int = REFERENCE_STEPS
    cell: str = "np"

    @property
    def flops(self) -> float:
        """Floating-point operations of the matrix products of an epoch: one forward, two backward."""
        load_keras()
        from suite.variants import find_network

        steps = {"train": REFERENCE_SEQUENCES * self.steps, "valid": 0, "test": 0}
        return 2 * find_network(self.cell, REFERENCE_TASK).trial_operations(self.units, steps, epochs=1)


@dataclass(frozen=True)
class Engine:
    """An engine under test and how it is run.

    - `name`: its label in tables.
    - `function`: its function in `suite.bench.engines`.
    - `backend`: the library it needs, which also becomes the Keras backend.
    - `core_each`: whether each core gets a single-threaded process.
    - `lanes`: trials that a process trains at a time; 0 for the number that a sweep would choose.
    - `workers`: number of processes: of cores to use, all if None, or of processes that share the GPU.
    """

    name: str
    function: str
    backend: str
    core_each: bool
    lanes: int = 0
    workers: int | None = None


OWN_ENGINES = {
    backend: Engine(f"odyssey, {name}", "odyssey", backend, core_each=True)
    for backend, name in (("tensorflow", "TensorFlow"), ("jax", "JAX"))
}
DEFAULT_KERAS = Engine("Keras fit, TensorFlow", "keras_fit", "tensorflow", core_each=False)
PEER_ENGINES = [
    DEFAULT_KERAS,
    Engine("Keras fit, TensorFlow XLA", "keras_fit_xla", "tensorflow", core_each=False),
    Engine("Keras fit, JAX", "keras_fit", "jax", core_each=True),
    Engine("torch.nn.LSTM", "torch_loop", "torch", core_each=True),
]
PRODUCT_ENGINES = [
    Engine("product, NumPy", "product", "numpy", core_each=True),
    Engine("product, TensorFlow", "compiled_product", "tensorflow", core_each=True),
    Engine("product, JAX", "compiled_product", "jax", core_each=True),
]


@dataclass(frozen=True)
class Timing:
    """The timing of an engine on a workload.

    - `lanes`: trials that a process trained at a time.
    - `seconds`: for each repeat, seconds that the whole machine needs for one epoch of one trial.
    - `first`: seconds of the first epoch of a process, which includes compilation.
    - `memory`: peak memory of a process in bytes.
    """

    engine: Engine
    work: Workload
    lanes: int
    seconds: list[float]
    first: float
    memory: int

    @property
    def median(self) -> float:
        """Median of `seconds`."""
        return statistics.median(self.seconds)


@dataclass
class BenchmarkResult:
    """The results of a benchmark: timings, and how fast all cores multiply matrices, in FLOP/s.

    `peak` is the rate for large matrices, `rates` holds the rate of the recurrent product at each point
    (batch, units). On a GPU neither is measured: a product of one trial would leave it idle.
    """

    peak: float | None
    rates: dict[tuple[int, int], float] = field(default_factory=dict)
    timings: list[Timing] = field(default_factory=list)


class EngineProcesses:
    """The processes of an engine on a workload; each one trains when `train_epoch` is called."""

    def __init__(self, engine: Engine, work: Workload):
        self.engine, self.work = engine, work
        arguments = [engine.function, work.cell, work.units, work.batch, work.steps, engine.lanes]
        command = [sys.executable, "-W", "ignore", "-m", "suite.bench.engines", *map(str, arguments)]
        environment = os.environ | {"KERAS_BACKEND": engine.backend}
        cores = machine.usable_cores()
        process_cores = [cores]
        if machine.gpu_memories():
            process_cores *= engine.workers or 1
        elif engine.core_each:
            environment |= machine.SINGLE_CORE_ENV
            process_cores = [[core] for core in cores[: engine.workers]]
        self.processes = [
            subprocess.Popen(
                [*command, *map(str, own_cores)],
                env=environment,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for own_cores in process_cores
        ]
        self.first, self.lanes, self.memory = 0.0, 0, 0
        self.seconds: list[float] = []

    def wait_until_compiled(self) -> None:
        """Wait until every process has trained its first epoch."""
        replies = self.read_replies()
        self.first, self.lanes = max(reply["first"] for reply in replies), replies[0]["lanes"]

    def read_replies(self) -> list[dict]:
        """Return the next JSON line of each process; raise `RuntimeError` if one has failed."""
        lines = [stream(process.stdout).readline() for process in self.processes]
        for process, line in zip(self.processes, lines, strict=True):
            if not line:
                raise RuntimeError(f"{self.engine.name}: {stream(process.stderr).read()}")
        return [json.loads(line) for line in lines]

    def train_epoch(self) -> None:
        """Train for a while in all processes at once; record the seconds per trial-epoch and the memory."""
        for process in self.processes:
            stream(process.stdin).write("go\n")
            stream(process.stdin).flush()
        replies = self.read_replies()
        trials = self.lanes * len(self.processes)
        self.seconds.append(max(reply["seconds"] for reply in replies) / trials)
        self.memory = max(reply["memory"] for reply in replies)

    def timing(self) -> Timing:
        """Return the timing so far."""
        return Timing(self.engine, self.work, self.lanes, self.seconds, self.first, self.memory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


def stream(pipe: IO[str] | None) -> IO[str]:
    """Return a pipe of a process that was started with it."""
    assert pipe is not None
    return pipe


def time_engines(pairs: list[tuple[Engine, Workload]], repeats: int) -> list[Timing]:
    """Return the timing of each engine on its workload; all engines train in turn, `repeats` times."""
    with ExitStack() as stack:
        running = []
        for engine, work in pairs:
            running.append(stack.enter_context(EngineProcesses(engine, work)))
            if not machine.gpu_memories():  # on cores, engines would compile at each other's expense
                running[-1].wait_until_compiled()
        if machine.gpu_memories():
            for processes in running:
                processes.wait_until_compiled()
        for _ in range(repeats):
            for processes in running:
                processes.train_epoch()
        return [processes.timing() for processes in running]


def compare_engines(
    names: list[str] | None, point: Workload, backends: list[str], repeats: int
) -> list[Timing]:
    """Return timings at a point: of this suite's engine on each backend, and of its peers.

    If `names` of cells are given, the suite's engine is timed with each of them, and no peer.
    """
    own_engines = [OWN_ENGINES[backend] for backend in backends]
    works = [replace(point, cell=name) for name in names or [point.cell]]
    peers = [] if names else PEER_ENGINES
    pairs = [(engine, work) for work in works for engine in own_engines] + [(peer, point) for peer in peers]
    return time_engines(installed_engines(pairs), repeats)


def installed_engines(pairs: list[tuple[Engine, Workload]]) -> list[tuple[Engine, Workload]]:
    """Return the pairs whose engine's backend is installed."""
    return [(engine, work) for engine, work in pairs if importlib.util.find_spec(engine.backend)]


def product_rate(
    units: int, batch: int, repeats: int = 5, engines: Iterable[Engine] = PRODUCT_ENGINES
) -> float:
    """Return how fast all cores multiply states by a recurrent matrix, in FLOP/s, with the fastest library.

    Of `engines`, those that are not installed are left out.
    """
    pairs = [(engine, Workload(units, batch)) for engine in engines]
    fastest = min(timing.median for timing in time_engines(installed_engines(pairs), repeats))
    return products_per_epoch(units, batch) * 8 * batch * units**2 / fastest


def peak_rate() -> float:
    """Return how fast all cores multiply large matrices, (1024, 512) by (512, 2048), in FLOP/s."""
    return product_rate(units=512, batch=1024)
