"""Baselines see the steps that their definitions say."""

import numpy as np
import pytest
from keras import ops

from suite.axis import Axis, shape_of
from suite.backend import evaluate, value_and_grad
from suite.cells.base import with_lanes_axis
from suite.layers.base import Context, Stack
from suite.task import Task
from suite.variants import find_network, find_variant

FEATURES, UNITS, BEFORE, AFTER = 2, 3, 3, 4  # steps before and after those that an output may see


def test_a_linear_model_without_inputs_is_a_constant():
    task = Task("t", "T", None, 1, 3, "categorical", "error", "", "every step", "made up", inputs="none")
    assert find_network("linear", task).shapes(UNITS) == {"head/W": (1, 3), "head/b": (3,)}


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("linear", 1),
        ("window@steps=1", 1),
        ("window@steps=6", 6),
        ("conv@blocks=1,taps=2", 1 + 2 * 1 * 1),
        ("conv@blocks=3,taps=2", 1 + 2 * 1 * (1 + 2 + 4)),
        ("conv@blocks=2,taps=4", 1 + 2 * 3 * (1 + 2)),
    ],
)
def test_an_output_sees_exactly_its_receptive_field(name, field):
    """No weight or input is negative, so that no relu hides a step."""
    layers, features = Stack(find_variant(name).layers("forward")), Axis(fixed=FEATURES)
    rng, steps = np.random.default_rng(0), BEFORE + field + AFTER
    weights = {
        weight: ops.convert_to_tensor(
            rng.uniform(0.01, 0.1, with_lanes_axis(shape_of(axes, UNITS), 1)).astype("float32")
        )
        for weight, axes in layers.axes(features).items()
    }
    context = Context(ops.full((1, 1), steps), ops.ones((1, 1, UNITS)))

    def one_output(x):
        y, _ = layers.apply(weights, x["x"], features, context)
        return ops.sum(y[:, :, BEFORE + field - 1]), {}

    x = ops.convert_to_tensor(rng.uniform(size=(1, 1, steps, FEATURES)).astype("float32"))
    _, gradient = evaluate(value_and_grad(one_output), {"x": x})
    seen = (ops.convert_to_numpy(gradient["x"])[0, 0] != 0).all(axis=-1)
    assert np.flatnonzero(seen).tolist() == list(range(BEFORE, BEFORE + field))
