"""`odyssey sweep --dry-run`: what a sweep would do and cost, before a minute is spent."""

import math
import os
import tempfile
from dataclasses import replace
from pathlib import Path


def print_forecast(config, shapes: dict, missing: dict, workers: int, slurm: Path | None) -> None:
    """Print the searches of a sweep: trials to train, sizes, lanes, and time if no trial ended early.

    `shapes` are those of every search (`suite.search.sweep.padded_shapes`), and so many trials of it are
    `missing`; searches without any are left out.
    """
    from rich.console import Console
    from rich.table import Table

    import tasks
    from suite import cells
    from suite.search.padding import COMPILE_SECONDS
    from suite.training.program import parameter_count

    units, trials = config.space["units"], config.trials_per_search
    rate = core_rate(round(math.sqrt(units.low * units.high)), config.protocol.batch)
    heads = (
        "task",
        "cell",
        "trials",
        "parameters",
        "padded to",
        "programs",
        "lanes",
        "multiply–adds",
        "core-hours",
    )
    table, total = Table(*heads, box=None), 0.0
    shapes = {search: found for search, found in shapes.items() if missing[search]}
    for (task, cell), found in shapes.items():
        training = padded_operations(config, found) * missing[task, cell] / trials
        hours = (training / rate + COMPILE_SECONDS * len(found)) / 3600
        total += hours
        ends = [
            parameter_count(cells.find_cell(cell), tasks.find_task(task), math.ceil(end))
            for end in (units.low, units.high)
        ]
        table.add_row(
            task,
            cell,
            f"{missing[task, cell]:,}",
            range_text(ends),
            range_text(shape.width for shape in found),
            f"{len(found)}",
            range_text(shape.lanes for shape in found),
            f"{training:.1e}",
            f"{hours:,.2f}",
        )
    Console(width=None if Console().is_terminal else 200).print(table)
    print(
        f"{len(shapes)} searches, {sum(missing.values()):,} trials of at most {config.protocol.epochs} "
        f"epochs: about {total / workers:,.2f} hours on {workers} workers like a core of this machine, with "
        f"compiling, if no trial ended early"
    )
    if slurm:
        from suite.search import clusters

        with tempfile.TemporaryDirectory() as keys:
            print(clusters.slurm_job_script(*clusters.read_slurm_file(slurm), Path(keys)))


def range_text(values) -> str:
    """Return the least and the largest of whole numbers, as text."""
    values = list(values)
    return "–".join(f"{end:,}" for end in sorted({min(values), max(values)}))


def padded_operations(config, shapes: list) -> float:
    """Return the multiply–adds of a search at the sizes that its networks are padded to."""
    trials = sum(shape.trials for shape in shapes)
    an_epoch = sum(shape.trials * shape.operations for shape in shapes) / trials
    return config.epochs_per_search * an_epoch


def core_rate(units: int, batch: int) -> float:
    """Return the multiply–adds a second of the recurrent product, on one core and the backend chosen."""
    from suite import bench

    engines = [
        replace(engine, cores=1)
        for engine in bench.PRODUCT_ENGINES
        if engine.backend == os.environ["KERAS_BACKEND"]
    ]
    return bench.product_rate(units, batch, repeats=2, engines=engines) / 2
