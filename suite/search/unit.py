"""A unit of work: trials of one variant on one task that one worker trains side by side."""

import dataclasses
import functools
import re
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path

import tasks
from suite import Refusal, cells, identity, machine, store
from suite.quiet import load_keras
from suite.space import OPTIONAL
from suite.training.checkpoint import Checkpoints
from suite.training.trial import Protocol, Result, Trial

PROGRAMS = 8  # a process: TensorFlow never frees one, of 125 MB, so a worker that has as many starts anew


class OtherCode(Refusal):
    """A refusal of units by a process whose code or data are not the driver's."""


@dataclasses.dataclass(frozen=True)
class Unit:
    """What a worker is given: trials, how to train them, and the results folder their rows go to.

    In `lanes` if the user gave a number, else in as many as suit the worker and the `width_trials` that its
    search is expected to have of this width: a property of the search, so that all its units of a width
    share a program. An epoch of a trial is so many `operations`, multiply–adds. Memory that ran out has
    `halved` the lanes so often; so many `attempts` before this one ended without a row. `code` is what makes
    the rows (`suite.identity`) as the driver sees it: None where it has not looked.
    """

    sweep: str
    task: str
    cell: str
    trials: tuple[Trial, ...]
    protocol: Protocol
    width: int
    lanes: int | None
    folder: Path
    data: Path | None
    width_trials: int
    operations: int
    halved: int = 0
    attempts: int = 0
    code: dict[str, str] | None = None
    id: str | None = None  # given when training begins

    @property
    def cost(self) -> int:
        """The multiply–adds of its trials at its width, if none of them ended early."""
        return self.operations * sum(trial.epochs for trial in self.trials)


def train_unit(unit: Unit) -> Iterator[dict]:
    """Train the trials of a unit that have no row yet; make each row durable, then yield it.

    Where memory runs out, they go on in half as many lanes. Where anything else raises, the trials that have
    no row by then get one that says so. When the sweep is to end, those under way are kept as they are.
    Refused where this process has other code or data than the driver.
    """
    trials = waiting(unit)
    if store.stopping(unit.folder) or not trials:
        return
    lanes, scarce = 1, False
    try:
        unit = dataclasses.replace(unit, code=verified(unit), id=uuid.uuid4().hex[:16])
        kept, lanes = checkpoints(unit), lanes_of(unit)
        for result in train(unit, trials, lanes, kept):
            row = row_of(unit, result)
            store.finish(unit.folder, row)
            kept.remove(result.trial)
            yield row
    except Refusal:
        raise  # the folder or the data cannot be used, which is no trial's fault
    except Exception as error:
        scarce = lanes > 1 and out_of_memory(error)
        if not scarce:
            yield from give_up(unit, traceback.format_exc())
    if scarce:
        program_of.cache_clear()
        yield from train_unit(dataclasses.replace(unit, halved=unit.halved + 1))


def lanes_of(unit: Unit) -> int:
    """Return in how many lanes this process trains a unit."""
    splits = splits_of(unit.task, unit.data)
    shape = demand_of(unit.task, unit.cell, unit.width, unit.protocol.batch, splits)
    plan = dataclasses.replace(machine.worker_plan(), lanes=unit.lanes)
    return max(1, plan.lanes_for(**shape, trials=unit.width_trials) >> unit.halved)


def demand_of(task: str, cell: str, width: int, batch: int, splits: dict) -> dict[str, int]:
    """Return what `machine.Plan.lanes_for` asks of a network, by the names of its task and cell."""
    from suite.training.program import demand

    steps = max(int(split.lengths.max()) for split in splits.values())
    return demand(cells.find(cell), tasks.find(task), width, steps, batch)


def verified(unit: Unit) -> dict[str, str]:
    """Return what makes its rows; refuse it where this process has other code or data than the driver."""
    load_keras()  # before a cell of the user's imports it
    code = search_code(unit.task, unit.cell, unit.data)
    if unit.code not in (None, code):
        differing = identity.changes([vars(unit)], {(unit.task, unit.cell): code})
        raise OtherCode(
            f"{' and '.join(differing)}: a worker has another than the driver; give all the same files, do "
            f"not change them while a sweep runs, and have a task load the same sequences each time"
        )
    return code


@functools.lru_cache
def search_code(task: str, cell: str, data: Path | None) -> dict[str, str]:
    """Return what makes the rows of a search in this process, which never loads code or data again."""
    found = identity.row_codes({task: tasks.find(task)}, [cell], {task: splits_of(task, data)})
    return found[task, cell]


def out_of_memory(error: Exception) -> bool:
    """Whether this process or its device had too little memory, in the words of Python and both backends.

    A full disk is exhausted, too, to TensorFlow.
    """
    said = f"{type(error).__name__}: {error}"
    if re.search("No space left|[Qq]uota exceeded", said):
        return False
    return bool(re.search("MemoryError|ResourceExhausted|RESOURCE_EXHAUSTED|[Oo]ut of memory|OOM", said))


def waiting(unit: Unit) -> list[Trial]:
    """Return the trials of a unit that have no row yet: until it has ended, all its rows are files."""
    key = unit.folder, unit.task, unit.cell
    return [trial for trial in unit.trials if not store.row_file(*key, trial.number).exists()]


def give_up(unit: Unit, error: str) -> list[dict]:
    """Return rows that say why, made durable, of the trials of a unit that have none."""
    failed = [Result(trial, parameters=0, status="failed") for trial in waiting(unit)]
    rows = [row_of(unit, result, error) for result in failed]
    for row in rows:
        store.finish(unit.folder, row)
    return rows


def progress(unit: Unit) -> tuple:
    """Return what changes whenever a unit gets on: its rows, and when its trials were last kept."""
    paths = [checkpoints(unit).path(trial) for trial in waiting(unit)]
    return tuple((path, path.stat().st_mtime_ns if path.exists() else None) for path in paths)


def checkpoints(unit: Unit) -> Checkpoints:
    """Return the checkpoints of a unit's search: those of this code, backend and protocol."""
    load_keras()
    import keras

    made_by = {
        "versions": machine.versions(),
        "code": unit.code,
        "backend": keras.backend.backend(),
        "protocol": dataclasses.asdict(unit.protocol),
        "width": unit.width,
    }
    return Checkpoints(store.running(unit.folder, unit.task, unit.cell), made_by)


def train(unit: Unit, trials: list[Trial], lanes: int, kept: Checkpoints) -> Iterator[Result]:
    """Train trials of a unit."""
    from suite.training import population

    clips = any(name in trial.hyperparameters for trial in trials for name in OPTIONAL)
    how = unit.protocol.batch, unit.protocol.optimiser, clips
    program = program_of(unit.task, unit.cell, unit.width, lanes, *how, unit.data)
    stopping = functools.partial(store.stopping, unit.folder)
    yield from population.train(program, trials, unit.protocol.patience, kept, stopping)


@functools.lru_cache(maxsize=PROGRAMS)
def program_of(
    task: str,
    cell: str,
    width: int,
    lanes: int,
    batch: int,
    optimiser: str,
    clips: bool,
    data: Path | None,
):
    """Return a program, compiled once a process."""
    from suite.training.program import Program

    splits = splits_of(task, data)
    return Program(cells.find(cell), tasks.find(task), splits, width, lanes, batch, optimiser, clips)


@functools.lru_cache(maxsize=2)
def splits_of(task: str, data: Path | None):
    """Return the data of a task, loaded and checked once a process."""
    return tasks.load(task, data)


def row_of(unit: Unit, result: Result, error: str | None = None) -> dict:
    """Return the row of a result, with its curve."""
    import keras

    return {
        "sweep": unit.sweep,
        "task": unit.task,
        "cell": unit.cell,
        "trial": result.trial.number,
        "seed": result.trial.seed,
        "status": result.status,
        "valid": result.valid,
        "test": result.test,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "seconds": result.seconds,
        "operations": result.operations,
        "parameters": result.parameters,
        "hyperparameters": dict(result.trial.hyperparameters),
        "error": error,
        "device": machine.devices()[0],
        "backend": keras.backend.backend(),
        "versions": machine.versions(),
        "git_commit": machine.commit(),
        "code": unit.code,
        "unit": unit.id,
        "curve": result.curve,
    }
