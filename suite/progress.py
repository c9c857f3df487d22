"""Show the progress of a sweep (live in a terminal, otherwise as lines), and the status of any sweep."""

import json
import math
import re
import shlex
import sys
import time
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from suite import store
from suite.text import format_count, format_duration

if TYPE_CHECKING:
    import pandas as pd

HEARTBEAT_SECONDS = 60.0  # between lines while no trial ends
WATCH_SECONDS = 5.0  # between two looks at the status of a sweep
STATUS_COLUMNS = (
    "task",
    "cell",
    "trials",
    "half done",
    "epochs of those",
    "diverged",
    "failed",
    "best valid",
)


def stdout_console() -> Console:
    """Return the console of stdout: as wide as the terminal, and without an end where it is a pipe."""
    return Console(width=None if sys.stdout.isatty() else 1000)


def show_progress(events: Iterable[Any], folder: Path, workers: int) -> None:
    """Show the progress of a sweep until it ends, then the time it took.

    `events` are of `suite.search.sweep.SweepProgress`, as `run_sweep` there yields them.
    """
    best: dict[str, tuple[float, str]] = {}
    trained, trials = 0.0, 0
    trained_before = {path: checkpoint_seconds(path) for path in (folder / "running").glob("*/*.npz")}
    start, last_shown = time.monotonic(), -math.inf
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("trials"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[time_left]}"),
        TextColumn("{task.fields[scores]}"),
    )
    terminal = stdout_console()
    with Progress(*columns, console=terminal, disable=not terminal.is_terminal) as bar:
        line = bar.add_task(folder.name, total=None, time_left="", scores="")
        for event in events:
            for row in event.rows:
                checkpoint = store.checkpoint_folder(folder, row["task"], row["cell"]) / f"{row['trial']}.npz"
                trained += row["seconds"] - trained_before.get(checkpoint, 0.0)
                trials += 1
                if math.isfinite(row["valid"]) and row["valid"] < best.get(row["task"], (math.inf,))[0]:
                    best[row["task"]] = row["valid"], row["cell"]
            now = time.monotonic()
            if not event.rows and now - last_shown < HEARTBEAT_SECONDS:
                continue
            last_shown = now
            scores = "; ".join(
                f"best on {task}: {score:.4g} ({cell})" for task, (score, cell) in best.items()
            )
            scores = scores or no_score_text(folder, event.done, event.total)
            time_left = time_left_text(now - start, event.work_done, event.work_left)
            bar.update(line, completed=event.done, total=event.total, time_left=time_left, scores=scores)
            if not terminal.is_terminal:
                elapsed = ", ".join(filter(None, [f"{now - start:.0f} s", time_left]))
                print(f"{event.done}/{event.total} trials, {elapsed}; {scores}", flush=True)
    if trials:
        seconds = max(time.monotonic() - start, 1e-9)
        share = trained / (seconds * workers)
        print(
            f"{format_count(trials, 'trial')} in {seconds:.0f} s on {format_count(workers, 'worker')}, "
            f"{share:.0%} of it in training"
        )


def time_left_text(seconds: float, done: int, left: int) -> str:
    """Return the time left, from how much work or how many trials were done in `seconds`; "" if none was."""
    return f"about {format_duration(seconds * left / done)} left" if done > 0 and left > 0 else ""


def no_score_text(folder: Path, done: int, total: int) -> str:
    """Return the progress text to show before any trial of this run has a score."""
    if done == total:
        return "all trials are done"
    if epochs := sum(checkpoint_epochs(path) for path in (folder / "running").glob("*/*.npz")):
        return f"running trials: {format_count(epochs, 'epoch')} at their last checkpoints"
    return "no new score yet" if done else "compiling and training; no trial has ended yet"


def checkpoint_epochs(checkpoint: Path) -> int:
    """Return the epochs of a trial at its last checkpoint; 0 if it has ended meanwhile."""
    return len(checkpoint_result(checkpoint).get("curve", []))


def checkpoint_seconds(checkpoint: Path) -> float:
    """Return the seconds that a trial was trained until its last checkpoint; 0 if it has ended meanwhile."""
    return checkpoint_result(checkpoint).get("seconds", 0.0)


def checkpoint_result(checkpoint: Path) -> dict:
    """Return the result of a trial at its last checkpoint; empty if it has ended meanwhile."""
    try:
        with np.load(checkpoint, allow_pickle=False) as kept:
            return json.loads(str(kept["result"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}


@dataclass(frozen=True)
class SearchStatus:
    """The status of a search: its trials by how they ended, and the epochs of unfinished ones so far."""

    task: str
    cell: str
    trials: int
    ended: int
    half_done: int
    epochs_half_done: int
    diverged: int
    failed: int
    best_valid: float | None


@dataclass(frozen=True)
class SweepStatus:
    """The status of a sweep; `driver` is the process that runs it, or None (`suite.store.read_driver`)."""

    name: str
    trials: int
    ended: int
    driver: dict | None
    searches: list[SearchStatus]

    @property
    def finished(self) -> bool:
        """Whether all trials have ended."""
        return self.ended >= self.trials


def show_status(folder: Path, as_json: bool = False, watch: bool = False) -> None:
    """Print the status of the sweep in a results folder; with `watch`, repeat until all trials have ended.

    Nothing is written: any process may do this at any time.
    """
    while True:
        rows = store.load(folder)
        status = sweep_status(folder, rows)
        if watch and sys.stdout.isatty() and not as_json:
            stdout_console().clear()
        if as_json:
            print(json.dumps(asdict(status) | {"finished": status.finished}), flush=True)
        else:
            print_status(status, rows, folder)
        if not watch or status.finished:
            return
        time.sleep(WATCH_SECONDS)


def sweep_status(folder: Path, rows: "pd.DataFrame") -> SweepStatus:
    """Return the status of the sweep in a results folder; `rows` are its trials (`suite.store.load`)."""
    config, driver = store.read_config(folder), store.read_driver(folder)
    trials = store.trials_per_search(config)
    searches = []
    for task in config["tasks"]:
        for cell in config["cells"]:
            ended_rows = rows[(rows["task"] == task) & (rows["cell"] == cell)]
            checkpoints = store.checkpoint_folder(folder, task, cell).glob("*.npz")
            epochs = [checkpoint_epochs(path) for path in checkpoints]
            diverged, failed = (int((ended_rows["status"] == how).sum()) for how in ("diverged", "failed"))
            scores = ended_rows["valid"][np.isfinite(ended_rows["valid"])]
            best = float(scores.min()) if len(scores) else None
            searches.append(
                SearchStatus(
                    task, cell, trials, len(ended_rows), len(epochs), sum(epochs), diverged, failed, best
                )
            )
    return SweepStatus(config["name"], trials * len(searches), len(rows), driver, searches)


def print_status(status: SweepStatus, rows: "pd.DataFrame", folder: Path) -> None:
    """Print the status of a sweep: one line per search, the process that runs it, and failures."""
    table = Table(*STATUS_COLUMNS, box=None)
    for column in table.columns[:2]:
        column.overflow = "fold"  # in a narrow terminal
    for s in status.searches:
        counts = (s.half_done, s.epochs_half_done, s.diverged, s.failed)
        best = "" if s.best_valid is None else f"{s.best_valid:.4g}"
        table.add_row(s.task, s.cell, f"{s.ended}/{s.trials}", *(str(n or "") for n in counts), best)
    stdout_console().print(table)
    for line in (*status_lines(status), *failure_lines(rows, folder)):
        print(line, flush=True)


def status_lines(status: SweepStatus) -> list[str]:
    """Return lines with the process that runs a sweep, and its speed since it began."""
    driver, trials_left = status.driver, status.trials - status.ended
    lines = [f"at work: {driver['who']}, workers: {driver['workers']}" if driver else "at work: no process"]
    if status.finished:
        return [*lines, f"finished: {format_count(status.trials, 'trial')}"]
    if driver and "since" in driver:
        seconds = max(time.time() - driver["since"], 1e-9)
        if ended := status.ended - driver["rows"]:
            per_hour = f"about {3600 * ended / seconds:,.0f} an hour"
            rate = f"{format_count(ended, 'trial')} in {format_duration(seconds)}, {per_hour}"
            time_left = time_left_text(seconds, ended, trials_left)
            return [*lines, f"{rate}, {time_left} at this rate; costly trials come first"]
        return [*lines, f"no trial has ended in {format_duration(seconds)}"]
    return [*lines, f"left: {trials_left:,} of {format_count(status.trials, 'trial')}"]


def failure_lines(rows: "pd.DataFrame", folder: Path) -> list[str]:
    """Return lines on failed trials: how many, why the first failed, what to do; no lines if none failed."""
    failed = rows[rows["status"] == "failed"]
    if failed.empty:
        return []
    first_failure = failed.iloc[0]
    return [
        f"{len(failed):,} of {format_count(len(rows), 'trial')} failed, the first of them "
        f"({first_failure['cell']} on {first_failure['task']}, trial {first_failure['trial']}): "
        f"{exception_line(first_failure['error'] or '')}",
        f"all errors: odyssey export {shlex.quote(str(folder))}, column error; to run these trials again: "
        "the same command with --retry-failed",
    ]


def exception_line(error: str) -> str:
    """Return the line of a traceback that names the exception: not the last, where JAX appends a note."""
    lines = error.strip().splitlines() or ["no reason is known"]
    return next((line for line in reversed(lines) if re.match(r"[A-Za-z_][\w.]*: ", line)), lines[-1])
