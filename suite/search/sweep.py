"""A sweep: every search of one question, from what was asked to the last row."""

import contextlib
import itertools
import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tasks
from suite import cells, machine, space, store
from suite.search.asked import Asked
from suite.search.oracle import ROUND, Search
from suite.search.unit import Unit
from suite.training.trial import Trial

UNIT = 8  # trials a lane in a unit, if that leaves every worker some: where it ends, lanes run dry


def widths(units: space.Range, trials: int) -> np.ndarray:
    """Return the few sizes that networks are padded to, ascending: a property of what is asked.

    Each is a program to compile, so few trials get one; on the scale the units are drawn from, each holds as
    many trials as the next.
    """
    count = int(np.clip(trials // 32, 1, 4))
    return np.unique(np.ceil(np.geomspace(units.low, units.high, count + 1)[1:] - 1e-9).astype(int))


def lanes(asked: Asked, splits: dict, plan: machine.Plan) -> dict[tuple[str, str, int], int]:
    """Return how many lanes the networks of each task, cell and width get; never more than have work.

    `splits` is the data of every task. A search has about as many trials of each width.
    """
    from suite.training.program import demand

    sizes, batch = widths(asked.space["units"], asked.trials_a_search), asked.protocol.batch
    most, counts = math.ceil(asked.trials_a_search / len(sizes)), {}
    if asked.oracle == "bayesian":
        most = min(most, ROUND)
    for name, cell, width in itertools.product(asked.tasks, asked.cells, map(int, sizes)):
        steps = max(int(split.lengths.max()) for split in splits[name].values())
        of_shape = demand(cells.find(cell), tasks.find(name), width, steps, batch)
        counts[name, cell, width] = min(most, plan.lanes_for(**of_shape))
    return counts


@dataclass(frozen=True)
class Progress:
    """Where a sweep is: rows just come, and trials done and asked so far."""

    rows: list[dict]
    done: int
    total: int


class Searching:
    """A search under way: the round it has been asked for, and how many trials in all."""

    def __init__(self, asked: Asked, task: str, cell: str, scores: dict[int, float]):
        self.task, self.cell, self.scores = task, cell, scores
        names = (asked.seed, task, cell)
        self.search = Search(asked.oracle, asked.space, asked.trials, asked.protocol.epochs, names)
        self.round: list[Trial] = []
        self.total, self.done, self.over = 0, 0, False

    def advance(self) -> list[Trial]:
        """Tell the search each round that has all its scores; return new trials that have none."""
        scores, missing = self.scores, []
        while not (self.over or missing) and all(trial.number in scores for trial in self.round):
            self.search.tell({trial.number: scores[trial.number] for trial in self.round})
            self.round = self.search.ask()
            self.over = not self.round
            self.total += len(self.round)
            missing = [trial for trial in self.round if trial.number not in scores]
        self.done = sum(number < self.total for number in scores)
        return missing


def run(
    asked: Asked,
    folder: Path,
    crew,
    lanes: dict,
    data: Path | None,
    seconds: float = math.inf,
    codes: dict[tuple[str, str], dict[str, str]] | None = None,
) -> Iterator[Progress]:
    """Train every trial of a sweep that has no row yet, and yield progress as rows come in.

    `crew` trains units: it is asked to `submit` them and to `wait` until something may have happened.
    `lanes` says how many for each task, cell and width. `codes` is what makes the rows of each task and cell
    (`suite.identity.row_codes`): a worker where it differs is refused. After so many seconds, or when it is
    asked to (`store.stop`), the sweep ends with what is there, and keeps the trials under way.
    """
    sizes, end = widths(asked.space["units"], asked.trials_a_search), time.monotonic() + seconds
    book = store.Store(folder, crew.size)
    try:
        book.collect()
        names = list(itertools.product(asked.tasks, asked.cells))
        searches = {name: Searching(asked, *name, book.scores(*name)) for name in names}
        rows, moved = [], set(names)
        while True:
            missing = [
                (searches[name], width, trials)
                for name in names
                if name in moved
                for width, trials in grouped(searches[name].advance(), sizes)
            ]
            share = math.ceil(sum(len(trials) for *_, trials in missing) / (2 * crew.size))
            for search, width, alike in missing:
                where = {"task": search.task, "cell": search.cell, "folder": folder.resolve(), "data": data}
                count = lanes[search.task, search.cell, width]
                how = {"protocol": asked.protocol, "width": width, "lanes": count}
                how["code"] = codes and codes[search.task, search.cell]
                for trials in batched(alike, machine.within(share, count, UNIT * count)):
                    crew.submit(Unit(sweep=asked.name, trials=trials, **where, **how))
            so_far = searches.values()
            yield Progress(rows, sum(s.done for s in so_far), sum(s.total for s in so_far))
            if all(search.over for search in so_far):
                shutil.rmtree(folder / "running", ignore_errors=True)
                return
            if time.monotonic() > end:
                store.stop(folder)
            if store.stopping(folder):
                crew.waiting.clear()
                if crew.idle:
                    return
            crew.wait()
            rows, moved = book.collect(), set()
            for row in rows:
                moved.add(name := (row["task"], row["cell"]))
                searches[name].scores[row["trial"]] = row["valid"]
    finally:
        with contextlib.closing(book):
            book.collect()


def grouped(trials: list[Trial], sizes: np.ndarray) -> Iterator[tuple[int, list[Trial]]]:
    """Yield the widths that trials are padded to, each with the trials that fit it."""
    fits = np.searchsorted(sizes, [trial.hyperparameters["units"] for trial in trials])
    for fit in np.unique(fits):
        yield int(sizes[fit]), [trial for trial, own in zip(trials, fits, strict=True) if own == fit]


def batched(trials: list[Trial], most: int) -> Iterator[tuple[Trial, ...]]:
    """Yield trials in tuples of at most so many."""
    for start in range(0, len(trials), most):
        yield tuple(trials[start : start + most])
