"""A sweep: every search of one question, from what was asked to the last row."""

import contextlib
import itertools
import math
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import tasks
from suite import Refusal, cells, machine, store
from suite.search.asked import Asked
from suite.search.oracle import ROUND, Search
from suite.search.padding import widths
from suite.search.unit import Unit, demand_of
from suite.task import total_steps
from suite.training.trial import Trial

ATTEMPTS = 3  # at a unit that ends again and again without a row it should have
UNITS = 2  # of equal cost that each worker gets at least, so that none ends long after the others


@dataclass(frozen=True)
class Shape:
    """A size that networks of a search are padded to, `width` units, and what is expected there.

    An epoch of a trial is so many `operations`, multiply–adds; so many `trials` are there to be trained at a
    time, in `lanes` that suit them: units are cut for these.
    """

    width: int
    operations: int
    trials: int
    lanes: int


def shapes(asked: Asked, splits: dict, plan: machine.Plan) -> dict[tuple[str, str], list[Shape]]:
    """Return the shapes of every search by task and cell, ascending, for workers that have such a plan.

    `splits` is the data of every task.
    """
    searches = itertools.product(asked.tasks, asked.cells)
    return {(task, cell): list(shapes_of(asked, task, cell, splits[task], plan)) for task, cell in searches}


def shapes_of(asked: Asked, task: str, cell: str, splits: dict, plan: machine.Plan) -> Iterator[Shape]:
    """Yield the shapes of one search."""
    from suite.training.program import operations

    def cost(width: int, epochs: int) -> int:
        return operations(cells.find(cell), tasks.find(task), width, steps, epochs)

    units, steps = asked.space["units"], total_steps(splits)
    epochs = math.ceil(asked.epochs_a_search / asked.trials_a_search)  # as if no trial ended early
    sizes = widths(units, asked.trials_a_search, lambda width: cost(width, epochs))
    at_a_time = ROUND if asked.oracle == "bayesian" else asked.trials_a_search
    upto = units.position(sizes) if len(sizes) > 1 else [1.0]
    for width, share in zip(sizes.tolist(), np.diff(upto, prepend=0), strict=True):
        trials = math.ceil(at_a_time * share)
        lanes = plan.lanes_for(**demand_of(task, cell, width, asked.protocol.batch, splits), trials=trials)
        yield Shape(width, cost(width, epochs=1), trials, lanes)


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
    shapes: Mapping[tuple[str, str], list[Shape]],
    data: Path | None,
    seconds: float = math.inf,
    given: int | None = None,
    codes: Mapping[tuple[str, str], dict[str, str]] | None = None,
) -> Iterator[Progress]:
    """Train every trial of a sweep that has no row yet, and yield progress as rows come in.

    `crew` trains units: it is asked to `submit` them and to `wait` until something may have happened. The
    worker decides in how many lanes, unless a number is `given`. `codes` is what makes the rows of each task
    and cell (`suite.identity.row_codes`): a worker where it differs is refused. After so many seconds, or
    when it is asked to (`store.stop`), the sweep ends with what is there, and keeps the trials under way.
    """
    end = time.monotonic() + seconds
    book = store.Store(folder, crew.size)
    try:
        book.collect()
        book.remove(book.taken)
        names = list(itertools.product(asked.tasks, asked.cells))
        searches = {name: Searching(asked, *name, book.scores(*name)) for name in names}
        rows, moved, ended = [], set(names), []
        while True:
            missing = [
                Unit(
                    asked.name,
                    *name,
                    trials,
                    asked.protocol,
                    shape.width,
                    given,
                    folder.resolve(),
                    data,
                    shape.trials,
                    shape.operations,
                    code=codes and codes[name],
                )
                for name in names
                if name in moved
                for shape, trials in grouped(searches[name].advance(), shapes[name])
            ]
            for unit in cut(missing, shapes, crew.size):
                crew.submit(unit)
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


def grouped(trials: list[Trial], shapes: list[Shape]) -> Iterator[tuple[Shape, tuple[Trial, ...]]]:
    """Yield the shapes that trials are padded to, each with the trials that fit it."""
    widths = [shape.width for shape in shapes]
    fits = np.searchsorted(widths, [trial.hyperparameters["units"] for trial in trials])
    for fit in np.unique(fits):
        yield shapes[fit], tuple(trial for trial, own in zip(trials, fits, strict=True) if own == fit)


def cut(units: list[Unit], shapes: Mapping[tuple[str, str], list[Shape]], workers: int) -> Iterator[Unit]:
    """Yield units cut to parts that cost no more than leaves each worker some, but that fill their lanes."""
    most = sum(unit.cost for unit in units) / (UNITS * workers)
    lanes = {(*name, shape.width): shape.lanes for name in shapes for shape in shapes[name]}
    for unit in units:
        size = max(math.ceil(len(unit.trials) * most / unit.cost), lanes[unit.task, unit.cell, unit.width])
        for start in range(0, len(unit.trials), size):
            yield replace(unit, trials=unit.trials[start : start + size])
