"""Progress of a sweep: a live display in a terminal, plain lines elsewhere."""

import math
import time
from collections.abc import Iterable

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


def show(events: Iterable, asked, workers: int) -> None:
    """Show the progress of a sweep (`suite.search.sweep.run`) until it ends, and what time it took."""
    console = Console()
    searches = len(asked.tasks) * len(asked.cells)
    best, trained, trials = {}, 0.0, 0
    start, begun = time.monotonic(), None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("trials"),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[best]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        line = bar.add_task(f"{asked.name}: {searches} searches", total=None, best="")
        for event in events:
            begun = event.done if begun is None else begun
            for row in event.rows:
                trained, trials = trained + row["seconds"], trials + 1
                if math.isfinite(row["valid"]) and row["valid"] < best.get(row["task"], (math.inf,))[0]:
                    best[row["task"]] = row["valid"], row["cell"]
            leaders = "; ".join(
                f"best on {task} {score:.4g} ({cell})" for task, (score, cell) in best.items()
            )
            bar.update(line, completed=event.done, total=event.total, best=leaders)
            if event.rows and not console.is_terminal:
                seconds = time.monotonic() - start
                left = seconds * (event.total - event.done) / (event.done - begun)
                print(
                    f"{event.done}/{event.total} trials, {seconds:.0f} s, {left:.0f} s left; {leaders}",
                    flush=True,
                )
    if trials:
        seconds = time.monotonic() - start
        share = trained / (seconds * workers)
        print(f"{trials} trials in {seconds:.0f} s on {workers} workers, {share:.0%} of it in training")
