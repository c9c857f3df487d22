"""A cell evaluated in two ways: one step after the other, as Keras does, and by the time loop, in lanes.

The arrays are tiny. Lanes hold two trials, of which the second has fewer units than the arrays.
"""

import keras
import numpy as np
from keras import ops, tree

from suite.backend import evaluate, value_and_grad
from suite.cells.base import pad_units, with_lanes_axis
from suite.layers.loop import run_over_time

FEATURES, BATCH, STEPS = 5, 3, 3
WIDTH, LANE_UNITS = 4, (4, 3)  # units of the arrays, and of the trial in each lane
LANES = len(LANE_UNITS)


def build_cell(cell: type, units: int, lanes: int | None = None):
    """Return a built cell whose weights have no values yet: to draw them takes longer than all else."""
    with keras.StatelessScope(initialize_variables=False):
        made = cell(units, lanes=lanes)
        made.build((*leading_axes(lanes), FEATURES))
    return made


def leading_axes(lanes: int | None) -> tuple[int, ...]:
    """Return the axes of an array before that of its features or units."""
    return (BATCH,) if lanes is None else (lanes, BATCH)


def weights_scope(made, weights):
    """Return a context in which a cell has these weights, by name."""
    return keras.StatelessScope(
        state_mapping=[(made.weights_by_name[name], weights[name]) for name in made.weights_by_name]
    )


def try_step(run, cell: type, lanes: int | None, projected: bool = False) -> tuple[Exception | None, list]:
    """Take the same step twice by `run`; return the error that was raised, if any, and the states of each.

    `projected` hands in x as the time loop does.
    """
    made, came = build_cell(cell, WIDTH, lanes), []
    start = [ops.zeros((*leading_axes(lanes), WIDTH))] * len(cell.states)

    def step(weights, x):
        with weights_scope(made, weights):
            if projected:
                x = {group: made.project(group, x) for group in cell.gates}
            came[:] = [made.advance(x, start) for _ in range(2)]

    weights = {name: ops.full(weight.shape, 0.1) for name, weight in made.weights_by_name.items()}
    try:
        run(step, weights, ops.ones((*leading_axes(lanes), FEATURES)))
    except Exception as error:
        return error, came
    return None, came


def evaluate_cell(cell: type) -> tuple[dict, list[np.ndarray], list[dict]]:
    """Return what a cell computes step by step, h of the first trial twice more, and what the time loop does.

    A computation is {"h": (trials, batch, steps, units), "x" and every weight: the gradient by it, of each
    trial}, in arrays of the full width. The time loop runs with a lane for each trial; and with one for each
    sequence, followed by a step of padding.
    """
    draw, shapes = np.random.default_rng(0), cell.shapes(FEATURES, WIDTH)
    wide = {"h": (BATCH, STEPS, WIDTH), "x": (BATCH, STEPS, FEATURES), **shapes}
    direction = draw.normal(size=(LANES, BATCH, STEPS, WIDTH)).astype("float32")
    trials = [
        {"x": draw.normal(size=wide["x"])}
        | {name: draw.normal(0, 0.5, shape) for name, shape in cell.shapes(FEATURES, units).items()}
        for units in LANE_UNITS
    ]

    def padded(each):
        """Return the arrays of trials as one of the full width, by name."""
        of_trials = zip(each, LANE_UNITS, strict=True)
        rows = [{name: pad_units(a, wide[name], n, WIDTH) for name, a in of.items()} for of, n in of_trials]
        return {name: np.stack([row[name] for row in rows]) for name in wide if name in rows[0]}

    def everything(trials, together):
        alone = [build_cell(cell, units) for units in LANE_UNITS]
        plain = [
            outputs_and_gradients(made, unrolled_outputs, given, along[..., : made.units])
            for made, given, along in zip(alone, trials, direction, strict=True)
        ]
        with weights_scope(alone[0], trials[0]):
            again = [unrolled_outputs(alone[0], trials[0]["x"]) for _ in range(2)]
        loops = [run_in_lanes(cell, together, direction, *how) for how in ((BATCH, STEPS), (1, STEPS + 1))]
        return plain, again, loops

    together = {
        n: a if n == "x" else a.reshape(with_lanes_axis(a.shape[1:], LANES))
        for n, a in padded(trials).items()
    }
    given = tree.map_structure(lambda a: ops.convert_to_tensor(a, "float32"), (trials, together))
    plain, again, loops = tree.map_structure(ops.convert_to_numpy, evaluate(everything, *given))
    of_trials = [
        {name: a.reshape(LANES, -1, *wide[name]).sum(axis=1) for name, a in loop.items()} for loop in loops
    ]
    return padded(plain), again, of_trials


def run_in_lanes(cell, together, direction, batch, steps):
    """Run the time loop over all sequences, `batch` in a lane; return what `outputs_and_gradients` does.

    Sequences are padded with zeros to `steps`, and what is returned is cut to their own.
    """
    lanes = LANES * BATCH // batch
    own = np.repeat(LANE_UNITS, lanes // LANES)[:, None, None]
    mask = ops.convert_to_tensor(np.arange(WIDTH) < own, "float32")
    given = {name: ops.repeat(array, lanes // LANES, axis=0) for name, array in together.items()}
    padding = [(0, 0), (0, 0), (0, steps - STEPS), (0, 0)]
    given["x"] = ops.pad(ops.reshape(together["x"], (lanes, batch, STEPS, FEATURES)), padding)
    along = np.pad(direction.reshape(lanes, batch, STEPS, WIDTH), padding)
    results = outputs_and_gradients(
        build_cell(cell, WIDTH, lanes), lambda made, x: run_over_time(made, x, mask), given, along
    )
    return results | {name: results[name][:, :, :STEPS] for name in ("h", "x")}


def outputs_and_gradients(made, run, given, direction):
    """Return h, and the gradient of the sum of h · direction by x and each weight, by name."""

    def along(given):
        with weights_scope(made, given):
            h = run(made, given["x"])
        return ops.sum(h * direction), h

    (_, h), gradients = value_and_grad(along)(given)
    return {"h": h, **gradients}


def unrolled_outputs(made, x):
    """Return h (batch, steps, units) of a cell over x (batch, steps, features), by one step after another."""
    states = start = [ops.zeros((x.shape[0], made.units))] * len(made.states)
    h = []
    for k in range(x.shape[1]):
        states = made.advance(x[:, k], states)
        if [tuple(s.shape) for s in states] != [tuple(start[0].shape)] * len(start):
            raise ValueError(f"its step returned {states}")
        h.append(states[0])
    return ops.stack(h, axis=1)
