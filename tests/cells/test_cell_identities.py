"""Identities: a cell whose weights fulfil a condition equals another cell."""

import numpy as np
import pytest
from run_cells import drawn, outputs

pytestmark = pytest.mark.usefixtures("float64")

OPEN = 60.0  # σ(60) is 1 in float64


def with_gate(gate, bias):
    """Return a change of weights that holds a gate at σ(bias)."""

    def change(w):
        return (
            w
            | {f"{kind}/{gate}": 0 * w[f"{kind}/{gate}"] for kind in "WRp"}
            | {f"b/{gate}": 0 * w["b/z"] + bias}
        )

    return change


def without(*keys):
    return lambda w: w | {key: 0 * w[key] for key in keys}


def with_coupled_gates(w):
    return w | {f"{kind}/f": -w[f"{kind}/i"] for kind in "WRbp"}  # 1 − σ(a) = σ(−a)


def with_both_gates_open(w):
    return with_gate("z", OPEN)(with_gate("r", OPEN)(w))


def with_the_candidate(w):
    return w | {f"{kind}/z": w[f"{kind}/g"] for kind in "WRb"}


def unchanged(w):
    return w


@pytest.mark.parametrize(
    ("one", "change_of_one", "other", "change_of_other"),
    [
        pytest.param(
            "lstm", without("p/i", "p/f", "p/o"), "np", unchanged, id="lstm without peepholes is np"
        ),
        pytest.param("lstm", with_gate("i", OPEN), "nig", unchanged, id="lstm with i = 1 is nig"),
        pytest.param("lstm", with_gate("f", OPEN), "nfg", unchanged, id="lstm with f = 1 is nfg"),
        pytest.param("lstm", with_gate("o", OPEN), "nog", unchanged, id="lstm with o = 1 is nog"),
        pytest.param("lstm", with_coupled_gates, "cifg", unchanged, id="lstm with f = 1 - i is cifg"),
        pytest.param("fgr", without("R/G"), "lstm", unchanged, id="fgr without G is lstm"),
        pytest.param("gru", with_both_gates_open, "rnn", with_the_candidate, id="gru with z = r = 1 is rnn"),
    ],
)
def test_a_cell_under_a_condition_equals_another_cell(one, change_of_one, other, change_of_other):
    w, x, _ = drawn()
    expected = outputs(other, change_of_other(w), x)
    np.testing.assert_allclose(outputs(one, change_of_one(w), x), expected, rtol=1e-12)
    assert (
        np.abs(outputs(one, w, x) - outputs(other, w, x)).max() > 1e-3
    )  # the change is what makes them equal


@pytest.mark.parametrize("name", ["niaf", "noaf"])
def test_without_an_activation_the_difference_is_cubic_in_a_small_block_input(name):
    w, x, _ = drawn()

    def difference(size):
        small = w | {f"{kind}/z": size * w[f"{kind}/z"] for kind in "WRb"}
        return np.abs(outputs(name, small, x) - outputs("lstm", small, x)).max()

    assert 0 < difference(1e-2) < 1e-4
    assert difference(1e-2) / difference(5e-3) == pytest.approx(8, rel=1e-2)  # tanh(a) = a − a³/3 + …
