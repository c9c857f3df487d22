"""What a sweep is asked: the question, as data."""

import math
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from suite import Refusal, registry
from suite import space as spaces

ORACLE_CHOICES = ("random", "bayesian", "hyperband")
OPTIMISER_CHOICES = ("nesterov", "sgd", "rmsprop", "adam")  # those of training.optimiser, known without Keras
HYPERBAND_FACTOR = 3  # Hyperband: one of so many trials goes on, for so many times the epochs
PRESET_FOLDER = Path(__file__).parent / "presets"


def expect_text(key: str, value: object) -> None:
    """Refuse a setting that is no text."""
    if not isinstance(value, str):
        raise Refusal(f"{key}: expected text, got {value!r}")


def expect_integer(minimum: float = -math.inf) -> Callable[[str, object], None]:
    """Return what refuses a setting that is no whole number, or a lower one."""

    def expect(key, value):
        if not isinstance(value, int) or isinstance(value, bool):
            raise Refusal(f"{key}: expected a whole number, got {value!r}")
        if value < minimum:
            raise Refusal(f"{key}: expected at least {minimum}, got {value}")

    return expect


def expect_one_of(choices: Sequence[str]) -> Callable[[str, object], None]:
    """Return what refuses a setting that is none of the known names."""

    def expect(key, value):
        expect_text(key, value)
        if value not in choices:
            raise registry.unknown_name_error(key, value, choices)

    return expect


def expect_names(key: str, value: object) -> None:
    """Refuse a setting that is no list of names, all different."""
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise Refusal(f"{key}: expected a list of names, got {value!r}")
    if len(set(value)) < len(value):
        raise Refusal(f"{key}: expected different names, got {', '.join(value)}")


def expect_table(key: str, value: object) -> None:
    """Refuse a setting that is no table."""
    if not isinstance(value, dict):
        raise Refusal(f"{key}: expected a table, got {value!r}")


SETTING_CHECKS = {  # what a file may say, and what refuses a value of it
    "name": expect_text,
    "title": expect_text,
    "seed": expect_integer(),
    "tasks": expect_names,
    "cells": expect_names,
    "trials": expect_integer(minimum=1),
    "oracle": expect_one_of(ORACLE_CHOICES),
    "epochs": expect_integer(minimum=1),
    "patience": expect_integer(minimum=1),
    "batch": expect_integer(minimum=1),
    "optimiser": expect_one_of(OPTIMISER_CHOICES),
    "space": expect_table,  # of ranges: `suite.space.parse_range_bounds`
    "about": expect_table,  # in a sweep.toml; no part of the question
}


@dataclass(frozen=True)
class Protocol:
    """How a trial is trained; the defaults are those of Greff et al. (2017).

    At most `epochs`, ended after more than `patience` of them without a better validation score; an update
    after every `batch` sequences, by the rule `optimiser` of `suite.training.optimiser`.
    """

    epochs: int = 150
    patience: int = 15
    batch: int = 1
    optimiser: str = "nesterov"


def trials_by_epochs(oracle: str, trials: int, epochs: int) -> Counter[int]:
    """Return how many trials a search holds, by the epochs they are given: {epochs: trials}.

    Random and Bayesian search hold the `trials` asked; Hyperband holds as many as follow from `epochs`, the
    most of a trial, by the arithmetic of KerasTuner's `HyperbandOracle`: bracket b starts with trials of
    epochs / 3ᵇ, and b times the best third go on, for three times as long.
    """
    if oracle != "hyperband":
        return Counter({epochs: trials})
    held, brackets = Counter(), 0
    while epochs / HYPERBAND_FACTOR**brackets >= 1:
        brackets += 1
    for bracket in range(brackets):
        last = math.ceil(1 + math.log(epochs, HYPERBAND_FACTOR)) / (
            bracket + 1
        )  # trials that are given all epochs
        for halvings in range(bracket + 1):
            held[math.ceil(epochs / HYPERBAND_FACTOR**halvings)] += math.ceil(
                last * HYPERBAND_FACTOR**halvings
            )
    return held


@dataclass(frozen=True)
class SweepConfig:
    """What a sweep is asked: the same question gives the same rows, on any number of workers."""

    name: str
    title: str = ""
    seed: int = 1
    tasks: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    trials: int = 200
    oracle: str = "random"
    protocol: Protocol = Protocol()
    space: spaces.Space = field(default_factory=lambda: spaces.PAPER_SPACE)

    @property
    def trials_per_search(self) -> int:
        """How many trials each search holds: those asked, unless its oracle decides by itself."""
        return self._trials_by_epochs.total()

    @property
    def epochs_per_search(self) -> int:
        """How many epochs the trials of each search are given in all."""
        return sum(epochs * trials for epochs, trials in self._trials_by_epochs.items())

    @property
    def _trials_by_epochs(self) -> Counter[int]:
        return trials_by_epochs(self.oracle, self.trials, self.protocol.epochs)

    def validate(self) -> None:
        """Refuse what cannot be asked."""
        for key, value in (asdict(self) | asdict(self.protocol)).items():
            if key != "protocol":
                SETTING_CHECKS[key](key, value)
        for key in ("tasks", "cells"):
            if not getattr(self, key):
                raise Refusal(f"{key}: expected different names, got none")
        for name, asked in self.space.items():
            spaces.check_range(name, asked)

    def to_table(self) -> dict:
        """Return what is asked as plain data, as it stands in sweep.toml."""
        table = asdict(self) | asdict(self.protocol)
        del table["protocol"]
        return table | {
            "tasks": list(self.tasks),
            "cells": list(self.cells),
            "space": spaces.space_to_table(self.space),
        }


def load_preset(name: str) -> SweepConfig:
    """Return the question of a preset, by name or as the path of a TOML file."""
    ours = not name.endswith(".toml")
    path = PRESET_FOLDER / f"{name}.toml" if ours else Path(name)
    if ours and not path.exists():
        raise registry.unknown_name_error("preset", name, preset_names())
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refusal(f"{path}: expected TOML in UTF-8, cannot read it ({error})") from None
    try:
        return config_from_table({"name": path.stem} | table)
    except Refusal as refusal:
        raise Refusal(f"{path}: {refusal}") from None


def preset_names() -> list[str]:
    """Return the names of the presets."""
    return sorted(path.stem for path in PRESET_FOLDER.glob("*.toml"))


def config_from_table(table: dict) -> SweepConfig:
    """Return the question that plain data asks; ranges and settings it leaves out are the paper's.

    Tasks and cells may be missing: `Asked.validate` asks for them.
    """
    for key, value in table.items():
        if key not in SETTING_CHECKS:
            raise registry.unknown_name_error("setting", key, sorted(SETTING_CHECKS))
        SETTING_CHECKS[key](key, value)
    of_protocol = {f.name for f in fields(Protocol)}
    ranges = {name: spaces.parse_range_bounds(name, entry) for name, entry in table.get("space", {}).items()}
    rest = {key: table[key] for key in table.keys() - of_protocol - {"space", "tasks", "cells", "about"}}
    return SweepConfig(
        **rest,
        tasks=tuple(table.get("tasks", ())),
        cells=tuple(table.get("cells", ())),
        protocol=Protocol(**{key: table[key] for key in of_protocol & table.keys()}),
        space=spaces.override_ranges(spaces.PAPER_SPACE, ranges),
    )


@dataclass(frozen=True)
class TaskInfo:
    """The task of a sweep in words, its sequences in each split, and the time steps of its training split."""

    title: str
    unit: str = ""
    source: str = ""
    train: int = 0
    valid: int = 0
    test: int = 0
    steps: int = 0


@dataclass(frozen=True)
class SweepRecord:
    """The content of a sweep.toml: the question, and what a report says of its tasks and cells.

    `cells` has a description of each cell by its name. `trials_per_search` is how many trials the sweep
    planned for each search when it began.
    """

    config: SweepConfig
    tasks: Mapping[str, TaskInfo]
    cells: Mapping[str, str]
    trials_per_search: int

    @property
    def titles(self) -> dict[str, str]:
        """The title of each task, in the order of the sweep."""
        return {task: self.tasks[task].title for task in self.config.tasks}


def record_from_table(table: Mapping) -> SweepRecord:
    """Return the record of a sweep from the plain data of its sweep.toml, also of an older version.

    The space is exactly that of the table, where it has one. What the table does not say of a task or of a
    cell is its name, or empty.
    """
    about = table.get("about", {})
    config = config_from_table({key: value for key, value in table.items() if key not in ("space", "about")})
    if "space" in table:
        config = replace(config, space=spaces.space_from_table(table["space"]))
    known = {f.name for f in fields(TaskInfo)}
    tasks = {}
    for task in config.tasks:
        words = about.get("tasks", {}).get(task, {})
        tasks[task] = TaskInfo(**{"title": task} | {key: words[key] for key in words if key in known})
    cells = {cell: about.get("cells", {}).get(cell, "") for cell in config.cells}
    return SweepRecord(config, tasks, cells, about.get("trials_a_search", config.trials))
