"""Checks that a class keeps the rules of a cell, before any time is spent on training it.

The checks are, in this order: its declarations; its weights and layers; what its step returns, and whether
the step can be compiled; last, what it computes. The time loop runs trials in lanes, pads them, and computes
gradients of matrices after the loop; outputs and gradients must equal those of automatic differentiation of
one step after the other, which is what `keras.layers.RNN` does.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from suite import Refusal
from suite.axis import Axis
from suite.backend import trace
from suite.cells.base import Cell, LinearCell, with_lanes_axis
from suite.cells.evaluation import (
    BATCH,
    FEATURES,
    LANE_UNITS,
    STEPS,
    WIDTH,
    build_cell,
    evaluate_cell,
    try_step,
)
from suite.registry import describe_error
from suite.space import OPTIONAL_RANGES, PAPER_SPACE, Range

LOOP_TOLERANCE = 1e-3  # relative to the largest entry: far above rounding in float32, far below a wrong term
RESERVED_METHODS = ("affine", "product", "project", "advance", "with_weights", "call")

NO_RANDOMNESS_ADVICE = "and the time loop has no random numbers for cells yet: leave it out"
RANDOM_STEP_FAULT = f"its step draws at random (the same arguments gave two results), {NO_RANDOMNESS_ADVICE}"
RAW_INPUT_FAULT = (
    "its step uses x itself, but the time loop has only W x + b: pass x to self.affine(group, x, h) or "
    "self.project(group, x)"
)
PADDING_FAULT = (
    "depends on the padding of its lane: average over units with self.mean and self.variance, pass to "
    "self.product only what is zero in the padding (self.masked makes it so), do not compute with self.units"
)


CELL_RULES = {  # the rules for a cell, in the order in which they are checked
    "declarations": "gates, peepholes, states and recurrent matrices are declared with the right types",
    "methods": "all computation is in the step, which takes x and each declared state",
    "weights": "it owns the declared weights, in the declared shapes, and nothing else that is trained",
    "input": "the step reads x through project and affine alone",
    "step": "the step returns the declared states in their shapes, with and without an axis of lanes",
    "compilation": "the step can be compiled",
    "finite values": "states and gradients are finite for standard normal inputs",
    "randomness": "the same arguments give the same result",
    "lanes": "a trial in a lane gives the same result as the trial alone",
    "gradients": "gradients of the time loop equal those of automatic differentiation",
    "padding of steps": "steps of padding after the end of a sequence change nothing",
    "padding of units": "units of padding in a lane change nothing",
}
STEP_RULES = ("input", "step", "compilation")  # checked together, until one of them is broken
COMPARISON_RULES = ("gradients", "padding of steps", "padding of units")  # checked last, all of them


def check_cell(name: str, cell: type[Cell]) -> None:
    """Refuse a cell that cannot be trained, or whose training would differ from its equations.

    `name` is the user's name for the cell; the message states the first fault. The check takes about half a
    second: the arrays are tiny.
    """
    for fault in filter(None, cell_faults(cell).values()):
        raise Refusal(f"cell {name}: {fault}")


def cell_faults(cell: type[Cell]) -> dict[str, str]:
    """Return the fault of a cell for each rule (`CELL_RULES`), "" for a rule that it keeps.

    A rule that depends on a broken rule is not checked, and is left out.
    """
    results = {}
    for rule, faults in (
        ("declarations", declaration_faults),
        ("methods", method_faults),
        ("weights", ownership_faults),
    ):
        results[rule] = next(faults(cell), "")
        if results[rule]:
            return results
    broken: dict[str, str] = {}
    for rule, fault in computation_faults(cell):
        broken.setdefault(rule, fault)
    first_broken = next(iter(broken), COMPARISON_RULES[0])
    if first_broken in STEP_RULES:
        return results | broken
    rules = list(CELL_RULES)
    checked = rules if first_broken in COMPARISON_RULES else rules[: rules.index(first_broken)]
    return dict.fromkeys(checked, "") | broken


def declaration_faults(cell: type[Cell]) -> Iterator[str]:
    """Yield the faults in the declarations of a cell."""
    examples = {"gates": '("zifo",)', "input_gates": '("z",)', "states": '("h", "c")', "fixed": '("R/*",)'}
    for name, example in examples.items():
        value = getattr(cell, name)
        if not (isinstance(value, tuple | list) and all(isinstance(n, str) and n for n in value)):
            yield f"{name}: expected a tuple of strings such as {example}, with its comma, got {value!r}"
        entries = "".join(value) if name.endswith("gates") else value
        if len(set(entries)) < len(entries):
            kind = "letter" if name.endswith("gates") else "name"
            yield f"{name}: expected a different {kind} for each, got {value}"
    if not cell.states:
        yield "states: expected at least the output, h, got none"
    if not isinstance(cell.peepholes, str) or len(set(cell.peepholes)) < len(cell.peepholes):
        yield f"peepholes: expected a string of letters, one per gate, such as 'ifo', got {cell.peepholes!r}"
    if issubclass(cell, LinearCell) and (cell.gates or cell.recurrent or len(cell.states) > 1):
        yield "a linear recurrence has input_gates in place of gates, no recurrent matrix, and one state, h"
    if both := set("".join(cell.gates)) & set("".join(cell.input_gates)):
        yield f"gates and input_gates: expected each letter in one of them, got {sorted(both)} in both"
    for name, example in {"recurrent": "{'G': (3, 3)}", "vectors": "{'g': 4}", "state_axes": "{}"}.items():
        if not isinstance(getattr(cell, name), dict):
            yield f"{name}: expected a dict such as {example}, got {getattr(cell, name)!r}"
    for name, units in cell.vectors.items():
        if not (isinstance(units, int) and units > 0):
            yield f"vectors: expected a number of units times N of at least 1, got {name!r}: {units!r}"
    for name, axes in cell.state_axes.items():
        if name not in cell.states or name == cell.states[0]:
            yield f"state_axes: expected names of states but the output, {cell.states[1:]}, got {name!r}"
        if not (isinstance(axes, tuple) and all(isinstance(axis, Axis) for axis in axes)):
            yield f"state_axes: expected a tuple of suite.axis.Axis for {name!r}, got {axes!r}"
    own = cell.hyperparameters
    if not (isinstance(own, dict) and all(isinstance(range_, Range) for range_ in own.values())):
        yield f"hyperparameters: expected a dict of suite.space.Range such as Range(0.0, 0.5), got {own!r}"
    if shared := [name for name in own if name in {**PAPER_SPACE, **OPTIONAL_RANGES}]:
        yield f"hyperparameters: expected names that are not those of every trial, got {', '.join(shared)}"
    for name, shape in cell.recurrent.items():
        pair = isinstance(shape, tuple | list) and len(shape) == 2
        if name in cell.gates or not (pair and all(isinstance(n, int) and n > 0 for n in shape)):
            yield (
                "recurrent: expected names other than the groups of gates, each with (rows, columns) counted "
                f"in units, got {name!r}: {shape!r}"
            )


def method_faults(cell: type[Cell]) -> Iterator[str]:
    """Yield the methods of `Cell` that a cell must not replace, and faults in the arguments of its step."""
    for name in RESERVED_METHODS:
        if getattr(cell, name) is not getattr(Cell, name):
            yield f"it defines its own method {name}, which the time loop does not use: define only step"
    if not callable(cell.step):
        yield f"expected its step to be a method, got {cell.step!r}"
    signature = inspect.signature(cell.step)
    if "training" in signature.parameters:
        yield f"its step has an argument training, {NO_RANDOMNESS_ADVICE}"
    try:
        signature.bind(None, None, *cell.states)
    except TypeError as error:
        expected = ", ".join(("self", "x", *cell.states))
        yield f"expected step({expected}), as its states are {cell.states}, got step{signature} ({error})"


def ownership_faults(cell: type[Cell]) -> Iterator[str]:
    """Yield the layers, weights and random generators of a cell that the time loop would not train or run."""
    for lanes in (None, len(LANE_UNITS)):
        try:
            layer = build_cell(cell, WIDTH, lanes)
            weights = layer.weights_by_name
        except Exception as error:
            yield f"it could not be built: {describe_error(error)}"
        layers = list(layer._flatten_layers())  # the cell itself is the first
        if random_layers := [part for part in layers if len(part.variables) > len(part.weights)]:
            # a variable that is no weight is the state of a seed generator; the cell has those of its layers
            names = ", ".join(map(class_name, random_layers[1:] or random_layers))
            yield f"it draws at random ({names}), {NO_RANDOMNESS_ADVICE}"
        if layers[1:]:
            yield (
                f"it owns another layer ({', '.join(map(class_name, layers[1:]))}), which the time loop "
                "would not train: write its equations in step, with self.mean and self.variance to normalise"
            )
        shapes = {name: with_lanes_axis(shape, lanes) for name, shape in cell.shapes(FEATURES, WIDTH).items()}
        declared = {id(weight) for weight in weights.values()}
        if undeclared := [weight.name for weight in layer.weights if id(weight) not in declared]:
            yield (
                f"it owns a weight ({', '.join(undeclared)}) that is not among its shapes, which the time "
                "loop would not train: declare it in gates, peepholes or recurrent"
            )
        got = {name: tuple(weight.shape) for name, weight in weights.items()}
        if got != shapes:
            yield f"expected its weights to be those of shapes, {shapes}, got {got}"


def step_faults(cell: type[Cell]) -> Iterator[tuple[str, str]]:
    """Yield, with its rule, why a step raises or returns no states.

    The step is tried alone, with an axis of lanes, and as in the time loop.
    """
    for lanes in (None, len(LANE_UNITS)):
        error, results = try_step(run_eagerly, cell, lanes)
        if isinstance(error, KeyError):
            names = *cell.groups(), *cell.recurrent, *cell.vectors
            known_names = ", ".join(map(repr, names)) or "none"
            yield "step", f"its step uses the weights of {error}, but there are only those of {known_names}"
        if error:
            in_loop, _ = try_step(run_eagerly, cell, lanes, projected=True)
            if not in_loop:
                reason = describe_error(error)
                advice = "use self.project(group, x), which returns W x + b"
                yield "input", f"its step takes x apart: {advice} ({reason})"
            if "dict" in str(in_loop):  # the time loop passes a dict as x
                yield "input", f"{RAW_INPUT_FAULT} ({describe_error(error)})"
            lanes_text = " (with an axis of lanes before that of the batch)" if lanes else ""
            yield "step", f"its step raised {describe_error(error)}{lanes_text}"
        leading = (BATCH,) if lanes is None else (lanes, BATCH)
        expected_shapes = [(*leading, *shape) for shape in cell.state_shapes(WIDTH)]
        shapes = [tuple(s.shape) if hasattr(s, "shape") else type(s).__name__ for s in results[0]]
        if shapes != expected_shapes:
            expected = f"states ({', '.join(cell.states)}) of shapes {expected_shapes}"
            yield "step", f"expected its step to return {expected}, got {shapes}"
        if not all(
            equal_up_to_rounding(*map(ops.convert_to_numpy, states)) for states in zip(*results, strict=True)
        ):
            yield "step", RANDOM_STEP_FAULT
        error, _ = try_step(trace, cell, lanes)
        if error:
            yield (
                "compilation",
                "its step cannot be compiled: use keras.ops, not NumPy, and no Python `if` or float() on an "
                f"array ({describe_error(error)})",
            )
    error, _ = try_step(trace, cell, len(LANE_UNITS), projected=True)
    if error:
        yield "input", f"{RAW_INPUT_FAULT} ({describe_error(error)})"


def computation_faults(cell: type[Cell]) -> Iterator[tuple[str, str]]:
    """Yield, with its rule, how the time loop differs from automatic differentiation step by step."""
    error, _ = try_step(trace, cell, len(LANE_UNITS), projected=True)
    try:
        if error:
            raise error
        stepwise, repeated, loops = evaluate_cell(cell)
    except Exception as error:
        yield next(step_faults(cell), ("step", f"its step fails in the time loop: {describe_error(error)}"))
        return
    for name, value in stepwise.items():
        if not np.isfinite(value).all():
            verb = "returns" if name == "h" else f"has, by {name}, a gradient of"
            fault = f"its step {verb} NaN or infinity within {STEPS} steps of standard normal inputs"
            yield "finite values", fault
            return
    if not equal_up_to_rounding(*repeated):
        yield "randomness", RANDOM_STEP_FAULT
        return
    yield from comparison_faults(stepwise, loops)


def comparison_faults(
    stepwise: Mapping[str, np.ndarray], loops: Sequence[Mapping[str, np.ndarray]]
) -> Iterator[tuple[str, str]]:
    """Yield, with its rule, how the time loop differs from a cell's own steps (`evaluate_cell`).

    The first trial has all units, the second is padded; the second of the loops has a step of padding, too.
    """
    for loop in loops:
        if not equal_up_to_rounding(loop["h"][0], stepwise["h"][0]):
            advice = "compute elementwise, use self.mean along the last axis"
            yield "lanes", f"its step mixes sequences or lanes: {advice}"
            return
    for name, expected in stepwise.items():
        equal = [equal_up_to_rounding(loop[name][0], expected[0]) for loop in loops]
        if not equal[0]:
            yield (
                "gradients",
                f"its gradient by {name} in the time loop is not that of automatic differentiation: use "
                "matrices only through self.affine and self.product",
            )
        elif not all(equal):
            yield (
                "padding of steps",
                f"its gradient by {name} depends on the padding after the end of a sequence: keep states "
                "finite however many steps of zeros follow",
            )
        elif not all(equal_up_to_rounding(loop[name][1], expected[1]) for loop in loops):
            gradient_text = "" if name == "h" else f", in its gradient by {name},"
            yield "padding of units", f"its step{gradient_text} {PADDING_FAULT}"


def run_eagerly(f: Callable[..., object], *args: Any) -> None:
    """Call a function on values, without the backend's compiler."""
    f(*args)


def class_name(layer: object) -> str:
    """Return the name of the class of a layer."""
    return type(layer).__name__


def equal_up_to_rounding(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays are equal up to rounding, relative to the largest entry of b."""
    return bool(np.abs(a - b).max() <= LOOP_TOLERANCE * np.abs(b).max() + 1e-6)
