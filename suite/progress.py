"""Progress of a sweep: a live display in a terminal, plain lines elsewhere; how one stands, from outside."""

import math
import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from suite import store


def show(events: Iterable, name: str, workers: int) -> None:
    """Show the progress of a sweep (`suite.search.sweep.run`) until it ends, and what time it took."""
    console = Console()
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
        line = bar.add_task(name, total=None, best="")
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


def status(folder: Path) -> None:
    """Say how the sweep in a results folder stands. Nothing is written: any process may ask at any time."""
    asked, rows, at_work = store.read_asked(folder), store.load(folder), store.driver(folder)
    table = Table("task", "cell", "trials", "half done", "diverged", "failed", "best valid", box=None)
    total = store.trials_a_search(asked)
    for task in asked["tasks"]:
        for cell in asked["cells"]:
            mine = rows[(rows["task"] == task) & (rows["cell"] == cell)]
            half_done = len(list(store.running(folder, task, cell).glob("*.npz")))
            counts = [half_done, *((mine["status"] == how).sum() for how in ("diverged", "failed"))]
            best = f"{mine['valid'].min():.4g}" if mine["valid"].notna().any() else ""
            table.add_row(task, cell, f"{len(mine)}/{total}", *(str(n or "") for n in counts), best)
    Console().print(table)
    print(f"at work: {at_work['who']}, workers: {at_work['workers']}" if at_work else "at work: no process")
    if len(rows):
        left = total * len(asked["tasks"]) * len(asked["cells"]) - len(rows)
        workers = max(at_work["workers"], 1) if at_work else 1
        rate = 3600 * workers / rows["seconds"].mean()
        print(f"about {rate:,.0f} trials an hour, {3600 * left / rate:,.0f} s left; workers: {workers}")
