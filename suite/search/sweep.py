"""A sweep: every search of one question, from what was asked to the last row."""

import contextlib
import itertools
import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from suite import Refusal, machine, space, store
from suite.search.asked import Asked
from suite.search.oracle import Search
from suite.search.unit import Unit, demand_of
from suite.training.trial import Trial

ATTEMPTS = 3  # at a unit that ends again and again without a row it should have
UNIT = 8  # trials a lane in a unit, if that leaves every worker some: where it ends, lanes run dry


def widths(units: space.Range, trials: int) -> np.ndarray:
    """Return the few sizes that networks are padded to, ascending: a property of what is asked.

    Each is a program to compile, so few trials get one; on the scale the units are drawn from, each holds as
    many trials as the next.
    """
    count = int(np.clip(trials // 32, 1, 4))
    return np.unique(np.ceil(np.geomspace(units.low, units.high, count + 1)[1:] - 1e-9).astype(int))


def lanes(asked: Asked, splits: dict, plan: machine.Plan) -> dict[tuple[str, str, int], int]:
    """Return how many lanes the networks of each task, cell and width get where `plan` is the worker's.

    `splits` is the data of every task.
    """
    sizes, batch, counts = widths(asked.space["units"], asked.trials), asked.protocol.batch, {}
    for name, cell, width in itertools.product(asked.tasks, asked.cells, map(int, sizes)):
        of_shape = demand_of(name, cell, width, batch, splits[name])
        counts[name, cell, width] = min(most_lanes(asked, sizes), plan.lanes_for(**of_shape))
    return counts


def most_lanes(asked: Asked, sizes: np.ndarray) -> int:
    """Return how many lanes have work in a search, which has about as many trials of each width."""
    return math.ceil(asked.trials / len(sizes))


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
    given: int | None = None,
) -> Iterator[Progress]:
    """Train every trial of a sweep that has no row yet, and yield progress as rows come in.

    `crew` trains units: it is asked to `submit` them and to `wait` until something may have happened. Units
    are cut for so many `lanes` of each task, cell and width; the worker decides, unless a number is `given`.
    After so many seconds, or when it is asked to (`store.stop`), the sweep ends with what is there, and keeps
    the trials under way.
    """
    sizes, end = widths(asked.space["units"], asked.trials), time.monotonic() + seconds
    book = store.Store(folder, crew.size)
    try:
        book.collect()
        book.remove(book.taken)
        names = list(itertools.product(asked.tasks, asked.cells))
        searches = {name: Searching(asked, *name, book.scores(*name)) for name in names}
        rows, moved, ended = [], set(names), []
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
                how = {"protocol": asked.protocol, "width": width, "lanes": given}
                how["most_lanes"] = most_lanes(asked, sizes)
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
            ended += [(time.monotonic() + crew.lag, unit) for unit in crew.wait()]
            rows, moved = book.collect(), set()
            for row in rows:
                moved.add(name := (row["task"], row["cell"]))
                searches[name].scores[row["trial"]] = row["valid"]
            ended = settle(ended, searches, crew, book)
    finally:
        with contextlib.closing(book):
            book.collect()


def settle(ended: list[tuple[float, Unit]], searches: dict, crew, book: store.Store) -> list:
    """Submit again what units that have ended left without a row; return those whose rows may still be seen.

    `ended` says until when, for each. A unit may leave some where its worker was told to stop, or still sees
    that it was.
    """
    unsettled = []
    for until, unit in ended:
        scores = searches[unit.task, unit.cell].scores
        missing = tuple(trial for trial in unit.trials if trial.number not in scores)
        if missing and time.monotonic() < until:
            unsettled.append((until, unit))
            continue
        book.remove(store.row_file(book.folder, unit.task, unit.cell, trial.number) for trial in unit.trials)
        if missing:
            crew.submit(again(unit, missing))
    return unsettled


def again(unit: Unit, missing: tuple[Trial, ...]) -> Unit:
    """Return a unit of the trials that another left without a row; refuse where that got nowhere so often."""
    attempts = unit.attempts + 1 if len(missing) == len(unit.trials) else 0
    if attempts == ATTEMPTS:
        raise Refusal(
            f"trial {missing[0].number} of {unit.cell} on {unit.task} went to a worker {ATTEMPTS} times, and "
            f"no row of it came to {unit.folder}: see that all workers write there, and ask again to go on"
        )
    return replace(unit, trials=missing, attempts=attempts)


def grouped(trials: list[Trial], sizes: np.ndarray) -> Iterator[tuple[int, list[Trial]]]:
    """Yield the widths that trials are padded to, each with the trials that fit it."""
    fits = np.searchsorted(sizes, [trial.hyperparameters["units"] for trial in trials])
    for fit in np.unique(fits):
        yield int(sizes[fit]), [trial for trial, own in zip(trials, fits, strict=True) if own == fit]


def batched(trials: list[Trial], most: int) -> Iterator[tuple[Trial, ...]]:
    """Yield trials in tuples of at most so many."""
    for start in range(0, len(trials), most):
        yield tuple(trials[start : start + most])
