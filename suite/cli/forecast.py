"""Estimate the time of training on this machine, for `odyssey sweep --dry-run` and `odyssey check`."""

import math
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from suite import machine
from suite.text import format_count, format_duration

if TYPE_CHECKING:
    from suite.config import SweepConfig
    from suite.search.sweep import PaddedShape

FORECAST_COLUMNS = (
    "task",
    "cell",
    "trials",
    "parameters",
    "padded to",
    "programs",
    "lanes",
    "multiply–adds",
    "core time",
)


def print_forecast(
    config: "SweepConfig",
    shapes: Mapping[tuple[str, str], list["PaddedShape"]],
    missing: Mapping[tuple[str, str], int],
    plan: machine.Plan,
    slurm: Path | None,
) -> None:
    """Print a forecast of a sweep: for each search, trials to train, padded sizes, lanes and time.

    `shapes` are those of every search (`suite.search.sweep.padded_shapes`) and `missing` the number of its
    trials still to be trained, both by (task, cell); searches without missing trials are left out.
    """
    from rich.console import Console
    from rich.table import Table

    import tasks
    from suite.variants import find_network

    units, trials = config.space["units"], config.trials_per_search
    rate = device_rate(plan, round(math.sqrt(units.low * units.high)), config.protocol.batch)
    table, total = Table(*FORECAST_COLUMNS, box=None), 0.0
    shapes = {search: found for search, found in shapes.items() if missing[search]}
    for (task, cell), search_shapes in shapes.items():
        operations = padded_operations(config, search_shapes) * missing[task, cell] / trials
        seconds = operations / rate + sum(shape.program_seconds for shape in search_shapes)
        total += seconds
        own_units = config.shared_space_of(cell)["units"]
        parameters = [
            find_network(cell, tasks.find_task(task)).parameters(math.ceil(size))
            for size in (own_units.low, own_units.high)
        ]
        table.add_row(
            task,
            cell,
            f"{missing[task, cell]:,}",
            range_text(parameters),
            range_text(shape.width for shape in search_shapes),
            f"{len(search_shapes)}",
            range_text(shape.lanes for shape in search_shapes),
            f"{operations:.1e}",
            format_duration(seconds),
        )
    Console(width=None if Console().is_terminal else 200).print(table)
    searches = format_count(len(shapes), "search", "searches")
    workers = plan.workers or 1
    devices = f"{format_count(workers, 'worker')} like a core of this machine"
    if plan.gpus:  # workers that share a GPU are no faster than one
        workers = min(workers, len(plan.gpus))
        devices = f"{format_count(workers, 'GPU')} like an H100"
    epochs = format_count(config.protocol.epochs, "epoch")
    print(
        f"{searches}, {format_count(sum(missing.values()), 'trial')} of at most {epochs}: about "
        f"{format_duration(total / workers)} on {devices}, including compiling, if no trial ends early"
    )
    if slurm:
        from suite.search import clusters

        with tempfile.TemporaryDirectory() as keys:
            print(clusters.slurm_job_script(*clusters.read_slurm_file(slurm), Path(keys)))


def range_text(values: Iterable[int]) -> str:
    """Return the smallest and the largest of whole numbers as text."""
    values = list(values)
    return "–".join(f"{value:,}" for value in sorted({min(values), max(values)}))


def padded_operations(config: "SweepConfig", shapes: list["PaddedShape"]) -> float:
    """Return the multiply–adds of a search at the sizes that its networks are padded to."""
    trials = sum(shape.trials for shape in shapes)
    per_epoch = sum(shape.trials * shape.operations for shape in shapes) / trials
    return config.epochs_per_search * per_epoch


def device_rate(plan: machine.Plan, units: int, batch: int) -> float:
    """Return the rate of training on one core, on the chosen backend, or GPU, in multiply–adds/s.

    For a core it is the measured rate of the recurrent product; for a GPU it is a constant, measured once.
    """
    from suite import bench

    if plan.gpus:
        return machine.RATE["gpu"]
    engines = [
        replace(engine, workers=1)
        for engine in bench.PRODUCT_ENGINES
        if engine.backend == os.environ["KERAS_BACKEND"]
    ]
    return bench.product_rate(units, batch, repeats=2, engines=engines) / 2
