"""Run a sweep: all searches of its tasks and cells, until every trial has a row."""

import contextlib
import itertools
import math
import shutil
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import tasks
from suite import Refusal, machine, registry, store
from suite.config import SweepConfig
from suite.search.executors import Executor
from suite.search.oracle import BAYESIAN_ROUND_SIZE, Search
from suite.search.padding import choose_widths
from suite.search.work_unit import WorkUnit, search_demand
from suite.task import SPLITS, Split, total_steps
from suite.training.trial import Trial
from suite.variants import find_network, trial_variant, variant_reference

MAX_UNIT_ATTEMPTS = 3  # how many times in a row a unit may end without any row
MIN_UNITS_PER_WORKER = 2  # units of equal cost, so that no worker ends long after the others


@dataclass(frozen=True)
class PaddedShape:
    """A size that networks of a search are padded to, `width` units, and the work expected at that size.

    `operations` are the multiply–adds of an epoch of one trial, `trials` the number to be trained at a time,
    and `lanes` how many of them side by side: work units are cut for these. `program_seconds` are what the
    program of this size takes however few trials it trains.
    """

    width: int
    operations: int
    trials: int
    lanes: int
    program_seconds: float = machine.COMPILE_SECONDS["cpu"]


def padded_shapes(
    config: SweepConfig, splits: dict, plan: machine.Plan
) -> dict[tuple[str, str], list[PaddedShape]]:
    """Return the padded shapes of every search by task and cell, ascending, for workers with `plan`.

    `splits` is the data of every task.
    """
    searches = itertools.product(config.tasks, config.cells)
    return {
        (task, cell): list(search_shapes(config, task, cell, splits[task], plan)) for task, cell in searches
    }


def search_shapes(
    config: SweepConfig, task: str, cell: str, splits: dict, plan: machine.Plan
) -> Iterator[PaddedShape]:
    """Yield the padded shapes of one search."""
    network = find_network(cell, tasks.find_task(task))

    def cost(width: int, epochs: int) -> int:
        return network.trial_operations(width, steps, epochs)

    units, steps = config.shared_space_of(cell)["units"], total_steps(splits)
    epochs = math.ceil(config.epochs_per_search / config.trials_per_search)  # as if no trial ended early
    program_seconds = plan.program_seconds(epochs * steps["train"] / config.protocol.batch)
    program_cost = program_seconds * machine.RATE[plan.device]
    sizes = choose_widths(units, config.trials_per_search, lambda width: cost(width, epochs), program_cost)
    round_size = BAYESIAN_ROUND_SIZE if config.oracle == "bayesian" else config.trials_per_search
    shares_below = units.position(sizes) if len(sizes) > 1 else [1.0]
    for width, share in zip(sizes.tolist(), np.diff(shares_below, prepend=0), strict=True):
        trials = math.ceil(round_size * share)
        if plan.gpus:  # a lane for each, though there may be more trials than expected
            trials = min(round_size, math.ceil(trials + 2 * math.sqrt(trials)))
        lanes = plan.lanes_for(
            **search_demand(task, cell, width, config.protocol.batch, splits), trials=trials
        )
        yield PaddedShape(width, cost(width, epochs=1), trials, lanes, program_seconds)


@dataclass(frozen=True)
class SweepProgress:
    """The progress of a sweep: its newest rows, and the number of finished and of known trials.

    `work_done` are the multiply–adds of the trials that ended since the sweep was started or continued, and
    `work_left` those of the known trials without a row, each as if it trained for all its epochs.
    """

    rows: list[dict]
    done: int
    total: int
    work_done: int = 0
    work_left: int = 0


class SearchState:
    """A running search: its oracle, the current round of trials, and the scores so far by trial."""

    def __init__(self, config: SweepConfig, task: str, cell: str, scores: dict[int, float]):
        self.task, self.cell, self.scores = task, cell, scores
        names = (config.seed, task, cell)
        self.search = Search(
            config.oracle, config.space_of(cell), config.trials, config.protocol.epochs, names
        )
        self.round: list[Trial] = []
        self.total, self.done, self.over = 0, 0, False

    def advance(self) -> list[Trial]:
        """Give the oracle the scores of each complete round; return the unscored trials of the next round."""
        scores = self.scores
        missing: list[Trial] = []
        while not (self.over or missing) and all(trial.number in scores for trial in self.round):
            self.search.tell({trial.number: scores[trial.number] for trial in self.round})
            self.round = self.search.ask()
            self.over = not self.round
            self.total += len(self.round)
            missing = [trial for trial in self.round if trial.number not in scores]
        self.done = sum(number < self.total for number in scores)
        return missing


def sweep_metadata(config: SweepConfig, splits: Mapping[str, Mapping[str, Split]]) -> dict:
    """Return the descriptions of tasks and cells that a report needs without loading them.

    `splits` is the data of every task.
    """
    about_tasks = {}
    for name in config.tasks:
        task, data = tasks.find_task(name), splits[name]
        sizes = {split: len(data[split]) for split in SPLITS}
        steps = int(data["train"].lengths.sum())
        texts = {"title": task.title, "unit": task.unit, "source": task.source}
        trivial = {} if task.trivial is None else {"trivial": float(task.trivial)}
        about_tasks[name] = texts | sizes | {"steps": steps} | trivial
    about_cells = {name: registry.summary(variant_reference(name)) for name in config.cells}
    return {"tasks": about_tasks, "cells": about_cells, "trials_a_search": config.trials_per_search}


def run_sweep(
    config: SweepConfig,
    folder: Path,
    executor: Executor,
    shapes: Mapping[tuple[str, str], list[PaddedShape]],
    data: Path | None,
    seconds: float = math.inf,
    lanes: int | None = None,
    codes: Mapping[tuple[str, str], dict[str, str]] | None = None,
) -> Generator[SweepProgress]:
    """Train every trial of a sweep that has no row yet, and yield progress as rows come in.

    `executor` trains work units: `submit` queues them, and `wait` returns when some may have ended. Workers
    choose how many lanes suit them, unless `lanes` is a number. `codes` are the hashes of the code and data
    of each task and cell (`suite.identity.row_codes`); a worker whose hashes differ is refused. At the time
    limit, or after `store.request_stop`, the sweep ends with the rows it has, and keeps checkpoints of
    running trials.
    """
    end = time.monotonic() + seconds
    trial_store = store.Store(folder, executor.size)
    try:
        trial_store.collect()
        trial_store.remove_row_files(trial_store.collected_files)
        names = list(itertools.product(config.tasks, config.cells))
        searches = {name: SearchState(config, *name, trial_store.scores(*name)) for name in names}
        rows: list[dict] = []
        changed, ended_units = set(names), []
        trial_costs: dict[tuple, int] = {}  # of the known trials without a row
        work_done = work_left = 0
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
                    code=codes[name] if codes else None,
                )
                for name in names
                if name in changed
                for shape, trials in trials_by_shape(name[1], searches[name].advance(), shapes[name])
            ]
            for unit in split_units(missing, shapes, executor.size):
                executor.submit(unit)
                work_left += unit.cost
                for trial in unit.trials:
                    trial_costs[unit.task, unit.cell, trial.number] = unit.trial_cost(trial)
            states = searches.values()
            done, total = sum(s.done for s in states), sum(s.total for s in states)
            yield SweepProgress(rows, done, total, work_done, work_left)
            if all(search.over for search in states):
                shutil.rmtree(folder / "running", ignore_errors=True)
                return
            if time.monotonic() > end:
                store.request_stop(folder)
            if store.is_stop_requested(folder):
                executor.waiting.clear()
                if executor.idle:
                    return
            ended_units += [
                (time.monotonic() + executor.file_visibility_delay, unit) for unit in executor.wait()
            ]
            rows, changed = trial_store.collect(), set()
            for row in rows:
                changed.add(name := (row["task"], row["cell"]))
                searches[name].scores[row["trial"]] = row["valid"]
                cost = trial_costs.pop((*name, row["trial"]), 0)
                work_done, work_left = work_done + cost, work_left - cost
            ended_units = resubmit_incomplete(ended_units, searches, executor, trial_store)
    finally:
        with contextlib.closing(trial_store):
            trial_store.collect()


def resubmit_incomplete(
    ended: list[tuple[float, WorkUnit]], searches: dict, executor: Executor, trial_store: store.Store
) -> list:
    """Submit the trials without rows of ended units again; return units whose rows may still appear.

    `ended` holds units with the time until which their rows may appear. A unit leaves trials without rows if
    its worker saw a request to stop, possibly an old one.
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
    """Return a unit of the trials without rows; refuse after `MAX_UNIT_ATTEMPTS` attempts without any row."""
    attempts = unit.attempts + 1 if len(missing) == len(unit.trials) else 0
    if attempts == MAX_UNIT_ATTEMPTS:
        raise Refusal(
            f"trial {missing[0].number} of {unit.cell} on {unit.task} went to a worker {MAX_UNIT_ATTEMPTS} "
            f"times, but no row of it appeared in {unit.folder}: make sure that all workers can write there, "
            "then run the same command again"
        )
    return replace(unit, trials=missing, attempts=attempts)


def trials_by_shape(
    cell: str, trials: list[Trial], shapes: list[PaddedShape]
) -> Iterator[tuple[PaddedShape, tuple[Trial, ...]]]:
    """Yield the shapes that trials are padded to, each with trials that fit it and train the same network.

    Trials train different networks if an option of the variant is a hyperparameter, such as the layers.
    """
    widths = [shape.width for shape in shapes]
    fits = np.searchsorted(widths, [trial.numbers["units"] for trial in trials])
    groups: dict[tuple[int, str], list[Trial]] = {}
    for trial, fit in zip(trials, fits.tolist(), strict=True):
        groups.setdefault((fit, trial_variant(cell, trial.hyperparameters)), []).append(trial)
    for fit, variant in sorted(groups):
        yield shapes[fit], tuple(groups[fit, variant])


def split_units(
    units: list[WorkUnit], shapes: Mapping[tuple[str, str], list[PaddedShape]], workers: int
) -> Iterator[WorkUnit]:
    """Split units into parts: small enough for every worker to get some, large enough to fill the lanes."""
    most = sum(unit.cost for unit in units) / (MIN_UNITS_PER_WORKER * workers)
    lanes = {(*name, shape.width): shape.lanes for name in shapes for shape in shapes[name]}
    for unit in units:
        size = max(math.ceil(len(unit.trials) * most / unit.cost), lanes[unit.task, unit.cell, unit.width])
        for start in range(0, len(unit.trials), size):
            yield replace(unit, trials=unit.trials[start : start + size])
