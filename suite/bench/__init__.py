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

POINTS = [(units, batch) for units in (32, 100, 200) for batch in (1, 8, 32)]
ALONE = {  # what a process that has one core is told, before its backend starts
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


@dataclass(frozen=True)
class Engine:
    """An engine under test: its name in the table, what it needs installed, and how it is run."""

    name: str
    work: str
    backend: str
    core_each: bool
    lanes: int = 1
    cell: str = "np"


ENGINES = [
    Engine("odyssey tensorflow", "odyssey", "tensorflow", core_each=True, lanes=4),
    Engine("odyssey jax", "odyssey", "jax", core_each=True, lanes=4),
    Engine("keras fit, tensorflow", "keras_fit_graph", "tensorflow", core_each=False),
    Engine("keras fit, tensorflow XLA", "keras_fit_xla", "tensorflow", core_each=False),
    Engine("keras fit, jax", "keras_fit", "jax", core_each=True),
    Engine("torch.nn.LSTM", "torch_loop", "torch", core_each=True),
]
PEAK = Engine("matrix product", "product", "jax", core_each=True)


@dataclass(frozen=True)
class Timing:
    """An engine at a point: seconds of the machine for one epoch of one trial, repeat by repeat.

    `first` is the first epoch of a process, which compiles; `memory` the most a process took, in bytes.
    """

    engine: Engine
    units: int
    batch: int
    seconds: list[float]
    first: float
    memory: int

    @property
    def median(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)


class Running:
    """The processes of an engine at a point, waiting for the word to train an epoch."""

    def __init__(self, engine: Engine, units: int, batch: int):
        self.engine, self.units, self.batch = engine, units, batch
        work = [engine.work, engine.cell, units, batch, engine.lanes]
        command = [sys.executable, "-W", "ignore", "-m", "suite.bench.engines", *map(str, work)]
        environment = os.environ | {"KERAS_BACKEND": engine.backend} | (ALONE if engine.core_each else {})
        cores = [{core} for core in machine.cores()] if engine.core_each else [set(machine.cores())]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.processes = [
            subprocess.Popen(
                command,
                env=environment,
                text=True,
                preexec_fn=lambda own=own: os.sched_setaffinity(0, own),
                **pipes,
            )
            for own in cores
        ]
        try:
            self.first = max(answer["first"] for answer in self.answers())
        except BaseException:
            self.__exit__()
            raise
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
        trials = self.engine.lanes * len(self.processes)
        self.seconds.append(max(answer["seconds"] for answer in answers) / trials)
        self.memory = max(answer["memory"] for answer in answers)

    def timing(self) -> Timing:
        """Return what was measured."""
        return Timing(self.engine, self.units, self.batch, self.seconds, self.first, self.memory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.communicate()


def run(engines: list[Engine], points, repeats: int) -> Iterator[list[Timing]]:
    """Time engines at each point (units, batch), an epoch of each in turn; yield its timings."""
    for units, batch in points:
        with ExitStack() as stack:
            running = [stack.enter_context(Running(engine, units, batch)) for engine in engines]
            for _ in range(repeats):
                for engine in running:
                    engine.train()
            yield [engine.timing() for engine in running]


def installed(engines: list[Engine]) -> list[Engine]:
    """Return the engines whose backend is installed."""
    return [engine for engine in engines if importlib.util.find_spec(engine.backend)]


def peak(repeats: int = 5) -> float:
    """Return the rate of large matrix products on all cores, FLOP/s."""
    with Running(PEAK, 0, 0) as running:
        for _ in range(repeats):
            running.train()
        return 10 * 2 * 1024**3 / statistics.median(running.seconds)


def flops(units: int) -> float:
    """Return the floating-point operations of an epoch of a trial: products forwards, twice backwards."""
    weights = FEATURES * 4 * units + units * 4 * units + units * FEATURES
    return 3 * 2 * weights * SEQUENCES * STEPS


def line(timing: Timing, rate: float) -> str:
    """Return a timing as a line to print; `rate` is that of matrix products, FLOP/s.

    The share of it counts the products of an LSTM.
    """
    share = flops(timing.units) / timing.median / rate
    return (
        f"N{timing.units} B{timing.batch}  {timing.engine.name:26} {timing.median:8.4f} s a trial-epoch "
        f"({min(timing.seconds):.4f}–{max(timing.seconds):.4f})  {share:4.0%} of peak  "
        f"{3600 / timing.median:9,.0f} an hour  first {timing.first:.1f} s  {timing.memory / 2**20:.0f} MiB"
    )


def of_cells(cells: list[str], engine: Engine) -> list[Engine]:
    """Return an engine of ours once for each cell."""
    return [replace(engine, name=f"{cell} ({engine.name})", cell=cell) for cell in cells]


def to_table(timings: list[Timing]) -> list[dict]:
    """Return timings as plain data."""
    return [asdict(timing) | {"median": timing.median} for timing in timings]
