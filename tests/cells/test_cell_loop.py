"""The time loop against plain automatic differentiation of one step after the other, in float64."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from keras import ops
from marks import ON_JAX
from run_cells import BATCH, FEATURES, LANES, STEPS, UNITS

from suite.backend import compile, evaluate, value_and_grad
from suite.cells import CELLS
from suite.cells.base import Cell, with_lanes_axis
from suite.layers.loop import run_over_time


class Twice(Cell):
    """A cell whose step uses one recurrent matrix twice."""

    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        [z] = self.affine("z", x, ops.tanh(z))
        return ops.tanh(z)


class Unused(Cell):
    """A cell with a recurrent matrix that its step does not use."""

    recurrent, gates = {"G": (1, 1)}, ("z",)

    def step(self, x, h):
        return ops.tanh(self.affine("z", x, h)[0])


class ProductAlone(Cell):
    """A cell with a product that is not added to the projection of its gates."""

    gates = ("z", "g")

    def step(self, x, h):
        [g] = self.affine("g", x, h)
        return ops.tanh(self.project("z", x)) * ops.sigmoid(g) + ops.tanh(self.product("z", h))


class ResetAfter(Cell):
    """A GRU that applies the reset gate after the product, as in cuDNN."""

    gates = ("zr", "g")

    def step(self, x, h):
        z, r = self.affine("zr", x, h)
        z, r = ops.sigmoid(z), ops.sigmoid(r)
        g = ops.tanh(self.project("g", x) + r * self.product("g", h))
        return (1 - z) * h + z * g


class ProjectedTwice(Cell):
    """A cell that also uses the projection of its input without the product, as a highway does."""

    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return ops.tanh(z) + ops.sin(self.project("z", x))


class NoProduct(Cell):
    """A cell with a group of gates whose recurrent matrix it does not use."""

    gates = ("z", "g")

    def step(self, x, h):
        return ops.tanh(self.affine("z", x, h)[0]) + ops.sin(self.project("g", x))


def one_by_one(cell, weights, x, mask, start):
    """Run a cell over x step by step: no loop, no projection in advance, no gradient computed later."""
    cell = cell.with_weights(weights)
    states, h = start, []
    for k in range(STEPS):
        states = tuple(s * mask for s in cell.advance(x[:, :, k], states))
        h.append(states[0])
    return ops.stack(h, axis=2), states


OWN = (Twice, Unused, ProductAlone, ResetAfter, ProjectedTwice, NoProduct)
KINDS = ("lstm", "fgr", "gru")  # test_cell_backends.py compares all cells on TensorFlow with JAX
CASES = [pytest.param(CELLS[name], BATCH, marks=() if name in KINDS else ON_JAX) for name in CELLS]
CASES += [pytest.param(cell, BATCH) for cell in OWN]
CASES += [pytest.param(cell, 1, marks=ON_JAX) for cell in (*OWN, CELLS["fgr"])]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("cell", "batch"), CASES)
def test_the_loop_has_the_outputs_and_gradients_of_plain_differentiation(cell, batch):
    compare_with_plain_differentiation(cell, batch)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("steps", [2, 3, STEPS])
def test_so_has_the_loop_of_a_gpu_whose_body_is_several_steps(monkeypatch, steps):
    monkeypatch.setattr("suite.machine.gpu_ids", lambda: ("0",))
    monkeypatch.setattr("suite.layers.loop.GPU_UNROLL", steps)
    compare_with_plain_differentiation(CELLS["fgr"], BATCH)


def compare_with_plain_differentiation(cell, batch):
    """Compare h, the end states, and the gradients by the weights, the inputs and the start states."""
    draw = np.random.default_rng(0)
    cell = cell(UNITS, lanes=LANES, dtype="float64")
    shapes = {name: with_lanes_axis(shape, LANES) for name, shape in cell.shapes(FEATURES, UNITS).items()}
    given = {name: ops.convert_to_tensor(draw.normal(0, 0.7, shape)) for name, shape in shapes.items()}
    given["x"] = ops.convert_to_tensor(draw.normal(size=(LANES, batch, STEPS, FEATURES)))
    mask = np.ones((LANES, 1, UNITS))
    mask[1, :, UNITS - 1] = 0
    start = draw.normal(size=(len(cell.states), LANES, batch, UNITS)) * mask
    given |= {f"start/{name}": ops.convert_to_tensor(s) for name, s in zip(cell.states, start, strict=True)}
    direction, end_direction = draw.normal(size=(LANES, batch, STEPS, UNITS)), draw.normal(size=start.shape)

    def along(run, by):
        def f(given):
            states = tuple(given[f"start/{name}"] for name in cell.states)
            h, end = run(cell, given, given["x"], ops.convert_to_tensor(mask), states)
            end = ops.stack(end)
            return ops.sum(h * direction) + ops.sum(end * end_direction), {"h": h, "end": end}

        (_, results), gradient = by(value_and_grad(f), given)
        return results | gradient

    result = along(run_over_time, lambda f, given: compile(f)(given))
    expected = along(one_by_one, evaluate)
    for name, value in expected.items():
        np.testing.assert_allclose(result[name], value, rtol=1e-11, atol=1e-13, err_msg=name)


def test_a_cell_may_run_in_several_threads_and_keeps_nothing_of_a_run():
    cell = CELLS["fgr"](UNITS, lanes=LANES)
    before, draw = dict(vars(cell)), np.random.default_rng(0)
    shapes = {name: with_lanes_axis(shape, LANES) for name, shape in cell.shapes(FEATURES, UNITS).items()}
    x, mask = ops.ones((LANES, BATCH, STEPS, FEATURES)), ops.ones((LANES, 1, UNITS))
    given = [
        {name: ops.convert_to_tensor(draw.normal(size=shape), "float32") for name, shape in shapes.items()}
        for _ in range(4)
    ]

    def run(weights):
        return ops.convert_to_numpy(run_over_time(cell, weights, x, mask)[0])

    expected = [run(weights) for weights in given]
    with ThreadPoolExecutor(len(given)) as threads:
        np.testing.assert_array_equal(list(threads.map(run, given)), expected)
    assert vars(cell) == before
