"""The contract of every registered cell, new ones included: Keras's interface, weights, and lanes."""

import itertools

import keras
import numpy as np
import pytest
from keras import layers, ops
from run_cells import BATCH, FEATURES, LANES, STEPS, UNITS
from scipy import stats

from suite.cells import CELLS

pytestmark = pytest.mark.parametrize("cell", [pytest.param(cell, id=name) for name, cell in CELLS.items()])


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(BATCH, STEPS, FEATURES)).astype("float32")


def built(cell, features=FEATURES, **settings):
    made = cell(UNITS, **settings)
    made.build((BATCH, features))
    return made


def unrolled(cell, **settings):
    """Return an RNN layer without a loop, which JAX would compile again for every layer."""
    return layers.RNN(cell, unroll=True, **settings)


def test_the_rnn_layer_returns_the_last_output_or_all_of_them_and_the_states(cell, x):
    inside = cell(UNITS)
    every, *states = layers.RNN(inside, return_sequences=True, return_state=True)(x)
    assert every.shape == (BATCH, STEPS, UNITS)
    assert [tuple(s.shape) for s in states] == [(BATCH, UNITS)] * len(cell.states)
    np.testing.assert_array_equal(states[0], every[:, -1])
    np.testing.assert_allclose(unrolled(inside)(x), every[:, -1], rtol=1e-5, atol=1e-7)


def test_two_halves_of_a_sequence_with_carried_states_equal_the_whole(cell, x):
    layer = unrolled(cell(UNITS), return_sequences=True, return_state=True)
    whole, *ends = layer(x)
    first, *states = layer(x[:, :2])
    second, *same_ends = layer(x[:, 2:], initial_state=states)
    np.testing.assert_allclose(ops.concatenate([first, second], axis=1), whole, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(same_ends, ends, rtol=1e-5, atol=1e-7)


def test_bidirectional_reads_forwards_and_backwards(cell, x):
    both = layers.Bidirectional(unrolled(cell(UNITS), return_sequences=True))
    forwards, backwards = ops.split(both(x), 2, axis=-1)
    np.testing.assert_allclose(forwards, both.forward_layer(x), rtol=1e-5, atol=1e-7)
    reader = unrolled(both.backward_layer.cell, return_sequences=True)
    np.testing.assert_allclose(backwards, ops.flip(reader(ops.flip(x, 1)), 1), rtol=1e-5, atol=1e-7)


def test_a_stack_of_two_cells_equals_one_after_the_other(cell, x):
    lower, upper = cell(UNITS), cell(UNITS)
    stack = unrolled(layers.StackedRNNCells([lower, upper]))(x)
    one_by_one = unrolled(upper)(unrolled(lower, return_sequences=True)(x))
    np.testing.assert_allclose(stack, one_by_one, rtol=1e-5, atol=1e-7)


def test_a_saved_model_is_loaded_with_the_same_outputs(cell, x, tmp_path):
    deep = layers.Bidirectional(unrolled(layers.StackedRNNCells([cell(UNITS), cell(UNITS)])))
    inside = unrolled(cell(UNITS), return_sequences=True)
    saved = keras.Sequential([keras.Input((STEPS, FEATURES)), inside, deep])
    saved.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), saved(x))


@pytest.mark.parametrize("lanes", [None, LANES])
def test_a_cell_is_recreated_from_its_config(cell, lanes):
    config = cell(UNITS, lanes=lanes, name="inner", dtype="float64").get_config()
    assert (config["units"], config["lanes"]) == (UNITS, lanes)
    assert cell.from_config(config).get_config() == config


def test_the_weights_are_those_of_shapes(cell):
    made, shapes = built(cell), cell.shapes(FEATURES, UNITS)
    assert [tuple(w.shape) for w in made.weights] == list(shapes.values())
    assert made.count_params() == sum(np.prod(shape) for shape in shapes.values())


def test_weights_are_kept_by_group_and_peepholes_by_gate(cell):
    made = built(cell)
    assert list(made.W) == list(made.b) == list(cell.gates)
    assert list(made.R) == [*cell.gates, *cell.recurrent]
    for group in cell.gates:
        wide = len(group) * UNITS
        assert made.W[group].shape == (FEATURES, wide)
        assert made.R[group].shape == (UNITS, wide)
        assert made.b[group].shape == (wide,)
    assert {gate: tuple(p.shape) for gate, p in made.p.items()} == {gate: (UNITS,) for gate in cell.peepholes}
    for name, (rows, columns) in cell.recurrent.items():
        assert made.R[name].shape == (rows * UNITS, columns * UNITS)


def test_initial_weights_are_drawn_from_a_normal_of_deviation_one_tenth(cell):
    keras.utils.set_random_seed(1)
    values = np.concatenate([np.ravel(w) for _ in range(20) for w in built(cell).weights])
    assert stats.kstest(values, stats.norm(scale=0.1).cdf).pvalue > 0.01


@pytest.mark.parametrize("lanes", [None, LANES])
def test_no_two_initial_weights_are_equal(cell, lanes):
    """An initialiser shared by two weights of one shape would draw the same numbers twice."""
    weights = [np.asarray(w) for w in built(cell, UNITS, lanes=lanes).weights]
    if lanes:
        weights = [of_lane for w in weights for of_lane in w]
    for a, b in itertools.combinations(weights, 2):
        assert a.shape != b.shape or not np.any(a == b)


def test_a_step_from_projected_inputs_is_the_same(cell, x):
    made, x = built(cell), x[:, 0]
    states = list(np.random.default_rng(1).normal(size=(len(cell.states), BATCH, UNITS)).astype("float32"))
    projected = {group: made.project(group, x) for group in cell.gates}
    np.testing.assert_array_equal(made.advance(projected, states), made.advance(x, states))


@pytest.mark.usefixtures("float64")
def test_a_step_with_lanes_equals_the_step_of_each_trial_alone(cell):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(LANES, BATCH, FEATURES))
    states = draw.normal(size=(len(cell.states), LANES, BATCH, UNITS))
    singles = [built(cell, dtype="float64") for _ in range(LANES)]
    lanes = cell(UNITS, lanes=LANES, dtype="float64")
    lanes.build(x.shape)
    for together, *alone in zip(lanes.weights, *(single.weights for single in singles), strict=True):
        together.assign(np.reshape([np.asarray(w) for w in alone], together.shape))
    result = np.array(lanes.advance(x, list(states)))
    expected = [np.array(single.advance(x[k], list(states[:, k]))) for k, single in enumerate(singles)]
    np.testing.assert_allclose(result, np.stack(expected, axis=1), rtol=1e-13, atol=1e-15)
