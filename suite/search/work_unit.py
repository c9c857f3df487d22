"""Work units: trials of one cell on one task that a worker trains together."""

import dataclasses
import functools
import re
import traceback
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import tasks
from suite import Refusal, identity, machine, store
from suite.config import Protocol
from suite.keras_loader import load_keras
from suite.task import SPLITS, Split
from suite.training.checkpoint import Checkpoints
from suite.training.trial import Result, Trial
from suite.variants import find_network, trial_variant

if TYPE_CHECKING:  # imports Keras, which a worker loads with the first unit
    from suite.training.program import Program
    from suite.training.trainer import Trainer

# TensorFlow never frees a compiled program, of about 125 MB: a worker that has this many is restarted
MAX_PROGRAMS_PER_PROCESS = 8


class CodeMismatch(Refusal):
    """The error of a process whose code or data differ from the driver's, so that it must not train."""


@dataclasses.dataclass(frozen=True)
class WorkUnit:
    """Trials for a worker to train, how to train them, and the results folder for their rows.

    - `width`: units that every network is padded to.
    - `lanes`: trials to train at a time, or None: the worker then chooses what suits its hardware.
    - `width_trials`: trials of this width that the search is expected to have. The worker chooses lanes by
      this number and not by the unit's own trials, so that all units of a width share a compiled program.
    - `operations`: multiply–adds of one epoch of one trial.
    - `lane_halvings`: how many times the lanes were halved because memory ran out.
    - `expected_lanes`: lanes, before any halving, that the driver expects of a worker.
    - `attempts`: how many times in a row the unit ended without a single row.
    - `code`: the driver's hashes of code and data (see `suite.identity`); None if they are not compared.
    - `id`: names the unit in its rows; given when training begins.
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
    expected_lanes: int = 1
    attempts: int = 0
    code: dict[str, str] | None = None
    id: str | None = None

    @property
    def variant(self) -> str:
        """The name of the network of the unit: that of the search, with the options that its trials drew."""
        return trial_variant(self.cell, self.trials[0].hyperparameters)

    @property
    def cost(self) -> int:
        """Multiply–adds of training all trials of the unit for all their epochs."""
        return sum(map(self.trial_cost, self.trials))

    def trial_cost(self, trial: Trial) -> int:
        """Return the multiply–adds of training a trial of the unit for all its epochs."""
        return self.operations * trial.epochs


def train_unit(unit: WorkUnit) -> Iterator[dict]:
    """Train the trials of a unit that have no row yet; yield each row once it is on disk.

    If memory runs out, training continues in half as many lanes. After any other error, the remaining trials
    get failed rows that hold the traceback. If the sweep is asked to stop, unfinished trials keep their
    checkpoints. Raises `CodeMismatch` if the code or data of this process are not the driver's.
    """
    trials = unfinished_trials(unit)
    if store.is_stop_requested(unit.folder) or not trials:
        return
    lanes, memory_ran_out = 1, False
    try:
        unit = dataclasses.replace(unit, code=verified_code(unit), id=uuid.uuid4().hex[:16])
        checkpoints, lanes = unit_checkpoints(unit), unit_lanes(unit)
        for result in train_trials(unit, trials, lanes, checkpoints):
            row = result_row(unit, result)
            store.write_finished_row(unit.folder, row)
            checkpoints.remove(result.trial)
            yield row
    except Refusal:
        raise  # the folder or the data cannot be used: no trial failed
    except Exception as error:
        memory_ran_out = lanes > 1 and is_out_of_memory(error)
        if not memory_ran_out:
            yield from write_failed_rows(unit, traceback.format_exc())
    if memory_ran_out:  # outside the handler, as the exception keeps the arrays of its frames alive
        compiled_program.cache_clear()
        yield from train_unit(dataclasses.replace(unit, lane_halvings=unit.lane_halvings + 1))


def unit_lanes(unit: WorkUnit) -> int:
    """Return how many lanes this process trains a unit in."""
    splits = cached_splits(unit.task, unit.data)
    demand = search_demand(unit.task, unit.variant, unit.width, unit.protocol.batch, splits)
    plan = dataclasses.replace(machine.this_worker_plan(), lanes=unit.lanes)
    return max(1, plan.lanes_for(**demand, trials=unit.width_trials) >> unit.lane_halvings)


def search_demand(
    task: str, cell: str, width: int, batch: int, splits: Mapping[str, Split]
) -> dict[str, int]:
    """Return the arguments of `machine.Plan.lanes_for` for a network: its weights and bytes."""
    definition = tasks.find_task(task)
    steps = definition.segment or max(int(splits[name].lengths.max()) for name in SPLITS)
    labels = max(len(target) for name in SPLITS for target in splits[name].targets)
    return find_network(cell, definition).lane_demand(width, steps, batch, labels)


def verified_code(unit: WorkUnit) -> dict[str, str]:
    """Return the hashes of a unit's code and data; raise `CodeMismatch` if they are not the driver's."""
    load_keras()  # first: a user's cell imports Keras itself, without the suite's settings
    code = search_code(unit.task, unit.cell, unit.data)
    if unit.code not in (None, code):
        differing = identity.changed_parts([vars(unit)], {(unit.task, unit.cell): code})
        raise CodeMismatch(
            f"{' and '.join(differing)}: a worker and the driver have different versions; give all machines "
            "the same files, do not edit them while a sweep runs, and make the task load the same sequences "
            "every time"
        )
    return code


@functools.lru_cache
def search_code(task: str, cell: str, data: Path | None) -> dict[str, str]:
    """Return the hashes of the code and data of a search, computed once per process."""
    codes = identity.row_codes({task: tasks.find_task(task)}, [cell], {task: cached_splits(task, data)})
    return codes[task, cell]


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that this process or its device ran out of memory.

    The patterns are those of Python, TensorFlow and JAX. TensorFlow reports a full disk as an exhausted
    resource too.
    """
    message = f"{type(error).__name__}: {error}"
    if re.search("No space left|[Qq]uota exceeded", message):
        return False
    return bool(re.search("MemoryError|ResourceExhausted|RESOURCE_EXHAUSTED|[Oo]ut of memory|OOM", message))


def unfinished_trials(unit: WorkUnit) -> list[Trial]:
    """Return the trials of a unit that have no row yet.

    The driver removes the row files of a unit only after the unit has ended, so a file here means a row.
    """
    search = unit.folder, unit.task, unit.cell
    return [trial for trial in unit.trials if not store.row_file(*search, trial.number).exists()]


def write_failed_rows(unit: WorkUnit, error: str) -> list[dict]:
    """Write a failed row, which holds `error`, for each unfinished trial of a unit; return the rows."""
    failed = [Result(trial, parameters=0, status="failed") for trial in unfinished_trials(unit)]
    rows = [result_row(unit, result, error) for result in failed]
    for row in rows:
        store.write_finished_row(unit.folder, row)
    return rows


def unit_progress(unit: WorkUnit) -> tuple:
    """Return a value that changes whenever a unit advances: its unfinished trials and their checkpoints."""
    paths = [unit_checkpoints(unit).path(trial) for trial in unfinished_trials(unit)]
    return tuple((path, path.stat().st_mtime_ns if path.exists() else None) for path in paths)


def unit_checkpoints(unit: WorkUnit) -> Checkpoints:
    """Return the checkpoints of a unit's search that were written by this code, backend and protocol."""
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
    """Train trials of a unit as one population; yield the result of each as it ends."""
    from suite.training import population
    from suite.training.trainer import Descent

    trainer = Descent.of_trials(unit.protocol.optimiser, trials)
    program = compiled_program(
        unit.task, unit.variant, unit.width, lanes, unit.protocol.batch, trainer, unit.data
    )
    stopping = functools.partial(store.is_stop_requested, unit.folder)
    protocol = unit.protocol
    yield from population.train_population(
        program, trials, protocol.patience, checkpoints, stopping, protocol.initial_weights
    )


@functools.lru_cache(maxsize=MAX_PROGRAMS_PER_PROCESS)
def compiled_program(
    task: str,
    cell: str,
    width: int,
    lanes: int,
    batch: int,
    trainer: "Trainer",
    data: Path | None,
) -> "Program":
    """Return the program of a population, compiled once per process."""
    from suite.training.program import Program

    definition, splits = tasks.find_task(task), cached_splits(task, data)
    network = find_network(cell, definition)
    return Program(network, splits, width, lanes, batch, trainer, definition.segment)


@functools.lru_cache(maxsize=2)
def cached_splits(task: str, data: Path | None) -> Mapping[str, Split]:
    """Return the splits of a task by name, loaded and checked once per process."""
    return tasks.load_splits(task, data)


def result_row(unit: WorkUnit, result: Result, error: str | None = None) -> dict:
    """Return the row of a result for the store, with its software, hardware and learning curve."""
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
        "accuracy": result.accuracy,
        "success": result.success,
        "longer_tests": result.longer_tests,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "seconds": result.seconds,
        "operations": result.operations,
        "step_operations": result.step_operations,
        "state_size": result.state_size,
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
