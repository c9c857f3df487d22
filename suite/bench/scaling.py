"""The cost as work grows: time against units, steps, lanes, workers and trials, one at a time."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from suite import bench, machine

BASE = bench.Work(units=64, batch=8)
GROWING = {"units": (16, 32, 64, 128, 256), "steps": (15, 30, 60, 120, 240)}
TRIALS = (8, 32, 128)


def study(backend: str, repeats: int) -> Iterator[tuple[str, int, float]]:
    """Yield what grows, its size, and the seconds of an epoch of a trial, or of a search of so many."""
    ours = bench.OURS[backend]
    for name, sizes in GROWING.items():
        yield from timed(name, sizes, [(ours, replace(BASE, **{name: size})) for size in sizes], repeats)
    alone, one_by_one = replace(ours, cores=1), replace(BASE, batch=1)
    lanes = [4**k for k in range(6)] if machine.gpu_memories() else [1, 2, 4, 8, 16]
    yield from timed("lanes", lanes, [(replace(alone, lanes=k), one_by_one) for k in lanes], repeats)
    counts = range(1, len(machine.cores()) + 1)
    yield from timed("workers", counts, [(replace(ours, cores=k), BASE) for k in counts], repeats)
    for trials in TRIALS:
        yield "trials", trials, search(trials)


def timed(name, sizes, pairs, repeats) -> Iterator[tuple[str, int, float]]:
    """Yield the median seconds a trial-epoch of engines at work."""
    for size, timing in zip(sizes, bench.run(pairs, repeats), strict=True):
        yield name, size, timing.median


def search(trials: int) -> float:
    """Return the seconds of a search of so many short trials of the adding task, by all workers."""
    from suite import store
    from suite.search import asked, sweep
    from suite.search.clusters import Local
    from suite.space import PAPER, override
    from suite.training.trial import Protocol

    protocol, space = Protocol(epochs=2, batch=32), override(PAPER, {"units": (20, 20)})
    question = asked.Asked("scaling", ("adding",), ("np",), trials, protocol=protocol, space=space)
    plan = machine.plan()
    with tempfile.TemporaryDirectory() as folder, Local(plan.workers, plan.gpus) as crew:
        results = Path(folder) / "scaling"
        store.create(results, question.to_table())
        start = time.perf_counter()
        shapes = {("adding", "np"): [sweep.Shape(20, 1, trials, 4)]}
        list(sweep.run(question, results, crew, shapes, data=None, given=4))
        return time.perf_counter() - start


def exponent(sizes, seconds) -> float:
    """Return the power of the size that the seconds grow with: the slope on logarithmic scales."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
