"""Measure how time grows with units, steps, lanes, workers and trials, one at a time."""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from suite import bench, machine

BASE_WORKLOAD = bench.Workload(units=64, batch=8)
GROWING_SIZES = {"units": (16, 32, 64, 128, 256), "steps": (15, 30, 60, 120, 240)}
TRIAL_COUNTS = (8, 32, 128)


def measure_scaling(backend: str, repeats: int) -> Iterator[tuple[str, int, float]]:
    """Yield the name of what grows, its size, and seconds.

    The seconds are those of one epoch of one trial; for "trials", those of a whole search of that size.
    """
    engine = bench.OWN_ENGINES[backend]
    for name, sizes in GROWING_SIZES.items():
        workloads = [workload_with(name, size) for size in sizes]
        yield from time_sizes(name, sizes, [(engine, work) for work in workloads], repeats)
    one_core, batch_of_one = replace(engine, workers=1), replace(BASE_WORKLOAD, batch=1)
    lanes = [4**k for k in range(6)] if machine.gpu_memories() else [1, 2, 4, 8, 16]
    yield from time_sizes(
        "lanes", lanes, [(replace(one_core, lanes=k), batch_of_one) for k in lanes], repeats
    )
    counts = (1, 2, 4) if machine.gpu_memories() else range(1, len(machine.usable_cores()) + 1)
    yield from time_sizes(
        "workers", counts, [(replace(engine, workers=k), BASE_WORKLOAD) for k in counts], repeats
    )
    for trials in TRIAL_COUNTS:
        yield "trials", trials, search_seconds(trials)


def workload_with(name: str, size: int) -> bench.Workload:
    """Return the base workload with another size of one of `GROWING_SIZES`."""
    return replace(BASE_WORKLOAD, units=size) if name == "units" else replace(BASE_WORKLOAD, steps=size)


def time_sizes(
    name: str, sizes: Iterable[int], pairs: list[tuple[bench.Engine, bench.Workload]], repeats: int
) -> Iterator[tuple[str, int, float]]:
    """Yield the name, each size, and median seconds per trial-epoch; `pairs` has an entry for each size."""
    for size, timing in zip(sizes, bench.time_engines(pairs, repeats), strict=True):
        yield name, size, timing.median


def search_seconds(trials: int) -> float:
    """Return the seconds of a search of `trials` short trials on the adding task, on all workers."""
    from suite import config, store
    from suite.config import Protocol
    from suite.search import sweep
    from suite.search.clusters import LocalExecutor
    from suite.space import PAPER_SPACE, override_ranges

    protocol, space = Protocol(epochs=2, batch=32), override_ranges(PAPER_SPACE, {"units": (20, 20)})
    sweep_config = config.SweepConfig(
        "scaling", tasks=("adding",), cells=("np",), trials=trials, protocol=protocol, space=space
    )
    plan = machine.plan_workers()
    with tempfile.TemporaryDirectory() as folder, LocalExecutor(plan.workers, plan.gpus) as executor:
        results = Path(folder) / "scaling"
        store.create_results_folder(results, sweep_config.to_table())
        start = time.perf_counter()
        lanes = trials if plan.gpus else 4
        shapes = {("adding", "np"): [sweep.PaddedShape(20, 1, trials, lanes)]}
        list(sweep.run_sweep(sweep_config, results, executor, shapes, data=None, lanes=lanes))
        return time.perf_counter() - start


def growth_exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the exponent b of a power law, seconds = a · size^b: the slope on logarithmic scales."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
