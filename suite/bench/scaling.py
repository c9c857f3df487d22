"""The cost as work grows: time against units, steps, lanes, workers and trials, one at a time."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from suite import bench, machine

BASE_WORKLOAD = bench.Workload(units=64, batch=8)
GROWING_SIZES = {"units": (16, 32, 64, 128, 256), "steps": (15, 30, 60, 120, 240)}
TRIAL_COUNTS = (8, 32, 128)


def measure_scaling(backend: str, repeats: int) -> Iterator[tuple[str, int, float]]:
    """Yield what grows, its size, and the seconds of an epoch of a trial, or of a search of so many."""
    ours = bench.OWN_ENGINES[backend]
    for name, sizes in GROWING_SIZES.items():
        yield from time_sizes(
            name, sizes, [(ours, replace(BASE_WORKLOAD, **{name: size})) for size in sizes], repeats
        )
    alone, one_by_one = replace(ours, cores=1), replace(BASE_WORKLOAD, batch=1)
    lanes = [4**k for k in range(6)] if machine.gpu_memories() else [1, 2, 4, 8, 16]
    yield from time_sizes("lanes", lanes, [(replace(alone, lanes=k), one_by_one) for k in lanes], repeats)
    counts = range(1, len(machine.usable_cores()) + 1)
    yield from time_sizes(
        "workers", counts, [(replace(ours, cores=k), BASE_WORKLOAD) for k in counts], repeats
    )
    for trials in TRIAL_COUNTS:
        yield "trials", trials, search_seconds(trials)


def time_sizes(name, sizes, pairs, repeats) -> Iterator[tuple[str, int, float]]:
    """Yield the median seconds a trial-epoch of engines at work."""
    for size, timing in zip(sizes, bench.time_engines(pairs, repeats), strict=True):
        yield name, size, timing.median


def search_seconds(trials: int) -> float:
    """Return the seconds of a search of so many short trials of the adding task, by all workers."""
    from suite import config, store
    from suite.config import Protocol
    from suite.search import sweep
    from suite.search.clusters import LocalExecutor
    from suite.space import PAPER_SPACE, override_ranges

    protocol, space = Protocol(epochs=2, batch=32), override_ranges(PAPER_SPACE, {"units": (20, 20)})
    question = config.SweepConfig("scaling", ("adding",), ("np",), trials, protocol=protocol, space=space)
    plan = machine.plan_workers()
    with tempfile.TemporaryDirectory() as folder, LocalExecutor(plan.workers, plan.gpus) as crew:
        results = Path(folder) / "scaling"
        store.create_results_folder(results, question.to_table())
        start = time.perf_counter()
        shapes = {("adding", "np"): [sweep.PaddedShape(20, 1, trials, 4)]}
        list(sweep.run_sweep(question, results, crew, shapes, data=None, lanes=4))
        return time.perf_counter() - start


def growth_exponent(sizes, seconds) -> float:
    """Return the power of the size that the seconds grow with: the slope on logarithmic scales."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
