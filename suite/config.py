"""The configuration of a sweep as typed data: checked, read from presets, written to sweep.toml."""

import math
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from suite import Refusal, files, options, registry
from suite import space as spaces
from suite.setting_checks import SETTING_CHECKS, expect_table

# Hyperband's reduction factor: one in three trials continues, for three times as many epochs
HYPERBAND_FACTOR = 3
PRESET_FOLDER = Path(__file__).parent / "presets"
OLDER_TRIVIAL_SCORES = {"adding": 1 / 6, "sequential_digits": 0.9}  # of sweeps that do not say them
VANILLA = "lstm"  # the variant that published claims are about, and the default baseline


@dataclass(frozen=True)
class Protocol:
    """How a trial is trained; the defaults are those of Greff et al. (2017).

    A trial trains for at most `epochs` epochs and stops early after more than `patience` epochs without a
    better validation score. Weights are updated after every `batch` sequences, by the rule `optimiser` of
    `suite.training.optimiser`. `initial_weights` holds rules by patterns of the names of weights, which come
    after the paper's, N(0, 0.1²) for all, and after those of a cell (`suite.initial_weights`).
    """

    epochs: int = 150
    patience: int = 15
    batch: int = 1
    optimiser: str = "nesterov"
    initial_weights: Mapping[str, str] = field(default_factory=dict)


def trials_by_epochs(oracle: str, trials: int, epochs: int) -> Counter[int]:
    """Return the number of trials of a search by the epochs that they may train: {epochs: trials}.

    Random and Bayesian search hold the `trials` of the configuration. Hyperband derives the number from
    `epochs`, the most that a trial may train, as KerasTuner's `HyperbandOracle` does: bracket b starts with
    trials of epochs / 3ᵇ epochs, and b times the best third continue for three times as long.
    """
    if oracle != "hyperband":
        return Counter({epochs: trials})
    counts: Counter[int] = Counter()
    brackets = 0
    while epochs / HYPERBAND_FACTOR**brackets >= 1:
        brackets += 1
    for bracket in range(brackets):
        # How many trials of this bracket may train for all epochs, before rounding
        trials_to_full_epochs = math.ceil(1 + math.log(epochs, HYPERBAND_FACTOR)) / (bracket + 1)
        for halvings in range(bracket + 1):
            trials_here = math.ceil(trials_to_full_epochs * HYPERBAND_FACTOR**halvings)
            counts[math.ceil(epochs / HYPERBAND_FACTOR**halvings)] += trials_here
    return counts


@dataclass(frozen=True)
class SweepConfig:
    """The configuration of a sweep: the same one gives the same rows, on any number of workers.

    `name`, `title` and `baseline` change no row. `baseline` is the variant that a report compares the others
    with; empty for the default, `baseline_variant`. `variant_spaces` holds, by variant, the ranges that
    differ from those of `space`, and the hyperparameters that only this variant has.
    """

    name: str
    title: str = ""
    seed: int = 1
    tasks: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    baseline: str = ""
    trials: int = 200
    oracle: str = "random"
    protocol: Protocol = Protocol()
    space: spaces.Space = field(default_factory=lambda: spaces.PAPER_SPACE)
    variant_spaces: Mapping[str, spaces.VariantSpace] = field(default_factory=dict)

    def space_of(self, variant: str) -> spaces.VariantSpace:
        """Return the space that the trials of a variant are drawn from."""
        return {**self.space, **self.variant_spaces.get(variant, {})}

    def shared_space_of(self, variant: str) -> spaces.Space:
        """Return the hyperparameters that all variants have, with the ranges of one variant."""
        ranges = {
            name: entry for name, entry in self.space_of(variant).items() if isinstance(entry, spaces.Range)
        }
        return {name: ranges[name] for name in self.space}

    @property
    def hyperparameters(self) -> list[str]:
        """The names of the hyperparameters of all variants, in order; those of single variants come last."""
        own = [name for space in self.variant_spaces.values() for name in space]
        return list(dict.fromkeys([*self.space, *own]))

    @property
    def text_hyperparameters(self) -> set[str]:
        """The names of the hyperparameters that some variant chooses from texts."""
        return {
            name
            for space in self.variant_spaces.values()
            for name, entry in space.items()
            if isinstance(entry, spaces.Choice)
        }

    @property
    def baseline_variant(self) -> str:
        """The variant that the others are compared with: `baseline`, or the default if it is empty."""
        return self.baseline or default_baseline(self.cells)

    @property
    def trials_per_search(self) -> int:
        """How many trials each search holds: `trials`, unless the oracle is Hyperband."""
        return self._trials_by_epochs.total()

    @property
    def epochs_per_search(self) -> int:
        """The maximum total number of epochs of all trials of each search."""
        return sum(epochs * trials for epochs, trials in self._trials_by_epochs.items())

    @property
    def _trials_by_epochs(self) -> Counter[int]:
        return trials_by_epochs(self.oracle, self.trials, self.protocol.epochs)

    def validate(self) -> None:
        """Refuse a configuration that cannot be run, in one line."""
        for key, value in (asdict(self) | asdict(self.protocol)).items():
            if key != "protocol":
                SETTING_CHECKS[key](key, value)
        for key in ("tasks", "cells"):
            if not getattr(self, key):
                raise Refusal(f"{key}: expected distinct names, got none")
        check_baseline(self.baseline, self.cells)
        for space in (self.space, *self.variant_spaces.values()):
            for name, entry in space.items():
                if isinstance(entry, spaces.Range):
                    spaces.check_range(name, entry)

    def to_table(self) -> dict:
        """Return the configuration as plain data, as in sweep.toml; an empty baseline is left out."""
        table = asdict(self) | asdict(self.protocol)
        del table["protocol"]
        table["variant_spaces"] = {
            variant: spaces.space_to_table(space) for variant, space in self.variant_spaces.items()
        }
        for key in ("baseline", "initial_weights", "variant_spaces"):
            if not table[key]:
                del table[key]
        return table | {
            "tasks": list(self.tasks),
            "cells": list(self.cells),
            "space": spaces.space_to_table(self.space),
        }


def default_baseline(cells: Sequence[str]) -> str:
    """Return the default baseline: vanilla, or the first variant in a sweep without vanilla."""
    return VANILLA if VANILLA in cells else next(iter(cells), "")


def check_baseline(baseline: str, cells: Sequence[str]) -> None:
    """Refuse a baseline that is not one of the variants of the sweep; empty is the default."""
    if baseline and baseline not in cells:
        hint = registry.did_you_mean(baseline, cells)
        raise Refusal(f"baseline: no variant {baseline!r} in this sweep.{hint} It has: {', '.join(cells)}")


def load_preset(name: str) -> SweepConfig:
    """Return the configuration of a preset, by its name or as the path of a TOML file."""
    built_in = not name.endswith(".toml")
    path = PRESET_FOLDER / f"{name}.toml" if built_in else Path(name)
    if built_in and not path.exists():
        files_here = [str(file) for file in Path().glob("*.toml")]
        raise registry.unknown_name_error("preset", name, [*preset_names(), *files_here])
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        hint = files.nearest_path_hint(path)
        raise Refusal(f"{path}: expected TOML in UTF-8, cannot read it ({error}){hint}") from None
    try:
        return config_from_table({"name": path.stem} | table)
    except Refusal as refusal:
        raise Refusal(f"{path}: {refusal}") from None


def preset_names() -> list[str]:
    """Return the names of the presets."""
    return sorted(path.stem for path in PRESET_FOLDER.glob("*.toml"))


def config_from_table(table: dict) -> SweepConfig:
    """Return the configuration in plain data; missing settings and ranges are those of the paper.

    Unknown settings, values of another type, and a baseline that is not one of the cells are refused here;
    missing tasks or cells are refused only by `SweepConfig.validate`.
    """
    for key, value in table.items():
        if key not in SETTING_CHECKS:
            raise registry.unknown_name_error("setting", key, sorted(SETTING_CHECKS))
        SETTING_CHECKS[key](key, value)
    if "cells" in table:
        check_baseline(table.get("baseline", ""), table["cells"])
        for variant in table.get("variant_spaces", {}):
            if variant not in table["cells"]:
                raise registry.unknown_name_error("variant in variant_spaces", variant, table["cells"])
    protocol_keys = {f.name for f in fields(Protocol)}
    ranges = {name: spaces.parse_range_bounds(name, entry) for name, entry in table.get("space", {}).items()}
    sweep_settings = {
        key: table[key]
        for key in table.keys() - protocol_keys - {"space", "variant_spaces", "tasks", "cells", "about"}
    }
    return SweepConfig(
        **sweep_settings,
        tasks=tuple(table.get("tasks", ())),
        cells=tuple(table.get("cells", ())),
        protocol=Protocol(**{key: table[key] for key in protocol_keys & table.keys()}),
        space=spaces.override_ranges(spaces.PAPER_SPACE, ranges),
        variant_spaces={
            variant: own_space(variant, entry) for variant, entry in table.get("variant_spaces", {}).items()
        },
    )


def own_space(variant: str, table: object) -> spaces.VariantSpace:
    """Return the space of one variant from plain data; refuse a range that is not as in `space`.

    A hyperparameter that only this variant has is a range of its own kind, or a choice.
    """
    key = f"variant_spaces.{variant}"
    expect_table(key, table)
    assert isinstance(table, dict)
    known = {**spaces.PAPER_SPACE, **spaces.OPTIONAL_RANGES}
    shared = {
        name: spaces.parse_range_bounds(name, entry, key) for name, entry in table.items() if name in known
    }
    own = {
        name: spaces.parse_hyperparameter(name, entry, key)
        for name, entry in table.items()
        if name not in known
    }
    ranges = spaces.override_ranges(spaces.PAPER_SPACE, shared)
    return {name: ranges[name] for name in shared} | own


@dataclass(frozen=True)
class TaskInfo:
    """The description of a task in a sweep: texts, sequences per split, steps of the training split.

    `trivial` is the score of the best constant answer, None where it is not known (`suite.task`).
    """

    title: str
    unit: str = ""
    source: str = ""
    train: int = 0
    valid: int = 0
    test: int = 0
    steps: int = 0
    trivial: float | None = None


@dataclass(frozen=True)
class SweepRecord:
    """The content of a sweep.toml: the configuration, and descriptions of its tasks and cells for a report.

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

    @property
    def trivial_scores(self) -> dict[str, float]:
        """The score of the best constant answer to each task, where it is known."""
        return {task: info.trivial for task, info in self.tasks.items() if info.trivial is not None}


def record_from_table(table: Mapping) -> SweepRecord:
    """Return the record of a sweep from the plain data of its sweep.toml, also of an older version.

    If the table has a space, it is used without additions. Missing descriptions of a task or a cell become
    its name, or stay empty.
    """
    about = table.get("about", {})
    config = config_from_table({key: value for key, value in table.items() if key not in ("space", "about")})
    if "space" in table:
        config = replace(config, space=spaces.space_from_table(table["space"]))
    info_fields = {f.name for f in fields(TaskInfo)}
    tasks = {}
    for task in config.tasks:
        words = about.get("tasks", {}).get(task, {})
        known = {key: words[key] for key in words if key in info_fields}
        tasks[task] = TaskInfo(
            **{"title": task, "trivial": OLDER_TRIVIAL_SCORES.get(options.base_name(task))} | known
        )
    cells = {cell: about.get("cells", {}).get(cell, "") for cell in config.cells}
    return SweepRecord(config, tasks, cells, about.get("trials_a_search", config.trials))
