"""Evaluate a cell in two ways: step by step, as Keras does, and with the time loop, in lanes.

The arrays are tiny. There are two trials; the second has fewer units than the arrays, so it is padded.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from suite.axis import ONE_UNIT_EACH, Axis, pad_units, shape_of
from suite.backend import evaluate, value_and_grad
from suite.cells.base import Cell, with_lanes_axis
from suite.layers.loop import run_over_time
from suite.tensor import Tensor

FEATURES, BATCH, STEPS = 5, 3, 3
WIDTH, LANE_UNITS = 4, (4, 3)  # units of the arrays, and of the trial in each lane
LANES = len(LANE_UNITS)


def build_cell(cell: type[Cell], units: int, lanes: int | None = None) -> Cell:
    """Return a built cell whose weights have no values yet: drawing them would take most of the time."""
    with keras.StatelessScope(initialize_variables=False):
        layer = cell(units, lanes=lanes)
        layer.build((*leading_axes(lanes), FEATURES))
    return layer


def leading_axes(lanes: int | None) -> tuple[int, ...]:
    """Return the shape of an array without its last axis, that of features or units."""
    return (BATCH,) if lanes is None else (lanes, BATCH)


def example_settings(cell: type[Cell] | Cell) -> dict[str, float]:
    """Return the middle of the range of each of a cell's hyperparameters, by name."""
    return {name: (range_.low + range_.high) / 2 for name, range_ in cell.hyperparameters.items()}


def try_step(
    run: Callable[..., object], cell: type[Cell], lanes: int | None, projected: bool = False
) -> tuple[Exception | None, list[tuple[Tensor, ...]]]:
    """Take the same step twice; return the error that was raised, if any, and the states after each.

    `run(f, *args)` calls or traces the function f that takes the steps. With `projected`, x is passed as the
    time loop passes it.
    """
    layer = cell(WIDTH, lanes=lanes)
    results: list[tuple[Tensor, ...]] = []
    start = layer.start_states(*leading_axes(lanes))

    def step(weights, x):
        weighted = layer.with_weights(weights, settings=example_settings(cell))
        if projected:
            x = {group: weighted.project(group, x) for group in cell.groups()}
        results[:] = [weighted.advance(x, start) for _ in range(2)]

    shapes = {name: with_lanes_axis(shape, lanes) for name, shape in cell.shapes(FEATURES, WIDTH).items()}
    weights = {name: ops.full(shape, 0.1) for name, shape in shapes.items()}
    try:
        run(step, weights, ops.ones((*leading_axes(lanes), FEATURES)))
    except Exception as error:
        return error, results
    return None, results


def evaluate_cell(
    cell: type[Cell],
) -> tuple[dict[str, np.ndarray], list[np.ndarray], list[dict[str, np.ndarray]]]:
    """Return outputs and gradients of a cell step by step, h repeated, and those of the time loop.

    The first result is {"h": (trials, batch, steps, units), and for "x" and every weight the gradient by it,
    (trials, …)}, in arrays of the full width. The second is h of the first trial computed twice more. The
    third is like the first, from the time loop, with a lane for each trial; and with a lane for each
    sequence, followed by a step of padding.
    """
    rng, (batch, steps, features) = (
        np.random.default_rng(0),
        (Axis(fixed=n) for n in (BATCH, STEPS, FEATURES)),
    )
    all_axes = {"h": (batch, steps, ONE_UNIT_EACH), "x": (batch, steps, features), **cell.axes(features)}
    direction = rng.normal(size=(LANES, BATCH, STEPS, WIDTH)).astype("float32")
    trials = [
        {"x": rng.normal(size=(BATCH, STEPS, FEATURES))}
        | {name: rng.normal(0, 0.5, shape) for name, shape in cell.shapes(FEATURES, units).items()}
        for units in LANE_UNITS
    ]

    def stack_trials(trials):
        """Return the arrays of all trials by name, padded to the full width, with an axis of trials."""
        padded = [
            {name: pad_units(array, all_axes[name], units, WIDTH) for name, array in arrays.items()}
            for arrays, units in zip(trials, LANE_UNITS, strict=True)
        ]
        return {name: np.stack([arrays[name] for arrays in padded]) for name in all_axes if name in padded[0]}

    def compute(trials, stacked):
        layers = [cell(units) for units in LANE_UNITS]
        stepwise = [
            outputs_and_gradients(layer, unrolled_outputs, arrays, weighting[..., : layer.units])
            for layer, arrays, weighting in zip(layers, trials, direction, strict=True)
        ]
        repeated = [unrolled_outputs(layers[0], trials[0], trials[0]["x"]) for _ in range(2)]
        loops = [run_in_lanes(cell, stacked, direction, *how) for how in ((BATCH, STEPS), (1, STEPS + 1))]
        return stepwise, repeated, loops

    stacked = {
        name: a if name == "x" else a.reshape(with_lanes_axis(a.shape[1:], LANES))
        for name, a in stack_trials(trials).items()
    }
    inputs = tree.map_structure(lambda a: ops.convert_to_tensor(a, "float32"), (trials, stacked))
    stepwise, repeated, loops = tree.map_structure(ops.convert_to_numpy, evaluate(compute, *inputs))
    per_trial = [  # the gradient of a trial is the sum over its lanes
        {name: a.reshape(LANES, -1, *shape_of(all_axes[name], WIDTH)).sum(axis=1) for name, a in loop.items()}
        for loop in loops
    ]
    return stack_trials(stepwise), repeated, per_trial


def run_in_lanes(
    cell: type[Cell], stacked: Mapping[str, Tensor], direction: np.ndarray, batch: int, steps: int
) -> dict[str, Tensor]:
    """Run the time loop over all sequences, `batch` of them in a lane; return outputs and gradients.

    Sequences are padded with zeros to `steps`; outputs and gradients are returned without the padding.
    """
    lanes = LANES * BATCH // batch
    units = np.repeat(LANE_UNITS, lanes // LANES)[:, None, None]
    mask = ops.convert_to_tensor(np.arange(WIDTH) < units, "float32")
    inputs = {name: ops.repeat(array, lanes // LANES, axis=0) for name, array in stacked.items()}
    padding = [(0, 0), (0, 0), (0, steps - STEPS), (0, 0)]
    inputs["x"] = ops.pad(ops.reshape(stacked["x"], (lanes, batch, STEPS, FEATURES)), padding)
    weighting = np.pad(direction.reshape(lanes, batch, STEPS, WIDTH), padding)

    settings = {name: ops.full((lanes,), value) for name, value in example_settings(cell).items()}

    def run(layer, weights, x):
        return run_over_time(layer, weights, x, mask, settings=settings)[0]

    results = outputs_and_gradients(cell(WIDTH, lanes=lanes), run, inputs, weighting)
    return results | {name: results[name][:, :, :STEPS] for name in ("h", "x")}


def outputs_and_gradients(
    layer: Cell, run: Callable[..., Tensor], inputs: Mapping[str, Tensor], weighting: Any
) -> dict[str, Tensor]:
    """Return h = run(layer, weights, x=x), and the gradients of the sum of h · weighting by all `inputs`.

    `inputs` holds x, and the weights by name.
    """

    def weighted_sum(inputs):
        h = run(layer, inputs, x=inputs["x"])
        return ops.sum(h * weighting), h

    (_, h), gradients = value_and_grad(weighted_sum)(inputs)
    return {"h": h, **gradients}


def unrolled_outputs(layer: Cell, weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Return h (batch, steps, units) of a cell over x (batch, steps, features), one step after the other."""
    layer = layer.with_weights(weights, settings=example_settings(layer))
    states = start = layer.start_states(x.shape[0])
    h = []
    for k in range(x.shape[1]):
        states = layer.advance(x[:, k], states)
        if [tuple(s.shape) for s in states] != [tuple(s.shape) for s in start]:
            raise ValueError(f"its step returned {states}")
        h.append(states[0])
    return ops.stack(h, axis=1)
