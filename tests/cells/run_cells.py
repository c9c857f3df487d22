"""The registered cells over a sequence in float64, with their gradients, on the backend that is loaded.

As a program (`python run_cells.py GIVEN.npz FOUND.npz`) it is the other backend of `test_cell_backends.py`.
Weights are kept by gate ("W/z", "R/z", "b/z", "p/i", "R/G"), and a cell takes those it has.
"""

import sys

import keras
import numpy as np
from keras import ops
from precision import double_precision

from suite.cells import CELLS

BATCH, STEPS, FEATURES, UNITS, LANES = 3, 4, 5, 4, 2


def drawn(seed=0):
    """Draw weights for every gate of every cell, x, and the weighting of h whose gradient is taken."""
    draw = np.random.default_rng(seed)
    w = {}
    for gate in "ziforg":
        for kind, shape in {"W": (FEATURES, UNITS), "R": (UNITS, UNITS), "b": UNITS, "p": UNITS}.items():
            w[f"{kind}/{gate}"] = draw.normal(scale=0.7, size=shape)
    w["R/G"] = draw.normal(scale=0.7, size=(3 * UNITS, 3 * UNITS))
    return w, draw.normal(size=(BATCH, STEPS, FEATURES)), draw.normal(size=(BATCH, STEPS, UNITS))


def fused(name, w):
    """Return the weights joined into the arrays of a cell, {"W/zifo": …}, in its order."""
    arrays = {}
    for key in CELLS[name].shapes(FEATURES, UNITS):
        kind, _, gates = key.partition("/")
        arrays[key] = np.concatenate([w[f"{kind}/{gate}"] for gate in gates], axis=-1) if gates else w[key]
    return arrays


def by_gate(arrays):
    """Return the weights of each gate from arrays of fused ones: the inverse of `fused`."""
    w = {}
    for key, array in arrays.items():
        kind, _, gates = key.partition("/")
        parts = np.split(array, len(gates), axis=-1) if gates else [array]
        w |= dict(zip([f"{kind}/{gate}" for gate in gates] or [key], parts, strict=True))
    return w


def layer(name, w):
    """Return a `keras.layers.RNN` around the cell, with these weights, and no loop for JAX to compile."""
    cell = CELLS[name](UNITS, dtype="float64")
    built = keras.layers.RNN(cell, return_sequences=True, unroll=True, dtype="float64")
    built.build((BATCH, STEPS, FEATURES))
    for variable, value in zip(cell.weights, fused(name, w).values(), strict=True):
        variable.assign(value)
    return built


def outputs(name, w, x):
    """Return h of every step, (batch, steps, units)."""
    return ops.convert_to_numpy(layer(name, w)(x))


def value_and_grads(f, variables):
    """Return f() and its gradient by each of the variables."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = f()
        grads = tape.gradient(value, [v.value for v in variables])
    else:
        import jax

        def of(values):
            with keras.StatelessScope(state_mapping=zip(variables, values, strict=True)):
                return f()

        value, grads = jax.value_and_grad(of)([v.value for v in variables])
    return ops.convert_to_numpy(value), [ops.convert_to_numpy(g) for g in grads]


def slopes(layer, x, direction):
    """Return the gradients of sum(h · direction) by each weight of the layer, a list, and by x."""
    x = keras.Variable(x, dtype="float64")
    along = ops.convert_to_tensor(direction)
    variables = [*layer.trainable_variables, x]
    _, grads = value_and_grads(lambda: ops.sum(layer(ops.convert_to_tensor(x)) * along), variables)
    return grads[:-1], grads[-1]


def gradients(name, w, x, direction):
    """Return the gradients of sum(h · direction) by the weights of each gate and by "x"."""
    by_weights, by_x = slopes(layer(name, w), x, direction)
    return by_gate(dict(zip(fused(name, w), by_weights, strict=True))) | {"x": by_x}


def everything(names, w, x, direction):
    """Return {"lstm h": h, "lstm x": …, "lstm W/z": …} for these cells."""
    result = {}
    with double_precision():
        for name in names:
            result[f"{name} h"] = outputs(name, w, x)
            result |= {f"{name} {key}": g for key, g in gradients(name, w, x, direction).items()}
    return result


if __name__ == "__main__":
    with np.load(sys.argv[1]) as given:
        w = dict(given)
    np.savez(sys.argv[2], **everything(w.pop("names").tolist(), w, w.pop("x"), w.pop("direction")))
