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
from suite.config import Protocol
from suite.keras_loader import load_keras
from suite.space import OPTIONAL_RANGES
from suite.training.checkpoint import Checkpoints
from suite.training.trial import Result, Trial

MAX_PROGRAMS_PER_PROCESS = (
    8  # a process: TensorFlow never frees one, of 125 MB, so a worker that has as many starts anew
)


class CodeMismatch(Refusal):
    """A refusal of units by a process whose code or data are not the driver's."""


@dataclasses.dataclass(frozen=True)
class WorkUnit:
    """What a worker is given: trials, how to train them, and the results folder their rows go to.

    In `lanes` if the user gave a number, else in as many as suit the worker and the `width_trials` that its
    search is expected to have of this width: a property of the search, so that all its units of a width share
    a program. An epoch of a trial is so many `operations`, multiply–adds. Memory that ran out has
    `lane_halvings` the lanes so often; so many `attempts` before this one ended without a row. `code` is what
    makes the rows (`suite.identity`) as the driver sees it: None where it has not looked.
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
    lane_halvings: int = 0
    attempts: int = 0
    code: dict[str, str] | None = None
    id: str | None = None  # given when training begins

    @property
    def cost(self) -> int:
        """The multiply–adds of its trials at its width, if none of them ended early."""
        return self.operations * sum(trial.epochs for trial in self.trials)


def train_unit(unit: WorkUnit) -> Iterator[dict]:
    """Train the trials of a unit that have no row yet; make each row durable, then yield it.

    Where memory runs out, they go on in half as many lanes. Where anything else raises, the trials that have
    no row by then get one that says so. When the sweep is to end, those under way are kept as they are.
    Refused where this process has other code or data than the driver.
    """
    trials = unfinished_trials(unit)
    if store.is_stop_requested(unit.folder) or not trials:
        return
    lanes, scarce = 1, False
    try:
        unit = dataclasses.replace(unit, code=verified_code(unit), id=uuid.uuid4().hex[:16])
        kept, lanes = unit_checkpoints(unit), unit_lanes(unit)
        for result in train_trials(unit, trials, lanes, kept):
            row = result_row(unit, result)
            store.write_finished_row(unit.folder, row)
            kept.remove(result.trial)
            yield row
    except Refusal:
        raise  # the folder or the data cannot be used, which is no trial's fault
    except Exception as error:
        scarce = lanes > 1 and is_out_of_memory(error)
        if not scarce:
            yield from write_failed_rows(unit, traceback.format_exc())
    if scarce:
        compiled_program.cache_clear()
        yield from train_unit(dataclasses.replace(unit, lane_halvings=unit.lane_halvings + 1))


def unit_lanes(unit: WorkUnit) -> int:
    """Return in how many lanes this process trains a unit."""
    splits = cached_splits(unit.task, unit.data)
    shape = search_demand(unit.task, unit.cell, unit.width, unit.protocol.batch, splits)
    plan = dataclasses.replace(machine.this_worker_plan(), lanes=unit.lanes)
    return max(1, plan.lanes_for(**shape, trials=unit.width_trials) >> unit.lane_halvings)


def search_demand(task: str, cell: str, width: int, batch: int, splits: dict) -> dict[str, int]:
    """Return what `machine.Plan.lanes_for` asks of a network, by the names of its task and cell."""
    from suite.training.program import lane_demand

    steps = max(int(split.lengths.max()) for split in splits.values())
    return lane_demand(cells.find_cell(cell), tasks.find_task(task), width, steps, batch)


def verified_code(unit: WorkUnit) -> dict[str, str]:
    """Return what makes its rows; refuse it where this process has other code or data than the driver."""
    load_keras()  # before a cell of the user's imports it
    code = search_code(unit.task, unit.cell, unit.data)
    if unit.code not in (None, code):
        differing = identity.changed_parts([vars(unit)], {(unit.task, unit.cell): code})
        raise CodeMismatch(
            f"{' and '.join(differing)}: a worker has another than the driver; give all the same files, do "
            f"not change them while a sweep runs, and have a task load the same sequences each time"
        )
    return code


@functools.lru_cache
def search_code(task: str, cell: str, data: Path | None) -> dict[str, str]:
    """Return what makes the rows of a search in this process, which never loads code or data again."""
    found = identity.row_codes({task: tasks.find_task(task)}, [cell], {task: cached_splits(task, data)})
    return found[task, cell]


def is_out_of_memory(error: Exception) -> bool:
    """Whether this process or its device had too little memory, in the words of Python and both backends.

    A full disk is exhausted, too, to TensorFlow.
    """
    said = f"{type(error).__name__}: {error}"
    if re.search("No space left|[Qq]uota exceeded", said):
        return False
    return bool(re.search("MemoryError|ResourceExhausted|RESOURCE_EXHAUSTED|[Oo]ut of memory|OOM", said))


def unfinished_trials(unit: WorkUnit) -> list[Trial]:
    """Return the trials of a unit that have no row yet: until it has ended, all its rows are files."""
    key = unit.folder, unit.task, unit.cell
    return [trial for trial in unit.trials if not store.row_file(*key, trial.number).exists()]


def write_failed_rows(unit: WorkUnit, error: str) -> list[dict]:
    """Return rows that say why, made durable, of the trials of a unit that have none."""
    failed = [Result(trial, parameters=0, status="failed") for trial in unfinished_trials(unit)]
    rows = [result_row(unit, result, error) for result in failed]
    for row in rows:
        store.write_finished_row(unit.folder, row)
    return rows


def unit_progress(unit: WorkUnit) -> tuple:
    """Return what changes whenever a unit gets on: its rows, and when its trials were last kept."""
    paths = [unit_checkpoints(unit).path(trial) for trial in unfinished_trials(unit)]
    return tuple((path, path.stat().st_mtime_ns if path.exists() else None) for path in paths)


def unit_checkpoints(unit: WorkUnit) -> Checkpoints:
    """Return the checkpoints of a unit's search: those of this code, backend and protocol."""
    load_keras()
    import keras

    made_by = {
        "versions": machine.package_versions(),
        "code": unit.code,
        "backend": keras.backend.backend(),
        "protocol": dataclasses.asdict(unit.protocol),
        "width": unit.width,
    }
    return Checkpoints(store.checkpoint_folder(unit.folder, unit.task, unit.cell), made_by)


def train_trials(
    unit: WorkUnit, trials: list[Trial], lanes: int, checkpoints: Checkpoints
) -> Iterator[Result]:
    """Train trials of a unit."""
    from suite.training import population

    clips = any(name in trial.hyperparameters for trial in trials for name in OPTIONAL_RANGES)
    how = unit.protocol.batch, unit.protocol.optimiser, clips
    program = compiled_program(unit.task, unit.cell, unit.width, lanes, *how, unit.data)
    stopping = functools.partial(store.is_stop_requested, unit.folder)
    yield from population.train_population(program, trials, unit.protocol.patience, checkpoints, stopping)


@functools.lru_cache(maxsize=MAX_PROGRAMS_PER_PROCESS)
def compiled_program(
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

    splits = cached_splits(task, data)
    return Program(
        cells.find_cell(cell), tasks.find_task(task), splits, width, lanes, batch, optimiser, clips
    )


@functools.lru_cache(maxsize=2)
def cached_splits(task: str, data: Path | None):
    """Return the data of a task, loaded and checked once a process."""
    return tasks.load_splits(task, data)


def result_row(unit: WorkUnit, result: Result, error: str | None = None) -> dict:
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
        "device": machine.device_names()[0],
        "backend": keras.backend.backend(),
        "versions": machine.package_versions(),
        "git_commit": machine.git_commit(),
        "code": unit.code,
        "unit": unit.id,
        "curve": result.curve,
    }
