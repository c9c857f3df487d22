"""The benchmark: this engine and its peers on the same work, in turn and interleaved, in one run.

An engine that is given a core each runs one pinned single-threaded process per core, all at once, as a sweep
does; one that is not runs one process with its default threads, as its users do. Either way the whole machine
is one engine's while it is timed. Where `nvidia-smi` finds a GPU, every engine is one process that has it.
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
from types import SimpleNamespace

from suite import cells, machine
from suite.bench.engines import REFERENCE_FEATURES, REFERENCE_SEQUENCES, REFERENCE_STEPS, products_per_epoch
from suite.keras_loader import load_keras


@dataclass(frozen=True)
class Workload:
    """What is trained: a layer of so many units, an update after every `batch` of 229 sequences."""

    units: int
    batch: int
    steps: int = REFERENCE_STEPS
    cell: str = "np"

    @property
    def flops(self) -> float:
        """The floating-point operations of an epoch's products: one forwards and two backwards a weight."""
        load_keras()
        from suite.training.program import trial_operations

        work = SimpleNamespace(features=REFERENCE_FEATURES, outputs=REFERENCE_FEATURES)
        steps = {"train": REFERENCE_SEQUENCES * self.steps, "valid": 0, "test": 0}
        return 2 * trial_operations(cells.find_cell(self.cell), work, self.units, steps, epochs=1)


@dataclass(frozen=True)
class Engine:
    """An engine under test: its name in the table, its function and backend, and how it is run.

    On `cores` of the machine's, all if None; in so many lanes, 0 being what a sweep would choose.
    """

    name: str
    function: str
    backend: str
    core_each: bool
    lanes: int = 0
    cores: int | None = None


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
    """An engine at work: seconds of the machine for one epoch of one trial, repeat by repeat.

    `first` is the first epoch of a process, which compiles; `memory` the most a process took, in bytes.
    """

    engine: Engine
    work: Workload
    lanes: int
    seconds: list[float]
    first: float
    memory: int

    @property
    def median(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)


@dataclass
class BenchmarkResult:
    """What a benchmark found: timings, and the rates at which all cores multiply matrices, FLOP/s.

    `peak_rate` is that of large ones, `rates` those of the recurrent product at each point (batch, units).
    """

    peak: float
    rates: dict[tuple[int, int], float] = field(default_factory=dict)
    timings: list[Timing] = field(default_factory=list)


class EngineProcesses:
    """The processes of an engine, waiting for the word to train an epoch."""

    def __init__(self, engine: Engine, work: Workload):
        self.engine, self.work = engine, work
        asked = [engine.function, work.cell, work.units, work.batch, work.steps, engine.lanes]
        command = [sys.executable, "-W", "ignore", "-m", "suite.bench.engines", *map(str, asked)]
        environment = os.environ | {"KERAS_BACKEND": engine.backend}
        environment |= machine.SINGLE_CORE_ENV if engine.core_each else {}
        cores = machine.usable_cores()[: engine.cores]
        apart = engine.core_each and not machine.gpu_memories()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.processes = [
            subprocess.Popen([*command, *map(str, own)], env=environment, text=True, **pipes)
            for own in ([[core] for core in cores] if apart else [cores])
        ]
        try:
            ready = self.read_replies()
        except BaseException:
            self.__exit__()
            raise
        self.first, self.lanes = max(answer["first"] for answer in ready), ready[0]["lanes"]
        self.seconds, self.memory = [], 0

    def read_replies(self) -> list[dict]:
        """Return the next line of every process."""
        lines = [process.stdout.readline() for process in self.processes]
        for process, line in zip(self.processes, lines, strict=True):
            if not line:
                raise RuntimeError(f"{self.engine.name}: {process.stderr.read()}")
        return [json.loads(line) for line in lines]

    def train_epoch(self) -> None:
        """Train an epoch in every process at once, and take down what the machine spent on each trial."""
        for process in self.processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = self.read_replies()
        trials = self.lanes * len(self.processes)
        self.seconds.append(max(answer["seconds"] for answer in answers) / trials)
        self.memory = max(answer["memory"] for answer in answers)

    def timing(self) -> Timing:
        """Return what was measured."""
        return Timing(self.engine, self.work, self.lanes, self.seconds, self.first, self.memory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.communicate()


def time_engines(pairs: list[tuple[Engine, Workload]], repeats: int) -> list[Timing]:
    """Time engines at work, an epoch of each in turn, as often as `repeats` says."""
    with ExitStack() as stack:
        running = [stack.enter_context(EngineProcesses(engine, work)) for engine, work in pairs]
        for _ in range(repeats):
            for engine in running:
                engine.train_epoch()
        return [engine.timing() for engine in running]


def compare_engines(
    names: list[str] | None, point: Workload, backends: list[str], repeats: int
) -> list[Timing]:
    """Time our engine on each backend and its peers at a point; or, of our own, each of these cells."""
    ours = [OWN_ENGINES[backend] for backend in backends]
    works = [replace(point, cell=name) for name in names or [point.cell]]
    peers = [] if names else PEER_ENGINES
    pairs = [(engine, work) for work in works for engine in ours] + [(peer, point) for peer in peers]
    return time_engines(installed_engines(pairs), repeats)


def installed_engines(pairs: list[tuple[Engine, Workload]]) -> list[tuple[Engine, Workload]]:
    """Return the engines whose backend is here, with their work."""
    return [(engine, work) for engine, work in pairs if importlib.util.find_spec(engine.backend)]


def product_rate(
    units: int, batch: int, repeats: int = 5, engines: Iterable[Engine] = PRODUCT_ENGINES
) -> float:
    """Return how fast all cores, or those of `engines`, multiply states by a recurrent matrix, FLOP/s.

    The fastest of the libraries that are here.
    """
    pairs = [(engine, Workload(units, batch)) for engine in engines]
    fastest = min(timing.median for timing in time_engines(installed_engines(pairs), repeats))
    return products_per_epoch(units, batch) * 8 * batch * units**2 / fastest


def peak_rate() -> float:
    """Return how fast all cores multiply large matrices, (1024, 512) by (512, 2048), FLOP/s."""
    return product_rate(units=512, batch=1024)
