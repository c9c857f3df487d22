"""`odyssey sweep --dry-run`: what a sweep would do and cost, before a minute is spent."""

import math
import os
import tempfile
from dataclasses import replace
from pathlib import Path


def forecast(question, shapes: dict, workers: int, slurm: Path | None) -> None:
    """Print the searches of a question: trials, sizes, lanes, and time if no trial ended early.

    `shapes` are those of every search (`suite.search.sweep.shapes`).
    """
    from rich.console import Console
    from rich.table import Table

    import tasks
    from suite import cells
    from suite.search.padding import COMPILE_SECONDS
    from suite.training.program import parameters

    units, trials = question.space["units"], question.trials_a_search
    rate = core_rate(round(math.sqrt(units.low * units.high)), question.protocol.batch)
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
    for (task, cell), found in shapes.items():
        training = padded_operations(question, found)
        hours = (training / rate + COMPILE_SECONDS * len(found)) / 3600
        total += hours
        ends = [
            parameters(cells.find(cell), tasks.find(task), math.ceil(end)) for end in (units.low, units.high)
        ]
        table.add_row(
            task,
            cell,
            f"{trials:,}",
            span(ends),
            span(shape.width for shape in found),
            f"{len(found)}",
            span(shape.lanes for shape in found),
            f"{training:.1e}",
            f"{hours:,.2f}",
        )
    Console(width=None if Console().is_terminal else 200).print(table)
    print(
        f"{len(shapes)} searches, {len(shapes) * trials:,} trials of at most {question.protocol.epochs} "
        f"epochs: about {total / workers:,.2f} hours on {workers} workers like a core of this machine, with "
        f"compiling, if no trial ended early"
    )
    if slurm:
        from suite.search import clusters

        with tempfile.TemporaryDirectory() as keys:
            print(clusters.script(*clusters.jobs_asked(slurm), Path(keys)))


def span(values) -> str:
    """Return the least and the largest of whole numbers, as text."""
    values = list(values)
    return "–".join(f"{end:,}" for end in sorted({min(values), max(values)}))


def padded_operations(question, shapes: list) -> float:
    """Return the multiply–adds of a search at the sizes that its networks are padded to."""
    trials = sum(shape.trials for shape in shapes)
    an_epoch = sum(shape.trials * shape.operations for shape in shapes) / trials
    return question.epochs_a_search * an_epoch


def core_rate(units: int, batch: int) -> float:
    """Return the multiply–adds a second of the recurrent product, on one core and the backend chosen."""
    from suite import bench

    engines = [
        replace(engine, cores=1) for engine in bench.PRODUCTS if engine.backend == os.environ["KERAS_BACKEND"]
    ]
    return bench.rate(units, batch, repeats=2, engines=engines) / 2
