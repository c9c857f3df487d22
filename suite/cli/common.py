"""What the commands share: options, and checks before training.

Nothing heavy is imported before a command needs it: `--help` and `list` must answer at once.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite import Refusal
from suite.keras_loader import load_keras

if TYPE_CHECKING:
    from suite.config import SweepConfig
    from suite.network import Network
    from suite.space import VariantSpace
    from suite.task import Split


class Backend(StrEnum):
    """The backends that populations train on."""

    tensorflow = "tensorflow"
    jax = "jax"


def export_data_folder(folder: Path | None) -> Path | None:
    """Set $ODYSSEY_DATA to the folder that an option names, and return it.

    A task with a file of the user's reads it before its data are loaded, for the number of its features.
    """
    if folder:
        os.environ["ODYSSEY_DATA"] = str(folder.resolve())
    return folder


DataOption = Annotated[
    Path | None,
    typer.Option(
        callback=export_data_folder,
        help="Folder that holds the data files.",
        show_default="$ODYSSEY_DATA; without it, files are downloaded",
    ),
]

BaselineOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The variant that all others are compared with.",
        show_default="lstm, or the first variant if there is no lstm",
    ),
]

BackendOption = Annotated[
    Backend | None, typer.Option(help="Backend of Keras.", show_default="$KERAS_BACKEND, or tensorflow")
]

ResultsArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Results folder of a finished or unfinished sweep.")
]


def select_backend(backend: Backend | None) -> None:
    """Choose the backend, before anything imports Keras."""
    chosen = backend or os.environ.get("KERAS_BACKEND") or Backend.tensorflow
    if chosen not in list(Backend):
        raise Refusal(
            f"backend {chosen!r}: populations train on tensorflow or jax; set KERAS_BACKEND or --backend"
        )
    os.environ["KERAS_BACKEND"] = str(chosen)


def split_names(parameter: str, texts: Iterable[str] | None) -> list[str]:
    """Return the names in the values of a parameter; a value may hold several names, separated by commas.

    A comma before key=value is part of a name, as in "lstm@layers=2,skip=yes". A missing name is refused.
    """
    names = []
    for text in texts or ():
        names += [name.strip() for name in re.split(r",(?![^,@]*=)", text)]
        if not all(names):
            raise Refusal(
                f"{parameter} {text!r}: expected names separated by commas, but a name is missing; "
                "add it, or remove the comma"
            )
    return names


def parse_integers(option: str, texts: Iterable[str] | None) -> list[int]:
    """Return the whole numbers in the values of an option; refuse other text and numbers below 1."""
    numbers = []
    for text in (part.strip() for value in texts or () for part in value.split(",")):
        if not text.isdecimal() or int(text) < 1:
            raise Refusal(
                f"{option}: expected whole numbers of at least 1, such as 32,100, got {text or 'no number'}"
            )
        numbers.append(int(text))
    return numbers


def canonical_config(config: "SweepConfig") -> "SweepConfig":
    """Return a configuration with the canonical names of its tasks and variants.

    Refused: an unknown name or option, a value that an option does not take, and two spellings of one name.
    """
    from suite import variants

    cells = canonical_names("cells", config.cells, variants.canonical_variant)
    return replace(
        config,
        tasks=canonical_names("tasks", config.tasks, canonical_task_name),
        cells=cells,
        baseline=listed_variant(config.baseline, cells),
        variant_spaces={variant: space for variant, space in canonical_spaces(config) if variant in cells},
    )


def canonical_spaces(config: "SweepConfig") -> Iterator[tuple[str, "VariantSpace"]]:
    """Yield the canonical name of each variant that has a space of its own, and this space."""
    from suite import variants

    for name, space in config.variant_spaces.items():
        yield variants.canonical_variant(name), space


def add_own_ranges(config: "SweepConfig") -> "SweepConfig":
    """Return a configuration with the ranges of the hyperparameters that cells declare for themselves.

    A range that the configuration has already is kept. Refused: a hyperparameter that its variant does not
    have, and a value that it does not take (`suite.variants.check_hyperparameters`).
    """
    from suite import variants

    variant_spaces = {}
    for name in config.cells:
        variant = variants.find_variant(name)
        declared = variant.cell.hyperparameters if variant.cell else {}
        own_space = {**declared, **config.variant_spaces.get(name, {})}
        variants.check_hyperparameters(variant, own_space, f"variant_spaces.{name}")
        if own_space:
            variant_spaces[name] = own_space
    return replace(config, variant_spaces=variant_spaces)


def change_declared_ranges(
    config: "SweepConfig", changes: Mapping[str, tuple[float, float]]
) -> "SweepConfig":
    """Return a configuration with other bounds of ranges that cells declare, for all variants of these cells.

    Refused: a name that no cell of the sweep declares, and an impossible range.
    """
    if not changes:  # as nearly always, so that no cell is imported
        return config
    from suite import registry, space, variants

    load_keras()
    cells = {name: variants.find_variant(name).cell for name in config.cells}
    declared = {name: cell.hyperparameters for name, cell in cells.items() if cell}
    known = {**config.space, **space.OPTIONAL_RANGES}
    for ranges in declared.values():
        known |= ranges
    variant_spaces = dict(config.variant_spaces)
    for key, bounds in changes.items():
        if key not in known:
            raise registry.unknown_name_error("hyperparameter", key, known)
        for name, ranges in declared.items():
            if key in ranges:
                given = variant_spaces.get(name, {})
                entry = given.get(key)
                old = entry if isinstance(entry, space.Range) else ranges[key]
                variant_spaces[name] = {**given, key: space.change_range(key, old, *bounds)}
    return replace(config, variant_spaces=variant_spaces)


def check_own_settings(config: "SweepConfig") -> None:
    """Refuse settings that a network of some trial does not fit, which would be found only in training.

    That is a rule of initial weights that no weight has, since a misspelt name changes nothing, or that
    cannot draw a weight; and a network that cannot carry a state, on a task that needs it.
    """
    import tasks
    from suite import initial_weights, variants

    definitions = [tasks.find_task(name) for name in config.tasks]
    networks: dict[str, Network] = {}
    for cell in config.cells:
        own_networks = {
            name: variants.find_network(name, definitions[0])
            for name in variants.trained_variants(cell, config.space_of(cell))
        }
        for task in definitions:
            if task.segment or task.steps_ahead:
                for name in own_networks:
                    variants.find_network(name, task).start_carry(lanes=1, batch=1, width=1)
        for pattern, rule in variants.drawn_rules(config.space_of(cell)):
            initial_weights.check_rules({pattern: rule}, own_networks)
        networks |= own_networks
    initial_weights.check_rules(config.protocol.initial_weights, networks)


def canonical_task_name(name: str) -> str:
    """Return the canonical name of a task; the module of a user's task with options may import Keras."""
    import tasks
    from suite import options

    if "@" in name and options.base_name(name) not in tasks.TASKS:
        load_keras()
    return tasks.canonical_task(name)


def canonical_names(setting: str, names: Iterable[str], canonical: Callable[[str], str]) -> tuple[str, ...]:
    """Return names in canonical form; refuse two spellings of one name, but not the same one twice."""
    spellings: dict[str, str] = {}
    for name in names:
        other = spellings.setdefault(canonical(name), name)
        if other != name:
            raise Refusal(f"{setting}: {other} and {name} are the same; leave one out")
    return tuple(map(canonical, names))


def listed_variant(name: str, listed: Iterable[str]) -> str:
    """Return the name of a variant as it is listed, if it is listed in another spelling."""
    from suite import variants

    return name if name in listed or "@" not in name else variants.canonical_variant(name)


def validate_and_load(config: "SweepConfig", data: Path | None) -> dict[str, Mapping[str, "Split"]]:
    """Refuse tasks and variants that cannot be trained; return the data of every task."""
    import tasks
    from suite import cells, options, variants
    from tasks.data import user_data_folder

    config.validate()
    if data:
        user_data_folder(data)  # refuses it if it is none
    for name in config.cells:  # names first: they cost nothing to check
        variants.canonical_variant(name)
    for name in config.tasks:
        if ":" not in name:
            tasks.find_task(name)
    load_keras()  # before a task or cell of the user's imports it
    from suite.cells.check import check_cell
    from suite.search.work_unit import cached_splits

    splits = {name: cached_splits(name, data) for name in config.tasks}

    for task in map(tasks.find_task, config.tasks):
        if task.segment or task.steps_ahead:
            for name in config.cells:  # refuses those that cannot carry a state
                variants.find_network(name, task).start_carry(lanes=1, batch=1, width=1)
    cell_of = {options.base_name(name): variants.find_variant(name).cell for name in config.cells}
    for name, cell in cell_of.items():
        if cell and name not in cells.BUILTIN_CELLS:  # the tests checked those
            check_cell(name, cell)
    return splits
