"""Progress of a sweep: a live display in a terminal, plain lines elsewhere; how one stands, from outside."""

import json
import math
import re
import shlex
import sys
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
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

HEARTBEAT_SECONDS = 60.0  # seconds between lines while no trial ends


def stdout_console() -> Console:
    """Return the console of stdout: as wide as the terminal, and without an end where it is a pipe."""
    return Console(width=None if sys.stdout.isatty() else 1000)


def show_progress(events: Iterable, folder: Path, workers: int) -> None:
    """Show the progress of a sweep (`suite.search.sweep.run_sweep`) until it ends, and what time it took."""
    best, trained, trials = {}, 0.0, 0
    start, begun, spoke = time.monotonic(), None, -math.inf
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("trials"),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[said]}"),
    )
    terminal = stdout_console()
    with Progress(*columns, console=terminal, disable=not terminal.is_terminal) as bar:
        line = bar.add_task(folder.name, total=None, said="")
        for event in events:
            begun = event.done if begun is None else begun
            for row in event.rows:
                trained, trials = trained + row["seconds"], trials + 1
                if math.isfinite(row["valid"]) and row["valid"] < best.get(row["task"], (math.inf,))[0]:
                    best[row["task"]] = row["valid"], row["cell"]
            now = time.monotonic()
            if not event.rows and now - spoke < HEARTBEAT_SECONDS:
                continue
            spoke = now
            said = "; ".join(f"best on {task} {score:.4g} ({cell})" for task, (score, cell) in best.items())
            said = said or no_score_text(folder, event.done, event.total)
            bar.update(line, completed=event.done, total=event.total, said=said)
            if not terminal.is_terminal:
                left = time_left_text(now - start, event.done - begun, event.total - event.done)
                print(f"{event.done}/{event.total} trials, {now - start:.0f} s{left}; {said}", flush=True)
    if trials:
        seconds = max(time.monotonic() - start, 1e-9)
        share = trained / (seconds * workers)
        print(f"{trials} trials in {seconds:.0f} s on {workers} workers, {share:.0%} of it in training")


def time_left_text(seconds: float, ended: int, trials_left: int) -> str:
    """Return the time left, at the rate of the trials that ended in so many seconds; "" without any."""
    return f", {seconds * trials_left / ended:,.0f} s left" if ended > 0 else ""


def no_score_text(folder: Path, done: int, total: int) -> str:
    """Return what there is to say before a trial of this run has a score."""
    if done == total:
        return "all trials are done"
    if epochs := sum(checkpoint_epochs(path) for path in (folder / "running").glob("*/*.npz")):
        return f"trials under way: {epochs:,} epochs at their last checkpoints"
    return "no new score yet" if done else "compiling and training, no trial has ended yet"


def checkpoint_epochs(checkpoint: Path) -> int:
    """Return the epochs of a trial at its last checkpoint; 0 where it has ended meanwhile."""
    try:
        with np.load(checkpoint, allow_pickle=False) as kept:
            return len(json.loads(str(kept["result"]))["curve"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return 0


def print_status(folder: Path) -> None:
    """Say how the sweep in a results folder stands. Nothing is written: any process may ask at any time."""
    asked, rows, at_work = store.read_config(folder), store.load(folder), store.read_driver(folder)
    names = ("task", "cell", "trials", "half done", "epochs of those", "diverged", "failed", "best valid")
    table = Table(*names, box=None)
    for column in table.columns[:2]:
        column.overflow = "fold"  # in a narrow terminal
    a_search = store.trials_per_search(asked)
    for task in asked["tasks"]:
        for cell in asked["cells"]:
            mine = rows[(rows["task"] == task) & (rows["cell"] == cell)]
            half_done = [
                checkpoint_epochs(path) for path in store.checkpoint_folder(folder, task, cell).glob("*.npz")
            ]
            counts = [len(half_done), sum(half_done)]
            counts += [(mine["status"] == how).sum() for how in ("diverged", "failed")]
            best = f"{mine['valid'].min():.4g}" if mine["valid"].notna().any() else ""
            table.add_row(task, cell, f"{len(mine)}/{a_search}", *(str(n or "") for n in counts), best)
    stdout_console().print(table)
    total = a_search * len(asked["tasks"]) * len(asked["cells"])
    for line in (*status_lines(rows, total, at_work), *failure_lines(rows, folder)):
        print(line)


def status_lines(rows, total: int, driver: dict | None) -> list[str]:
    """Return the lines that say who works on a sweep and how fast, by the clock, since that driver began."""
    lines = [f"at work: {driver['who']}, workers: {driver['workers']}" if driver else "at work: no process"]
    left = total - len(rows)
    if left == 0:
        return [*lines, f"all {total:,} trials are done"]
    if driver and "since" in driver:
        seconds = max(time.time() - driver["since"], 1e-9)
        if ended := len(rows) - driver["rows"]:
            rate = f"{ended:,} trials in {seconds:,.0f} s, about {3600 * ended / seconds:,.0f} an hour"
            return [*lines, rate + time_left_text(seconds, ended, left)]
        return [*lines, f"no trial has ended in {seconds:,.0f} s"]
    return [*lines, f"{left:,} of {total:,} trials are not done"]


def failure_lines(rows, folder: Path) -> list[str]:
    """Return lines that say how many trials failed, why the first did, and what to do; none if none did."""
    failed = rows[rows["status"] == "failed"]
    if failed.empty:
        return []
    first = failed.iloc[0]
    return [
        f"{len(failed):,} of {len(rows):,} trials failed, the first of them "
        f"({first['cell']} on {first['task']}, trial {first['trial']}): "
        f"{exception_line(first['error'] or '')}",
        f"why each did: odyssey export {shlex.quote(str(folder))}, column error; to run them again: the same "
        f"sweep with --retry-failed",
    ]


def exception_line(error: str) -> str:
    """Return the line of a traceback that names the exception: not the last, where JAX speaks of itself."""
    lines = error.strip().splitlines() or ["no reason is known"]
    return next((line for line in reversed(lines) if re.match(r"[A-Za-z_][\w.]*: ", line)), lines[-1])
