"""Variants: the networks under comparison, by name: a cell or a baseline, with options.

`lstm`, `gru@layers=2`, `lstm@direction=both,layers=3`, `window@steps=16`, `module:Cell@layers=2`.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from suite import Refusal, cells, options, registry
from suite.initial_weights import is_weight_pattern, parse_rule
from suite.keras_loader import load_keras
from suite.options import Between
from suite.space import OPTIONAL_RANGES, PAPER_SPACE, Choice, VariantSpace, check_range
from suite.task import Task

if TYPE_CHECKING:
    from suite.cells.base import Cell
    from suite.layers.base import Layer
    from suite.network import Network

Direction = Literal["forward", "both"]

BUILTIN_BASELINES = {
    "linear": "suite.baselines:linear",
    "window": "suite.baselines:window",
    "conv": "suite.baselines:conv",
}


@dataclass(frozen=True)
class Variant:
    """A network under comparison: its canonical name, and its layers between the inputs and the head.

    `layers` is a function of the direction of its recurrent layers, if the variant does not say it, and
    returns the layers by name. `cell` is the cell of its recurrent layers, None for a baseline.
    """

    name: str
    layers: "Callable[[Direction], Mapping[str, Layer]]"
    cell: "type[Cell] | None"

    def network(self, task: Task) -> "Network":
        """Return the variant as a network for a task."""
        from suite.axis import Axis
        from suite.layers.base import Stack
        from suite.layers.feedforward import Embedding, InputNoise
        from suite.layers.head import Head
        from suite.network import Network

        inputs: dict[str, Layer] = {} if task.inputs == "none" else {"noise": InputNoise()}
        if task.inputs == "symbols":
            inputs = {"embedding": Embedding(), **inputs}
        layers = Stack({**inputs, **self.layers(task.direction)})
        head = Head(
            outputs=task.outputs,
            answers=task.answers,
            loss=task.loss,
            metric=task.metric,
            steps_ahead=task.steps_ahead,
            success_tolerance=task.success_tolerance,
            class_weights=task.class_weights,
        )
        return Network(layers, head, Axis(fixed=task.features))


def recurrent_layers(
    cell: "type[Cell]",
    task_direction: Direction = "forward",
    *,
    layers: Annotated[int, Between(1, 16)] = 1,
    direction: Literal["task", "forward", "both"] = "task",
    skip: bool = False,
    output: Literal["linear", "deep"] = "linear",
    transition: Annotated[int, Between(0, 16)] = 0,
    shortcut: bool = False,
) -> "Mapping[str, Layer]":
    """Return the layers of a recurrent network by name.

    - `layers`: recurrent layers, one on top of the other.
    - `direction`: of each layer; with "both", it reads every sequence forward and backward; with "task", it
      is that of the task (`suite.task.Task`).
    - `skip`: whether all layers see the inputs, and the readout sees all layers (Graves, 2013).
    - `output`: "deep" has a hidden layer before the readout (Pascanu et al., 2014).
    - `transition`: hidden layers that h passes through from one step to the next, and `shortcut` whether h is
      added to their results (Pascanu et al., 2014).
    """
    from suite.cells.transition import deep_transition
    from suite.layers.base import Layer, Stack
    from suite.layers.feedforward import Dense
    from suite.layers.recurrent import Bidirectional, Recurrent

    if transition:
        cell = deep_transition(cell, transition, shortcut)
    reads_both = (task_direction if direction == "task" else direction) == "both"
    layer: Layer = Bidirectional(Recurrent(cell)) if reads_both else Recurrent(cell)
    stack = layer if layers == 1 else Stack({str(k + 1): layer for k in range(layers)}, skip)
    return {"recurrent": stack} | ({"dense": Dense()} if output == "deep" else {})


def cell_variant(cell: "type[Cell]") -> Variant:
    """Return the variant of a cell without options, by its class."""
    return Variant(cell.__name__, functools.partial(recurrent_layers, cell), cell)


def baseline_references() -> dict[str, str]:
    """Return the reference of every baseline by name: those listed here, then those of installed packages."""
    return registry.merge_entry_points(BUILTIN_BASELINES, group="odyssey.baselines")


def variant_references() -> dict[str, str]:
    """Return the reference of every cell and baseline by name."""
    return cells.cell_references() | baseline_references()


def variant_reference(name: str) -> str:
    """Return the reference "module:attribute" of the cell or baseline of a variant."""
    base = options.base_name(name)
    return variant_references().get(base, base)


def options_function(name: str) -> tuple[str, Callable[..., Mapping[str, "Layer"]]]:
    """Return what a variant is, "cell" or "baseline", and the function of its options.

    Refuses an unknown name. Keras is loaded only for a baseline of another package, whose module may import
    it: no cell is imported, and the modules of the suite's own baselines need no Keras.
    """
    base, references = options.base_name(name), baseline_references()
    if base in references:
        if base not in BUILTIN_BASELINES:
            load_keras()
        return "baseline", registry.resolve_reference("baseline", base, references)
    if ":" not in base and base not in cells.cell_references():
        raise registry.unknown_name_error("cell or baseline", base, variant_references())
    return "cell", recurrent_layers


def canonical_variant(name: str) -> str:
    """Return the canonical name of a variant; refuse an unknown name or option, or another value.

    The class of a cell is not imported.
    """
    kind, function = options_function(name)
    return options.canonical_name(kind, name, function)


def trial_variant(name: str, hyperparameters: Mapping[str, float | str]) -> str:
    """Return the name of the variant that a trial trains: with those options that are hyperparameters.

    If the space of "lstm" has a range of "layers", a trial that drew 2 trains "lstm@layers=2"; if it has a
    choice of "direction", one that drew "both" trains "lstm@direction=both".
    """
    own = hyperparameters.keys() - PAPER_SPACE.keys() - OPTIONAL_RANGES.keys()
    if not own:  # as in nearly all sweeps, of which the driver asks for every trial
        return name
    kind, function = options_function(name)
    drawn = own & options.find_options(kind, name, function).keys()
    if not drawn:
        return name
    base, _, given = name.partition("@")
    texts = [*filter(None, [given]), *(f"{key}={hyperparameters[key]}" for key in sorted(drawn))]
    return canonical_variant(f"{base}@{','.join(texts)}")


def find_variant(name: str) -> Variant:
    """Return a variant by its name with options; refuse an unknown name or option, or another value."""
    kind, function = options_function(name)
    if kind == "baseline":
        canonical, layers = options.call_with_options(kind, name, function)
        return Variant(canonical, lambda direction: layers, None)
    cell = cells.find_cell(options.base_name(name))
    canonical, values = (
        options.canonical_name(kind, name, function),
        options.parse_options(kind, name, function),
    )
    return Variant(canonical, functools.partial(function, cell, **values), cell)


def trained_variants(name: str, space: VariantSpace) -> list[str]:
    """Return the variants that the trials of a search train, as far as they differ in one drawn option.

    Of a range of whole numbers, these are its ends.
    """
    names = [name]
    for key, entry in space.items():
        values = entry.values if isinstance(entry, Choice) else (entry.low, entry.high)
        names += [trial_variant(name, {key: value}) for value in values]
    return list(dict.fromkeys(names))


def drawn_rules(space: VariantSpace) -> Iterator[tuple[str, str]]:
    """Yield each rule of initial weights that trials may draw, after the pattern of its weights."""
    for name, entry in space.items():
        if isinstance(entry, Choice) and is_weight_pattern(name):
            yield from ((name, rule) for rule in entry.values)


def check_hyperparameters(variant: Variant, space: VariantSpace, table: str) -> None:
    """Refuse a hyperparameter that a variant does not have, and values that it does not take.

    A variant has the hyperparameters of all variants and those of its cell, which are numbers; its options;
    and rules of initial weights by patterns of names. `table` is the name of the space in messages.
    """
    kind, function = options_function(variant.name)
    own_options = options.find_options(kind, variant.name, function)
    numbers = {**PAPER_SPACE, **OPTIONAL_RANGES, **(variant.cell.hyperparameters if variant.cell else {})}
    for name, entry in space.items():
        values = entry.values if isinstance(entry, Choice) else (entry.low, entry.high)
        if name in own_options:
            if not (isinstance(entry, Choice) or entry.whole):
                raise Refusal(f"{table}.{name}: expected whole numbers; add whole = true")
            for value in values:
                trial_variant(variant.name, {name: value})  # refuses what the option does not take
        elif name in numbers:
            if isinstance(entry, Choice):
                raise Refusal(f"{table}.{name}: expected low and high of a number, got values")
            check_range(name, entry)
        elif is_weight_pattern(name):
            for value in values:
                parse_rule(str(value))
        else:
            raise registry.unknown_name_error(
                f"hyperparameter of {variant.name}", name, {**numbers, **own_options}
            )


def find_network(variant: str, task: Task) -> "Network":
    """Return the network of a variant, by name, for a task."""
    return find_variant(variant).network(task)
