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
from suite import Refusal, cells, machine, registry, store
from suite.config import SweepConfig
from suite.search.oracle import BAYESIAN_ROUND_SIZE, Search
from suite.search.padding import choose_widths
from suite.search.work_unit import WorkUnit, search_demand
from suite.task import SPLITS, Split, total_steps
from suite.training.trial import Trial

MAX_UNIT_ATTEMPTS = 3  # at a unit that ends again and again without a row it should have
MIN_UNITS_PER_WORKER = (
    2  # of equal cost that each worker gets at least, so that none ends long after the others
)


@dataclass(frozen=True)
class PaddedShape:
    """A size that networks of a search are padded to, `width` units, and what is expected there.

    An epoch of a trial is so many `operations`, multiply–adds; so many `trials` are there to be trained at a
    time, in `lanes` that suit them: units are cut for these.
    """

    width: int
    operations: int
    trials: int
    lanes: int


def padded_shapes(
    config: SweepConfig, splits: dict, plan: machine.Plan
) -> dict[tuple[str, str], list[PaddedShape]]:
    """Return the shapes of every search by task and cell, ascending, for workers that have such a plan.

    `splits` is the data of every task.
    """
    searches = itertools.product(config.tasks, config.cells)
    return {
        (task, cell): list(search_shapes(config, task, cell, splits[task], plan)) for task, cell in searches
    }


def search_shapes(
    config: SweepConfig, task: str, cell: str, splits: dict, plan: machine.Plan
) -> Iterator[PaddedShape]:
    """Yield the shapes of one search."""
    from suite.training.program import trial_operations

    def cost(width: int, epochs: int) -> int:
        return trial_operations(cells.find_cell(cell), tasks.find_task(task), width, steps, epochs)

    units, steps = config.space["units"], total_steps(splits)
    epochs = math.ceil(config.epochs_per_search / config.trials_per_search)  # as if no trial ended early
    sizes = choose_widths(units, config.trials_per_search, lambda width: cost(width, epochs))
    at_a_time = BAYESIAN_ROUND_SIZE if config.oracle == "bayesian" else config.trials_per_search
    upto = units.position(sizes) if len(sizes) > 1 else [1.0]
    for width, share in zip(sizes.tolist(), np.diff(upto, prepend=0), strict=True):
        trials = math.ceil(at_a_time * share)
        lanes = plan.lanes_for(
            **search_demand(task, cell, width, config.protocol.batch, splits), trials=trials
        )
        yield PaddedShape(width, cost(width, epochs=1), trials, lanes)


@dataclass(frozen=True)
class SweepProgress:
    """Where a sweep is: rows just come, and trials done and asked so far."""

    rows: list[dict]
    done: int
    total: int


class SearchState:
    """A search under way: the round it has been asked for, and how many trials in all."""

    def __init__(self, config: SweepConfig, task: str, cell: str, scores: dict[int, float]):
        self.task, self.cell, self.scores = task, cell, scores
        names = (config.seed, task, cell)
        self.search = Search(config.oracle, config.space, config.trials, config.protocol.epochs, names)
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


def sweep_metadata(config: SweepConfig, splits: Mapping[str, Mapping[str, Split]]) -> dict:
    """Return what a report says of the tasks and cells of a sweep, so that it need not load them.

    `splits` is the data of every task.
    """
    of_tasks = {}
    for name in config.tasks:
        task, of_task = tasks.find_task(name), splits[name]
        sizes = {split: len(of_task[split]) for split in SPLITS}
        steps = int(of_task["train"].lengths.sum())
        words = {"title": task.title, "unit": task.unit, "source": task.source}
        of_tasks[name] = words | sizes | {"steps": steps}
    references = cells.cell_references()
    of_cells = {name: registry.class_summary(references.get(name, name)) for name in config.cells}
    return {"tasks": of_tasks, "cells": of_cells, "trials_a_search": config.trials_per_search}


def run_sweep(
    config: SweepConfig,
    folder: Path,
    executor,
    shapes: Mapping[tuple[str, str], list[PaddedShape]],
    data: Path | None,
    seconds: float = math.inf,
    lanes: int | None = None,
    codes: Mapping[tuple[str, str], dict[str, str]] | None = None,
) -> Iterator[SweepProgress]:
    """Train every trial of a sweep that has no row yet, and yield progress as rows come in.

    `executor` trains units: it is asked to `submit` them and to `wait` until something may have happened. The
    worker decides in how many lanes, unless a number is `lanes`. `codes` is what makes the rows of each task
    and cell (`suite.identity.row_codes`): a worker where it differs is refused. After so many seconds, or
    when it is asked to (`store.stop`), the sweep ends with what is there, and keeps the trials under way.
    """
    end = time.monotonic() + seconds
    book = store.Store(folder, executor.size)
    try:
        book.collect()
        book.remove_row_files(book.collected_files)
        names = list(itertools.product(config.tasks, config.cells))
        searches = {name: SearchState(config, *name, book.scores(*name)) for name in names}
        rows, moved, ended = [], set(names), []
        while True:
            missing = [
                WorkUnit(
                    config.name,
                    *name,
                    trials,
                    config.protocol,
                    shape.width,
                    lanes,
                    folder.resolve(),
                    data,
                    shape.trials,
                    shape.operations,
                    expected_lanes=shape.lanes,
                    code=codes and codes[name],
                )
                for name in names
                if name in moved
                for shape, trials in trials_by_shape(searches[name].advance(), shapes[name])
            ]
            for unit in split_units(missing, shapes, executor.size):
                executor.submit(unit)
            so_far = searches.values()
            yield SweepProgress(rows, sum(s.done for s in so_far), sum(s.total for s in so_far))
            if all(search.over for search in so_far):
                shutil.rmtree(folder / "running", ignore_errors=True)
                return
            if time.monotonic() > end:
                store.request_stop(folder)
            if store.is_stop_requested(folder):
                executor.waiting.clear()
                if executor.idle:
                    return
            ended += [(time.monotonic() + executor.file_visibility_delay, unit) for unit in executor.wait()]
            rows, moved = book.collect(), set()
            for row in rows:
                moved.add(name := (row["task"], row["cell"]))
                searches[name].scores[row["trial"]] = row["valid"]
            ended = resubmit_incomplete(ended, searches, executor, book)
    finally:
        with contextlib.closing(book):
            book.collect()


def resubmit_incomplete(
    ended: list[tuple[float, WorkUnit]], searches: dict, executor, trial_store: store.Store
) -> list:
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
        trial_store.remove_row_files(
            store.row_file(trial_store.folder, unit.task, unit.cell, trial.number) for trial in unit.trials
        )
        if missing:
            executor.submit(retry_unit(unit, missing))
    return unsettled


def retry_unit(unit: WorkUnit, missing: tuple[Trial, ...]) -> WorkUnit:
    """Return a unit of the trials that another left without a row; refuse where that got nowhere so often."""
    attempts = unit.attempts + 1 if len(missing) == len(unit.trials) else 0
    if attempts == MAX_UNIT_ATTEMPTS:
        raise Refusal(
            f"trial {missing[0].number} of {unit.cell} on {unit.task} went to a worker "
            f"{MAX_UNIT_ATTEMPTS} times, and "
            f"no row of it came to {unit.folder}: see that all workers write there, and ask again to go on"
        )
    return replace(unit, trials=missing, attempts=attempts)


def trials_by_shape(
    trials: list[Trial], shapes: list[PaddedShape]
) -> Iterator[tuple[PaddedShape, tuple[Trial, ...]]]:
    """Yield the shapes that trials are padded to, each with the trials that fit it."""
    widths = [shape.width for shape in shapes]
    fits = np.searchsorted(widths, [trial.hyperparameters["units"] for trial in trials])
    for fit in np.unique(fits):
        yield shapes[fit], tuple(trial for trial, own in zip(trials, fits, strict=True) if own == fit)


def split_units(
    units: list[WorkUnit], shapes: Mapping[tuple[str, str], list[PaddedShape]], workers: int
) -> Iterator[WorkUnit]:
    """Yield units cut to parts that cost no more than leaves each worker some, but that fill their lanes."""
    most = sum(unit.cost for unit in units) / (MIN_UNITS_PER_WORKER * workers)
    lanes = {(*name, shape.width): shape.lanes for name in shapes for shape in shapes[name]}
    for unit in units:
        size = max(math.ceil(len(unit.trials) * most / unit.cost), lanes[unit.task, unit.cell, unit.width])
        for start in range(0, len(unit.trials), size):
            yield replace(unit, trials=unit.trials[start : start + size])
