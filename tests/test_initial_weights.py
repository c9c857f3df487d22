"""Initial weights: a rule and a random stream for each weight, gate by gate."""

import numpy as np
import pytest

from suite import Refusal
from suite.cells.base import Cell
from suite.initial_weights import RULES, draw_weights, parse_rule, rule_for
from suite.task import Task
from suite.variants import cell_variant, find_network

TASK = Task("t", "t", lambda folder: {}, 3, 2, "squared", "squared", "u", "every step", "s")
LSTM = find_network("lstm", TASK)


def test_without_rules_all_weights_are_the_papers():
    drawn = np.concatenate([w.ravel() for w in draw_weights(LSTM, 40, seed=1).values()])
    assert drawn.std() == pytest.approx(0.1, rel=0.02)
    assert abs(drawn.mean()) < 0.003
    assert len(np.unique(drawn)) > 0.999 * len(drawn)  # no two weights share a stream


def test_a_new_weight_changes_no_other_draw():
    """The LSTM without an input gate has all else that the LSTM has."""
    more, fewer = (draw_weights(find_network(name, TASK), 5, seed=1) for name in ("lstm", "nig"))
    z, i, f, o = np.split(more["recurrent/R/zifo"], 4, axis=-1)
    np.testing.assert_array_equal(np.concatenate([z, f, o], axis=-1), fewer["recurrent/R/zfo"])
    np.testing.assert_array_equal(more["head/W"], fewer["head/W"])
    assert not np.array_equal(i, f)


def test_a_rule_is_that_of_the_last_pattern_that_matches():
    rules = {"*": "normal(0.1)", "R/*": "orthogonal", "b/f": "constant(1)", "recurrent/2/b/f": "constant(2)"}
    names = {"recurrent/R/z": "orthogonal", "recurrent/b/f": "constant(1)", "recurrent/2/b/f": "constant(2)"}
    assert {name: rule_for(name, rules) for name in names} == names
    assert rule_for("recurrent/b/i", rules) == "normal(0.1)"


def test_gates_have_their_own_rules_in_a_joined_array():
    weights = draw_weights(LSTM, 5, 1, {"b/f": "constant(1)", "R/*": "orthogonal", "R/z": "identity(2)"})
    z, i, f, o = np.split(weights["recurrent/R/zifo"], 4, axis=-1)
    np.testing.assert_array_equal(z, 2 * np.eye(5))
    for matrix in (i, f, o):
        np.testing.assert_allclose(matrix.T @ matrix, np.eye(5), atol=1e-6)
    np.testing.assert_array_equal(weights["recurrent/b/zifo"][10:15], 1)
    assert not (weights["recurrent/b/zifo"][:10] == 1).any()


def test_a_cell_can_have_its_own_rules_and_the_users_come_after_them():
    cell = type(
        "IRNN", (Cell,), {"gates": ("z",), "initial_weights": {"R/z": "identity", "b/z": "constant(0)"}}
    )
    network = cell_variant(cell).network(TASK)
    np.testing.assert_array_equal(draw_weights(network, 4, 1)["recurrent/R/z"], np.eye(4))
    mine = draw_weights(network, 4, 1, {"b/*": "constant(3)"})
    np.testing.assert_array_equal(mine["recurrent/b/z"], 3)
    np.testing.assert_array_equal(mine["recurrent/R/z"], np.eye(4))
    mine = draw_weights(network, 4, 1, {"*": "constant(3)"})  # also where the pattern is the paper's
    np.testing.assert_array_equal(mine["recurrent/R/z"], 3)


def test_a_vector_with_the_name_of_a_group_of_gates_is_drawn_whole():
    cell = type("Gains", (Cell,), {"gates": ("zi",), "vectors": {"zi": 1}})
    assert draw_weights(cell_variant(cell).network(TASK), 3, 1)["recurrent/v/zi"].shape == (3,)


def draw(text, *shape):
    name, arguments = parse_rule(text)
    return RULES[name](np.random.default_rng(0), shape, *arguments)


def test_orthogonal_matrices_are_uniform_and_scaled():
    tall, wide = draw("orthogonal(2)", 7, 3), draw("orthogonal", 3, 7)
    np.testing.assert_allclose(tall.T @ tall, 4 * np.eye(3), atol=1e-12)
    np.testing.assert_allclose(wide @ wide.T, np.eye(3), atol=1e-12)
    assert (
        abs(np.diagonal(draw("orthogonal", 2000, 2, 2), axis1=1, axis2=2).mean()) < 0.05
    )  # no sign is preferred


def test_sparse_columns_have_as_many_entries_as_they_should():
    columns = draw("sparse(3, 1)", 10, 400)
    assert ((columns != 0).sum(axis=0) == 3).all()
    assert columns[columns != 0].std() == pytest.approx(1, rel=0.05)
    assert ((columns != 0).mean(axis=1) > 0.2).all()  # in any row


def test_chrono_biases_open_the_forget_gate_for_the_steps_to_remember():
    """σ(b) = u / (1 + u) for u uniform on 1 … T − 1, as in Tallec and Ollivier (2018)."""
    b = draw("chrono(101)", 4000)
    u = np.exp(b)
    assert (u.min(), u.max()) == pytest.approx((1, 100), abs=0.5)
    assert u.mean() == pytest.approx(50.5, rel=0.03)


def test_uniform_is_symmetric():
    drawn = draw("uniform(0.5)", 4000)
    assert (drawn.min(), drawn.max()) == pytest.approx((-0.5, 0.5), abs=0.01)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("normal", "expected normal(stddev) with finite numbers, got 'normal'"),
        ("normal(nan)", "expected normal(stddev) with finite numbers, got 'normal(nan)'"),
        ("constant(inf)", "expected constant(value) with finite numbers, got 'constant(inf)'"),
        ("normal(x)", "expected normal(stddev) with finite numbers, got 'normal(x)'"),
        ("sparse(3)", "expected sparse(count, stddev) with finite numbers, got 'sparse(3)'"),
        ("ortogonal", "Did you mean 'orthogonal'?"),
        ("normal(1, 2)", "expected normal(stddev) with finite numbers, got 'normal(1, 2)'"),
        ("normal(-1)", "expected stddev to be a number from 0 to 1e+30, got 'normal(-1)'"),
        ("normal(1e39)", "expected stddev to be a number from 0 to 1e+30"),
        ("uniform(-0.5)", "expected limit to be a number from 0 to 1e+30"),
        ("constant(1e39)", "expected value to be a number from -1e+30 to 1e+30, got 'constant(1e39)'"),
        ("orthogonal(1e39)", "expected gain to be a number from -1e+30 to 1e+30"),
        ("identity(-1e39)", "expected scale to be a number from -1e+30 to 1e+30"),
        ("sparse(-3,1)", "expected count to be a whole number from 1 to 1e+30, got 'sparse(-3,1)'"),
        ("sparse(2.5, 1)", "expected count to be a whole number"),
        ("sparse(3, -1)", "expected stddev to be a number from 0"),
        ("chrono(1.5)", "expected longest to be a number from 2 to 1e+30, got 'chrono(1.5)'"),
        ("normal(0.1", "expected a rule such as normal(0.1), got 'normal(0.1'"),
    ],
)
def test_an_invalid_rule_is_refused(text, refusal):
    with pytest.raises(Refusal) as error:
        parse_rule(text)
    assert refusal in str(error.value)


def test_weights_of_the_largest_arguments_are_finite_numbers_in_float32():
    largest = ("normal(1e30)", "uniform(1e30)", "constant(-1e30)", "orthogonal(1e30)", "chrono(1e30)")
    for text in largest:
        assert np.isfinite(draw(text, 20, 20).astype("float32")).all()


def test_a_rule_of_matrices_is_refused_for_a_vector():
    with pytest.raises(Refusal, match="orthogonal is a rule for matrices, and recurrent/b/z is a vector"):
        draw_weights(LSTM, 4, 1, {"b/*": "orthogonal"})
