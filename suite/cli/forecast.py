"""`odyssey sweep --dry-run`: what a sweep would do and cost, before a minute is spent."""

import math
import tempfile
from pathlib import Path


def forecast(question, splits: dict, lanes: dict, workers: int, slurm: Path | None) -> None:
    """Print the searches of a question: trials, sizes, lanes, and time if no trial ended early.

    The time is that of the products alone, at the rate this machine's cores have for the recurrent one.
    """
    from rich.console import Console
    from rich.table import Table

    import tasks
    from suite import bench, cells, machine
    from suite.search.sweep import widths
    from suite.training.program import parameters

    sizes = [int(width) for width in widths(question.space["units"], question.trials_a_search)]
    batch, epochs = question.protocol.batch, question.protocol.epochs
    rate = bench.rate(sizes[len(sizes) // 2], batch, repeats=2) * workers / len(machine.cores())
    table = Table("task", "cell", "trials", "parameters", "units", "lanes", "hours at most", box=None)
    total = 0.0
    for name in question.tasks:
        for cell in question.cells:
            of_size = [operations(cells.find(cell), tasks.find(name), splits[name], width) for width in sizes]
            hours = question.epochs_a_search * sum(of_size) / len(sizes) / rate / 3600
            total += hours
            ends = [
                parameters(cells.find(cell), tasks.find(name), math.ceil(units))
                for units in (question.space["units"].low, question.space["units"].high)
            ]
            table.add_row(
                name,
                cell,
                f"{question.trials_a_search}",
                "–".join(f"{end:,}" for end in sorted(set(ends))),
                " ".join(map(str, sizes)),
                " ".join(str(lanes[name, cell, width]) for width in sizes),
                f"{hours:,.2f}",
            )
    Console(width=None if Console().is_terminal else 200).print(table)
    searches = len(question.tasks) * len(question.cells)
    print(
        f"{searches} searches, {searches * question.trials_a_search:,} trials of at most {epochs} epochs: "
        f"about {total:,.2f} hours at most, on {workers} workers like the cores of this machine"
    )
    if slurm:
        from suite.search import clusters

        with tempfile.TemporaryDirectory() as keys:
            print(clusters.script(*clusters.jobs_asked(slurm), Path(keys)))


def operations(cell: type, task, splits: dict, units: int) -> int:
    """Return the floating-point operations of an epoch's products.

    Training takes one product forwards and two backwards a weight, step and sequence; a score one forwards.
    """
    from suite.training.program import shapes

    weights = sum(math.prod(shape) for shape in shapes(cell, task, units).values() if len(shape) == 2)
    steps = {name: int(split.lengths.sum()) for name, split in splits.items()}
    return 2 * weights * (3 * steps["train"] + steps["valid"] + steps["test"])
