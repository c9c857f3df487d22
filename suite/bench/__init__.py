"""The benchmark: this engine and its peers on the same work, in turn and interleaved, in one run.

An engine that is given a core each runs one pinned single-threaded process per core, all at once, as a sweep
does; one that is not runs one process with its default threads, as its users do. Either way the whole machine
is one engine's while it is timed.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace

from suite import machine
from suite.bench.engines import FEATURES, SEQUENCES, STEPS


@dataclass(frozen=True)
class Work:
    """What is trained: a layer of so many units, an update after every `batch` of 229 sequences."""

    units: int
    batch: int
    steps: int = STEPS
    cell: str = "np"

    @property
    def flops(self) -> float:
        """The floating-point operations of an epoch of an LSTM: its products forwards, twice backwards."""
        weights = FEATURES * 4 * self.units + self.units * 4 * self.units + self.units * FEATURES
        return 3 * 2 * weights * SEQUENCES * self.steps


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


OURS = {
    backend: Engine(f"odyssey, {name}", "odyssey", backend, core_each=True)
    for backend, name in (("tensorflow", "TensorFlow"), ("jax", "JAX"))
}
USER = Engine("Keras fit, TensorFlow", "keras_fit", "tensorflow", core_each=False)
PEERS = [
    USER,
    Engine("Keras fit, TensorFlow XLA", "keras_fit_xla", "tensorflow", core_each=False),
    Engine("Keras fit, JAX", "keras_fit", "jax", core_each=True),
    Engine("torch.nn.LSTM", "torch_loop", "torch", core_each=True),
]
PEAK = Engine("matrix product", "product", "jax", core_each=True)
VECTOR = Engine("vector times matrix", "vector", "jax", core_each=True)


@dataclass(frozen=True)
class Timing:
    """An engine at work: seconds of the machine for one epoch of one trial, repeat by repeat.

    `first` is the first epoch of a process, which compiles; `memory` the most a process took, in bytes.
    """

    engine: Engine
    work: Work
    lanes: int
    seconds: list[float]
    first: float
    memory: int

    @property
    def median(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)


class Running:
    """The processes of an engine, waiting for the word to train an epoch."""

    def __init__(self, engine: Engine, work: Work):
        self.engine, self.work = engine, work
        asked = [engine.function, work.cell, work.units, work.batch, work.steps, engine.lanes]
        command = [sys.executable, "-W", "ignore", "-m", "suite.bench.engines", *map(str, asked)]
        environment = os.environ | {"KERAS_BACKEND": engine.backend}
        environment |= machine.ALONE if engine.core_each else {}
        cores = machine.cores()[: engine.cores]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.processes = [
            subprocess.Popen(
                command,
                env=environment,
                text=True,
                preexec_fn=lambda own=own: os.sched_setaffinity(0, own),
                **pipes,
            )
            for own in ([{core} for core in cores] if engine.core_each else [set(cores)])
        ]
        try:
            ready = self.answers()
        except BaseException:
            self.__exit__()
            raise
        self.first, self.lanes = max(answer["first"] for answer in ready), ready[0]["lanes"]
        self.seconds, self.memory = [], 0

    def answers(self) -> list[dict]:
        """Return the next line of every process."""
        lines = [process.stdout.readline() for process in self.processes]
        for process, line in zip(self.processes, lines, strict=True):
            if not line:
                raise RuntimeError(f"{self.engine.name}: {process.stderr.read()}")
        return [json.loads(line) for line in lines]

    def train(self) -> None:
        """Train an epoch in every process at once, and take down what the machine spent on each trial."""
        for process in self.processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = self.answers()
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


def run(pairs: list[tuple[Engine, Work]], repeats: int) -> list[Timing]:
    """Time engines at work, an epoch of each in turn, as often as `repeats` says."""
    with ExitStack() as stack:
        running = [stack.enter_context(Running(engine, work)) for engine, work in pairs]
        for _ in range(repeats):
            for engine in running:
                engine.train()
        return [engine.timing() for engine in running]


def compare(
    cells: list[str] | None, points: list[Work], backends: list[str], repeats: int
) -> Iterator[list[Timing]]:
    """Time our engine on each backend and its peers, point by point; or, of our own, each of these cells."""
    ours = [OURS[backend] for backend in backends]
    for point in points:
        works = [replace(point, cell=cell) for cell in cells or [point.cell]]
        peers = [] if cells else PEERS
        pairs = [(engine, work) for work in works for engine in ours] + [(peer, point) for peer in peers]
        yield run([(e, work) for e, work in pairs if importlib.util.find_spec(e.backend)], repeats)


def peak(repeats: int = 5) -> float:
    """Return the rate of large matrix products on all cores, FLOP/s."""
    [timing] = run([(PEAK, Work(1024, 1))], repeats)
    return 10 * 2 * 1024**3 / timing.median


def vector_peak(units: int, repeats: int = 5) -> float:
    """Return the rate at which all cores multiply vectors by a recurrent matrix, FLOP/s."""
    [timing] = run([(VECTOR, Work(units, 1))], repeats)
    return 2 * 4 * units**2 * SEQUENCES * STEPS / timing.median


def to_table(timings: list[Timing]) -> list[dict]:
    """Return timings as plain data."""
    return [asdict(timing) | {"median": timing.median} for timing in timings]
