"""Whether a class keeps the promises of a cell, before any training is spent on it.

First what it declares, then what it owns, then what its step returns and whether that can be compiled. Last,
what it computes: in the time loop, with lanes, padding, and gradients that the loop defers, it must do as
plain differentiation of one step after the other, which is what `keras.layers.RNN` does.
"""

import inspect
import itertools
from collections.abc import Iterator

import numpy as np
from keras import ops

from suite import Refusal
from suite.backend import trace
from suite.cells.base import Cell, laned
from suite.cells.evaluation import BATCH, FEATURES, STEPS, UNITS, WIDTH, attempt, build, evaluated
from suite.registry import described

TOLERANCE = 1e-3  # relative to the largest entry: far above rounding in float32, far below a wrong term
INHERITED = ("affine", "product", "project", "advance", "call")

NOT_RANDOM = "and the time loop has no randomness for cells yet: leave it out"
RANDOM = f"its step draws at random (the same arguments gave two results), {NOT_RANDOM}"
USES_X = (
    "its step uses x itself, of which the time loop has W x + b alone: hand it to self.affine(group, x, h) "
    "or self.project(group, x)"
)
PADDING = (
    "depends on how wide its lane is padded: average over units with self.mean and self.variance, give "
    "self.product only what is zero in the padding (self.masked makes it so), do not compute with self.units"
)


def check(name: str, cell: type) -> None:
    """Refuse a cell that would be trained otherwise than it is written, or not at all, in one line.

    `cell` is a subclass of `Cell`, asked for by `name`. This takes about half a second: the arrays are tiny.
    """
    for fault in itertools.chain(declared(cell), inherited(cell), owned(cell), computed(cell)):
        raise Refusal(f"cell {name}: {fault}")


def declared(cell: type) -> Iterator[str]:
    """Yield what is wrong with the declarations of a cell."""
    for name, example in {"gates": '("zifo",)', "states": '("h", "c")'}.items():
        given = getattr(cell, name)
        if not (isinstance(given, tuple | list) and all(isinstance(n, str) and n for n in given)):
            yield f"{name}: expected a tuple of strings such as {example}, with its comma, got {given!r}"
        every = "".join(given) if name == "gates" else given
        if len(set(every)) < len(every):
            yield f"{name}: expected a {'letter' if name == 'gates' else 'name'} for each alone, got {given}"
    if not cell.states:
        yield "states: expected at least the output, h, got none"
    if not isinstance(cell.peepholes, str) or len(set(cell.peepholes)) < len(cell.peepholes):
        yield f"peepholes: expected a string of letters, one a gate, such as 'ifo', got {cell.peepholes!r}"
    if not isinstance(cell.recurrent, dict):
        yield f"recurrent: expected a dict such as {{'G': (3, 3)}}, got {cell.recurrent!r}"
    for name, shape in cell.recurrent.items():
        pair = isinstance(shape, tuple | list) and len(shape) == 2
        if name in cell.gates or not (pair and all(isinstance(n, int) and n > 0 for n in shape)):
            yield (
                "recurrent: expected names that are no group of gates, each with (rows, columns) counted in "
                f"units, got {name!r}: {shape!r}"
            )


def inherited(cell: type) -> Iterator[str]:
    """Yield which methods a cell replaces and must not, and what is wrong with the arguments of its step."""
    for name in INHERITED:
        if getattr(cell, name) is not getattr(Cell, name):
            yield f"it has a method {name} of its own, which the time loop does not use: write step alone"
    signature = inspect.signature(cell.step)
    if "training" in signature.parameters:
        yield f"its step asks whether it is training, {NOT_RANDOM}, and the argument with it"
    try:
        signature.bind(None, None, *cell.states)
    except TypeError as error:
        expected = ", ".join(("self", "x", *cell.states))
        yield f"expected step({expected}), as its states are {cell.states}, got step{signature} ({error})"


def owned(cell: type) -> Iterator[str]:
    """Yield what a cell has beside the weights of `shapes`: the time loop would not train it."""
    for lanes in (None, len(UNITS)):
        try:
            made = build(cell, WIDTH, lanes)
            named = made.named
        except Exception as error:
            yield f"it could not be built: {described(error)}"
        layers = list(made._flatten_layers())  # the cell itself is the first
        if drawing := [layer for layer in layers if len(layer.variables) > len(layer.weights)]:
            # what is no weight is the state of a seed generator, and the cell has those of its layers
            yield f"it draws at random ({', '.join(map(kind, drawing[1:] or drawing))}), {NOT_RANDOM}"
        if layers[1:]:
            yield (
                f"it owns another layer ({', '.join(map(kind, layers[1:]))}), which the time loop would not "
                "train: write its equations in step, with self.mean and self.variance to normalise"
            )
        shapes = {name: laned(shape, lanes) for name, shape in cell.shapes(FEATURES, WIDTH).items()}
        ours = {id(weight) for weight in named.values()}
        if other := [weight.name for weight in made.weights if id(weight) not in ours]:
            yield (
                f"it owns a weight ({', '.join(other)}) that is not among its shapes, which the time loop "
                "would not train: declare it in gates, peepholes or recurrent"
            )
        got = {name: tuple(weight.shape) for name, weight in named.items()}
        if got != shapes:
            yield f"expected its weights to be those of shapes, {shapes}, got {got}"


def raised(cell: type) -> Iterator[str]:
    """Yield why a step raises or returns no states: alone, with an axis of lanes, or as in the time loop."""
    for lanes in (None, len(UNITS)):
        error, came = attempt(run_eagerly, cell, lanes)
        if isinstance(error, KeyError):
            known = ", ".join(map(repr, (*cell.gates, *cell.recurrent))) or "none"
            yield f"its step asks for the weights of {error}, and there are those of {known}"
        if error:
            in_loop, _ = attempt(run_eagerly, cell, lanes, projected=True)
            if not in_loop:
                yield f"its step takes x apart: ask self.project(group, x) for W x + b ({described(error)})"
            if "dict" in str(in_loop):  # what the time loop hands in as x
                yield f"{USES_X} ({described(error)})"
            where = " (with an axis of lanes before that of the batch)" if lanes else ""
            yield f"its step raised {described(error)}{where}"
        shape = (BATCH, WIDTH) if lanes is None else (lanes, BATCH, WIDTH)
        shapes = [tuple(s.shape) if hasattr(s, "shape") else type(s).__name__ for s in came[0]]
        if shapes != [shape] * len(cell.states):
            expected = f"{len(cell.states)} states ({', '.join(cell.states)}) of shape {shape}"
            yield f"expected its step to return {expected}, got {shapes}"
        if not all(same(*map(ops.convert_to_numpy, states)) for states in zip(*came, strict=True)):
            yield RANDOM
        error, _ = attempt(trace, cell, lanes)
        if error:
            yield (
                "its step cannot be compiled: use keras.ops in it, and neither NumPy nor a Python `if` or "
                f"float() on an array ({described(error)})"
            )
    error, _ = attempt(trace, cell, len(UNITS), projected=True)
    if error:
        yield f"{USES_X} ({described(error)})"


def computed(cell: type) -> Iterator[str]:
    """Yield how a cell in the time loop differs from plain differentiation of one step after the other."""
    error, _ = attempt(trace, cell, len(UNITS), projected=True)
    try:
        if error:
            raise error
        plain, again, loops = evaluated(cell)
    except Exception as error:
        yield from raised(cell)
        yield f"its step fails in the time loop: {described(error)}"
        return
    for name, value in plain.items():
        if not np.isfinite(value).all():
            what = "returns" if name == "h" else f"has, by {name}, a gradient of"
            yield f"its step {what} NaN or infinity within {STEPS} steps of standard normal inputs"
    if not same(*again):
        yield RANDOM
    for loop in loops:
        if not same(loop["h"][0], plain["h"][0]):
            yield "its step mixes sequences or lanes; work elementwise, and along the last axis by self.mean"
    for name, expected in plain.items():
        for loop in loops:
            if not same(loop[name][0], expected[0]):
                yield (
                    f"its gradient by {name} in the time loop is not that of automatic differentiation: use "
                    "matrices through self.affine and self.product alone"
                )
            if not same(loop[name][1], expected[1]):
                yield f"its step{'' if name == 'h' else f', in its gradient by {name},'} {PADDING}"


def run_eagerly(f, *arguments) -> None:
    """Call a function on values, without the backend's compiler."""
    f(*arguments)


def kind(layer) -> str:
    """Return the class of a layer, as its author wrote it."""
    return type(layer).__name__


def same(a, b) -> bool:
    """Whether arrays are equal up to rounding."""
    return bool(np.abs(a - b).max() <= TOLERANCE * np.abs(b).max() + 1e-6)
