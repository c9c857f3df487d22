"""A sweep: every search of one question, from what was asked to the last row."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from suite import space, store
from suite.search.asked import Asked
from suite.search.oracle import Search
from suite.search.unit import Unit
from suite.training.trial import Trial

UNIT = 16  # trials a unit: enough to keep its lanes full, few enough that all workers have some


def widths(units: space.Range, trials: int) -> np.ndarray:
    """Return the few sizes that networks are padded to, ascending: a property of what is asked.

    Each is a program to compile, so few trials get one; on the scale the units are drawn from, each holds as
    many trials as the next.
    """
    count = int(np.clip(trials // 32, 1, 4))
    return np.unique(np.ceil(np.geomspace(units.low, units.high, count + 1)[1:] - 1e-9).astype(int))


@dataclass(frozen=True)
class Progress:
    """Where a sweep is: rows just come, and trials done and asked so far."""

    rows: list[dict]
    done: int
    total: int


class Searching:
    """A search under way: the round it has been asked for, and how many trials in all."""

    def __init__(self, asked: Asked, task: str, cell: str):
        self.task, self.cell = task, cell
        names = (asked.seed, task, cell)
        self.search = Search(asked.oracle, asked.space, asked.trials, asked.protocol.epochs, names)
        self.round: list[Trial] = []
        self.total, self.done, self.over = 0, 0, False

    def advance(self, book: store.Store) -> list[Trial]:
        """Tell the search each round that has all its rows; return new trials that have none."""
        scores = book.scores(self.task, self.cell)
        missing: list[Trial] = []
        while not (self.over or missing) and all(trial.number in scores for trial in self.round):
            self.search.tell({trial.number: scores[trial.number] for trial in self.round})
            self.round = self.search.ask()
            self.over = not self.round
            self.total += len(self.round)
            missing = [trial for trial in self.round if trial.number not in scores]
        self.done = sum(number < self.total for number in scores)
        return missing


def run(asked: Asked, folder: Path, crew, lanes: int, data: Path | None) -> Iterator[Progress]:
    """Train every trial of a sweep that has no row yet, and yield progress as rows come in.

    `crew` trains units: it is asked to `submit` them and to `wait` until something may have happened.
    """
    sizes = widths(asked.space["units"], asked.trials)
    book = store.Store(folder)
    try:
        book.collect()
        searches = [Searching(asked, task, cell) for task in asked.tasks for cell in asked.cells]
        rows = []
        while True:
            for search in searches:
                for width, trials in grouped(search.advance(book), sizes):
                    where = {
                        "sweep": asked.name,
                        "task": search.task,
                        "cell": search.cell,
                        "folder": folder.resolve(),
                    }
                    how = {"protocol": asked.protocol, "width": width, "lanes": lanes, "data": data}
                    crew.submit(Unit(trials=trials, **where, **how))
            yield Progress(rows, sum(s.done for s in searches), sum(s.total for s in searches))
            if all(search.over for search in searches):
                return
            crew.wait()
            rows = book.collect()
    finally:
        book.collect()
        book.close()


def grouped(trials: list[Trial], sizes: np.ndarray) -> Iterator[tuple[int, tuple[Trial, ...]]]:
    """Yield trials in units of work: the width they are padded to, and at most `UNIT` trials that fit it."""
    fits = np.searchsorted(sizes, [trial.hyperparameters["units"] for trial in trials])
    for fit in np.unique(fits):
        alike = [trial for trial, own in zip(trials, fits, strict=True) if own == fit]
        for start in range(0, len(alike), UNIT):
            yield int(sizes[fit]), tuple(alike[start : start + UNIT])
