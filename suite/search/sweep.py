"""A sweep: every search of one question, from what was asked to the last row."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from suite import space, store
from suite.search.asked import Asked
from suite.search.oracle import Search
from suite.search.unit import Unit

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
    """Where a sweep is: rows just come, trials done and asked so far, and rows in all."""

    rows: list[dict]
    done: int
    total: int


def run(asked: Asked, folder: Path, crew, lanes: int, data: Path | None) -> Iterator[Progress]:
    """Train every trial of a sweep that has no row yet, and yield progress as rows come in.

    `crew` trains units: it is asked to `submit` them and to `wait` until something may have happened.
    """
    book = store.Store(folder)
    book.collect()
    rounds = {}
    sizes = widths(asked.space["units"], asked.trials)
    done, total = 0, 0

    def next_round(task, cell, search):
        """Ask a search for a round and submit what has no row yet; return the numbers of the round."""
        trials = search.ask()
        there = book.scores(task, cell)
        missing = [trial for trial in trials if trial.number not in there]
        fits = np.searchsorted(sizes, [trial.hyperparameters["units"] for trial in missing])
        for width in np.unique(fits):
            alike = [trial for trial, fit in zip(missing, fits, strict=True) if fit == width]
            for start in range(0, len(alike), UNIT):
                some = tuple(alike[start : start + UNIT])
                size = int(sizes[width])
                crew.submit(
                    Unit(asked.name, task, cell, some, asked.protocol, size, lanes, folder.resolve(), data)
                )
        return [trial.number for trial in trials]

    try:
        for task in asked.tasks:
            for cell in asked.cells:
                names = (asked.seed, task, cell)
                search = Search(asked.oracle, asked.space, asked.trials, asked.protocol.epochs, names)
                rounds[task, cell] = search, next_round(task, cell, search)
        total = sum(len(numbers) for _, numbers in rounds.values())
        done = sum(len(set(numbers) & book.scores(*key).keys()) for key, (_, numbers) in rounds.items())
        yield Progress([], done, total)
        while rounds:
            for key, (search, numbers) in list(rounds.items()):
                scores = book.scores(*key)
                while numbers and scores.keys() >= set(numbers):
                    search.tell({number: scores[number] for number in numbers})
                    numbers = next_round(*key, search)
                    total += len(numbers)
                    done += len(scores.keys() & set(numbers))
                rounds[key] = search, numbers
                if not numbers:
                    del rounds[key]
            if rounds:
                crew.wait()
                rows = book.collect()
                done += len(rows)
                yield Progress(rows, done, total)
    finally:
        book.collect()
        book.close()
