"""A sweep: every search of one question, from what was asked to the last row."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tasks
from suite import cells, machine, space, store
from suite.search.asked import Asked
from suite.search.oracle import Search
from suite.search.unit import Unit
from suite.training.trial import Trial

UNIT = 16  # trials a unit: enough to keep few lanes full, few enough that all workers have some


def widths(units: space.Range, trials: int) -> np.ndarray:
    """Return the few sizes that networks are padded to, ascending: a property of what is asked.

    Each is a program to compile, so few trials get one; on the scale the units are drawn from, each holds as
    many trials as the next.
    """
    count = int(np.clip(trials // 32, 1, 4))
    return np.unique(np.ceil(np.geomspace(units.low, units.high, count + 1)[1:] - 1e-9).astype(int))


def demand(asked: Asked, splits: dict) -> dict[str, int]:
    """Return what `machine.plan` asks: bytes of the largest `lane`, and how many lanes at `most` have work.

    `splits` is the data of every task. A search has about as many trials of each width.
    """
    from suite.training.program import shapes

    sizes = widths(asked.space["units"], asked.trials)
    needs = []
    for name, cell in itertools.product(asked.tasks, map(cells.find, asked.cells)):
        task, width = tasks.find(name), int(sizes[-1])
        of_weights = shapes(cell, task, width)
        gates = sum(shape[0] for weight, shape in of_weights.items() if weight.startswith("b/"))
        activations = task.features + gates + len(cell.states) * width + task.outputs
        steps = max(int(split.lengths.max()) for split in splits[name].values())
        weights = sum(map(math.prod, of_weights.values()))
        needs.append(machine.lane_bytes(weights, activations, steps, asked.protocol.batch))
    return {"lane": max(needs), "most": math.ceil(asked.trials / len(sizes))}


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
                for width, trials in grouped(search.advance(book), sizes, max(UNIT, lanes)):
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


def grouped(
    trials: list[Trial], sizes: np.ndarray, most: int = UNIT
) -> Iterator[tuple[int, tuple[Trial, ...]]]:
    """Yield trials in units of work: the width they are padded to, and at most `most` trials that fit it."""
    fits = np.searchsorted(sizes, [trial.hyperparameters["units"] for trial in trials])
    for fit in np.unique(fits):
        alike = [trial for trial, own in zip(trials, fits, strict=True) if own == fit]
        for start in range(0, len(alike), most):
            yield int(sizes[fit]), tuple(alike[start : start + most])
