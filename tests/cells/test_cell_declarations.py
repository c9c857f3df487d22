"""Cells with every declaration: gates without R, vectors, other states, fixed weights, random steps."""

import keras
import numpy as np
import pytest
from declared import DECLARED, MinGRU, Reservoir, Zoneout
from keras import ops

from suite import Refusal
from suite.axis import Axis, pad_units, shape_of
from suite.backend import compile, evaluate, value_and_grad
from suite.cells.base import Cell, with_lanes_axis
from suite.cells.check import cell_faults
from suite.cells.lstm import LSTM
from suite.cells.transition import deep_transition
from suite.layers.loop import run_over_time
from suite.space import Range

UNITS, FEATURES, BATCH, STEPS = 4, 3, 2, 6
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("cell", DECLARED)
def test_outputs_gradients_and_padding_are_right(cell):
    """The rules compare the time loop with steps one after the other, in lanes and padded."""
    assert not any(cell_faults(cell).values())


@pytest.mark.parametrize("cell", DECLARED)
def test_the_time_loop_equals_the_layer_of_keras(cell):
    layer = keras.layers.RNN(cell(UNITS), return_sequences=True)
    x = RNG.normal(size=(BATCH, STEPS, FEATURES)).astype("float32")
    expected = ops.convert_to_numpy(layer(x))
    weights = {name: weight.value[None] for name, weight in layer.cell.weights_by_name.items()}
    weights = {name: w[:, None] if len(w.shape) == 2 else w for name, w in weights.items()}
    lane, mask = cell(UNITS, lanes=1), ops.ones((1, 1, UNITS))
    h, end = evaluate(lambda x: run_over_time(lane, weights, x, mask), ops.convert_to_tensor(x[None]))
    np.testing.assert_allclose(h[0], expected, rtol=1e-5, atol=1e-6)
    assert [tuple(state.shape[2:]) for state in end] == list(cell.state_shapes(UNITS))


def test_a_fixed_weight_is_not_trained_by_keras_either():
    layer = keras.layers.RNN(Reservoir(UNITS))
    layer.build((None, STEPS, FEATURES))
    assert not layer.trainable_weights
    assert len(layer.non_trainable_weights) == 3


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"gates": ("z",), "input_gates": ("z",)}, "each letter in one of them, got ['z'] in both"),
        ({"vectors": ("u",)}, "vectors: expected a dict such as {'g': 4}, got ('u',)"),
        ({"vectors": {"u": 0}}, "vectors: expected a number of units times N of at least 1, got 'u': 0"),
        ({"state_axes": {"h": ()}}, "state_axes: expected names of states but the output, (), got 'h'"),
        ({"states": ("h", "c"), "state_axes": {"c": (1,)}}, "expected a tuple of suite.axis.Axis for 'c'"),
        ({"hyperparameters": {"rate": (0, 1)}}, "hyperparameters: expected a dict of suite.space.Range"),
        ({"hyperparameters": {"units": Range(1, 2)}}, "not those of every trial, got units"),
        ({"fixed": "R/*"}, 'fixed: expected a tuple of strings such as ("R/*",), with its comma'),
    ],
)
def test_a_wrong_declaration_is_refused(wrong, text):
    cell = type("Wrong", (Cell,), {"step": lambda self, x, h: h} | wrong)
    assert text in cell_faults(cell)["declarations"]


def run(width, keys, **rates):
    """Return h (batch, steps, 3) of a `Zoneout` of 3 units, whatever the width that it is padded to."""
    draw, units = np.random.default_rng(1), 3
    weights = {}
    for name, axes in Zoneout.axes(Axis(fixed=FEATURES)).items():
        padded = pad_units(draw.normal(size=shape_of(axes, units)).astype("float32"), axes, units, width)
        weights[name] = ops.convert_to_tensor(padded.reshape(with_lanes_axis(padded.shape, 1)))
    x = ops.convert_to_tensor(draw.normal(size=(1, 20, STEPS, FEATURES)), "float32")
    mask = ops.convert_to_tensor((np.arange(width) < units)[None, None], "float32")
    rates = {name: ops.convert_to_tensor([rate], "float32") for name, rate in rates.items()}
    keys = None if keys is None else ops.convert_to_tensor(np.array([keys], "uint32"))
    lane = Zoneout(width, lanes=1)
    h = evaluate(lambda x: run_over_time(lane, weights, x, mask, None, rates, keys)[0], x)
    return ops.convert_to_numpy(h)[0, ..., :units]


def test_random_draws_in_a_step_do_not_depend_on_the_width_and_follow_the_key():
    drawn = run(3, (7, 8), dropout=0.3, zoneout=0.5)
    np.testing.assert_allclose(run(9, (7, 8), dropout=0.3, zoneout=0.5), drawn, rtol=1e-5, atol=1e-6)
    assert not np.allclose(run(3, (8, 7), dropout=0.3, zoneout=0.5), drawn)


def test_a_rate_of_zero_and_scoring_are_not_random():
    np.testing.assert_array_equal(run(3, (7, 8), dropout=0.0, zoneout=0.0), run(3, None))
    np.testing.assert_array_equal(run(3, None, dropout=0.3), run(3, None))


def test_zoneout_keeps_a_share_of_the_state_and_scores_with_the_expectation():
    h = run(3, (7, 8), zoneout=0.25)
    kept = h[:, 1:] == h[:, :-1]
    assert kept.mean() == pytest.approx(0.25, abs=0.05)
    assert not (kept == kept[:, :1]).all()  # drawn for each step
    assert not (kept == kept[:1]).all()  # and for each sequence
    without, with_rate = run(3, None), run(3, None, zoneout=0.25)
    np.testing.assert_allclose(with_rate[:, 0], 0.75 * without[:, 0], rtol=1e-6)


def test_dropout_keeps_the_mean():
    h = run(3, (7, 8), dropout=0.25)
    assert (h == 0).mean() == pytest.approx(0.25, abs=0.05)
    first = run(3, None)[:, 0]
    np.testing.assert_allclose(h[:, 0][h[:, 0] != 0], first[h[:, 0] != 0] / 0.75, rtol=1e-5)


@pytest.mark.parametrize("shortcut", [False, True])
def test_a_deep_transition_is_hidden_layers_after_each_step(shortcut):
    deep, plain = deep_transition(LSTM, 2, shortcut), LSTM(UNITS)
    assert not any(cell_faults(deep).values())
    layer = deep(UNITS)
    layer.build((BATCH, FEATURES))
    plain.build((BATCH, FEATURES))
    for name, weight in plain.weights_by_name.items():
        weight.assign(layer.weights_by_name[name])
    x, states = RNG.normal(size=(BATCH, FEATURES)), [RNG.normal(size=(BATCH, UNITS)) for _ in range(2)]
    h, c = (ops.convert_to_numpy(state) for state in plain(x, states)[1])
    for k in (1, 2):
        R, v = (ops.convert_to_numpy(layer.weights_by_name[f"{kind}/transition{k}"]) for kind in "Rv")
        h = np.tanh(h @ R + v) + h * shortcut
    for state, expected in zip(layer(x, states)[1], (h, c), strict=True):
        np.testing.assert_allclose(state, expected, rtol=1e-5, atol=1e-6)


def test_a_linear_recurrence_with_gates_that_see_h_is_refused():
    cell = type("Wrong", (MinGRU,), {"gates": ("f",)})
    assert "a linear recurrence has input_gates in place of gates" in cell_faults(cell)["declarations"]


def test_a_linear_recurrence_has_no_deep_transition():
    with pytest.raises(Refusal, match="MinGRU is a linear recurrence"):
        deep_transition(MinGRU, 1)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_linear_recurrence_has_the_same_outputs_and_gradients_in_parallel(monkeypatch, steps):
    """As a GPU computes it, compiled; from a state, and with a unit of padding."""
    lane, mask = MinGRU(UNITS, lanes=2), np.ones((2, 1, UNITS), "float32")
    mask[1, :, -1] = 0
    draw = np.random.default_rng(0)
    shapes = {name: with_lanes_axis(s, 2) for name, s in MinGRU.shapes(FEATURES, UNITS).items()}
    shapes |= {"x": (2, BATCH, steps, FEATURES), "start": (2, BATCH, UNITS)}
    given = {name: draw.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    given = {name: ops.convert_to_tensor(a * mask if name == "start" else a) for name, a in given.items()}

    def run():
        def weighted_sum(given):
            h, (end,) = run_over_time(lane, given, given["x"], ops.convert_to_tensor(mask), (given["start"],))
            return ops.sum(h * h) + ops.sum(ops.sin(end)), h

        (_, h), gradients = compile(value_and_grad(weighted_sum))(given)
        return {"h": h, **gradients}

    stepwise = run()
    monkeypatch.setattr("suite.machine.gpu_ids", lambda: ("0",))
    for name, array in run().items():
        np.testing.assert_allclose(array, stepwise[name], rtol=1e-4, atol=1e-5, err_msg=name)


class Gain(Cell):
    """A cell that reads a hyperparameter of its own from its settings."""

    gates, hyperparameters = ("z",), {"gain": Range(0.5, 2.0)}

    def step(self, x, h):
        return ops.tanh(self.settings["gain"] * self.affine("z", x, h)[0])


def test_a_step_may_read_its_hyperparameters():
    assert not any(cell_faults(Gain).values())


def test_a_hyperparameter_of_a_cell_is_0_outside_the_engine():
    layer = keras.layers.RNN(Gain(UNITS))
    assert not ops.convert_to_numpy(layer(ops.ones((BATCH, STEPS, FEATURES)))).any()


class Positive(Cell):
    """A simple recurrent network whose state is not zero where its gate is: in the padding of its lane."""

    gates = ("z",)

    def step(self, x, h):
        return ops.sigmoid(self.affine("z", x, h)[0])


def test_a_deep_transition_does_not_see_the_padding_of_its_cell():
    assert not any(cell_faults(deep_transition(Positive, 1)).values())


class DroppedInput(MinGRU):
    """A linear recurrence with dropout."""

    hyperparameters = {"dropout": Range(0.0, 0.5)}

    def coefficients(self, x):
        a, b = MinGRU.coefficients(self, x)
        return a, self.dropout("dropout", b)


class DroppedInputStepwise(Cell):
    """The same cell, whose steps are taken one after the other."""

    input_gates, hyperparameters = DroppedInput.input_gates, DroppedInput.hyperparameters
    coefficients, step = DroppedInput.coefficients, DroppedInput.step


def test_a_linear_recurrence_draws_at_random_as_steps_one_after_the_other(monkeypatch):
    monkeypatch.setattr("suite.machine.gpu_ids", lambda: ("0",))
    rng = np.random.default_rng(0)
    shapes = DroppedInput.shapes(FEATURES, UNITS)
    weights = {name: rng.normal(size=with_lanes_axis(shape, 2)) for name, shape in shapes.items()}
    x, mask = rng.normal(size=(2, BATCH, STEPS, FEATURES)), ops.ones((2, 1, UNITS))

    def run(cell, keys, rate=0.4):
        arrays = {name: ops.convert_to_tensor(array, "float32") for name, array in weights.items()}
        settings = {"dropout": ops.full((2,), rate)}
        cell, inputs = cell(UNITS, lanes=2), ops.convert_to_tensor(x, "float32")
        h, _ = run_over_time(cell, arrays, inputs, mask, None, settings, keys)
        return ops.convert_to_numpy(h)

    keys = ops.convert_to_tensor([[1, 2], [3, 4]], "uint32")
    np.testing.assert_allclose(run(DroppedInput, keys), run(DroppedInputStepwise, keys), rtol=1e-5, atol=1e-6)
    assert np.abs(run(DroppedInput, keys) - run(DroppedInput, None)).max() > 0.1
