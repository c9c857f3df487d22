"""Importance: against functions whose shares of variance are known, and a tree worked by hand."""

import itertools

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from suite import Refusal
from suite.analysis.importance import BINS, bin_centres, fanova, tree_effects


def uniform(trials, columns, seed=0):
    return np.random.default_rng(seed).random((trials, columns))


def ishigami(points):
    """Ishigami and Homma (1990), a = 7 and b = 0.1, on the cube from −π to π."""
    x, y, z = (2 * points.T - 1) * np.pi
    return np.sin(x) + 7 * np.sin(y) ** 2 + 0.1 * z**4 * np.sin(x)


def ishigami_shares():
    first, second = (1 + np.pi**4 / 50) ** 2 / 2, 49 / 8
    pair = np.pi**8 * (1 / 18 - 1 / 50) / 100
    total = first + second + pair
    return {(0,): first / total, (1,): second / total, (0, 2): pair / total}


A = np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0])  # of Sobol's g-function: the larger, the less it matters


def g(points):
    """Sobol's g-function (Saltelli and Sobol, 1995)."""
    return ((abs(4 * points - 2) + A) / (1 + A)).prod(axis=1)


def g_shares():
    own = 1 / (3 * (1 + A) ** 2)
    total = (1 + own).prod() - 1
    pairs = itertools.combinations(range(len(A)), 2)
    return {(j,): v / total for j, v in enumerate(own)} | {(j, k): own[j] * own[k] / total for j, k in pairs}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("trials", "within"), [(1_000, 0.03), (200, 0.08)])
@pytest.mark.parametrize(
    ("function", "known", "columns"),
    [(ishigami, ishigami_shares(), 3), (g, g_shares(), 6)],
    ids=["ishigami", "g"],
)
def test_shares_are_those_of_functions_whose_shares_are_known(function, known, columns, trials, within, seed):
    points = uniform(trials, columns, seed)
    result = fanova(points, function(points), seed=seed).shares
    assert {effect: result[effect] for effect in result} == pytest.approx(
        {effect: known.get(effect, 0) for effect in result}, abs=within
    )


def test_the_effects_of_a_tree_worked_by_hand():
    """1 where x is low; where it is high, 3 where y is low, else 5: the mean is 2.5."""
    low, high = 0, BINS - 1
    points = np.array([[low, low], [low, high], [high, low], [high, high]])
    tree = DecisionTreeRegressor(random_state=0).fit(points, [1, 1, 3, 5]).tree_
    result = {effect: table[0] for effect, table in tree_effects([tree], 2).items()}
    half = BINS // 2
    side = np.repeat([-1, 1], half)
    np.testing.assert_allclose(result[0,], 1.5 * side)
    np.testing.assert_allclose(result[1,], 0.5 * side)
    np.testing.assert_allclose(result[0, 1], 0.5 * np.outer(side, side))  # so of 2.75 they are 2.25, .25, .25


def test_the_effects_of_a_tree_are_those_of_its_predictions_everywhere():
    cells = np.random.default_rng(0).integers(BINS, size=(100, 2))
    tree = DecisionTreeRegressor(random_state=0).fit(cells, np.sin(cells).prod(axis=1))
    everywhere = np.array(list(itertools.product(range(BINS), repeat=2)))
    surface = tree.predict(everywhere).reshape(BINS, BINS)
    result = {effect: table[0] for effect, table in tree_effects([tree.tree_], 2).items()}
    first, second = surface.mean(axis=1) - surface.mean(), surface.mean(axis=0) - surface.mean()
    np.testing.assert_allclose(result[0,], first, atol=1e-12)
    np.testing.assert_allclose(result[1,], second, atol=1e-12)
    pair = surface - surface.mean() - first[:, None] - second
    np.testing.assert_allclose(result[0, 1], pair, atol=1e-12)


def test_shares_of_single_trees_are_nearly_those_of_a_function_without_noise():
    """Of f = x + 2 y² + x z the shares are .328, .623 and .036, of x and z together .012."""
    points = uniform(1_000, 3)
    x, y, z = points.T
    result = fanova(points, x + 2 * y**2 + x * z, seed=0).single_tree_shares
    known = {(0,): 0.328, (1,): 0.623, (2,): 0.036, (0, 2): 0.012}
    assert result == pytest.approx({effect: known.get(effect, 0) for effect in result}, abs=0.02)
    assert 0.97 < sum(result.values()) <= 1


def test_single_trees_take_noise_for_interactions_and_their_mean_does_not():
    """Half of the variance is one column's, and half is noise."""
    points, draw = uniform(200, 3), np.random.default_rng(2)
    result = fanova(points, points[:, 1] + draw.normal(scale=12**-0.5, size=200), seed=0)
    actual, expected = (
        sum(share for effect, share in shares.items() if len(effect) == 2)
        for shares in (result.shares, result.single_tree_shares)
    )
    assert actual < 0.05 < 0.15 < expected
    assert sum(result.single_tree_shares.values()) <= 1


def test_single_trees_that_saw_one_score_alone_are_left_out():
    result = fanova(uniform(20, 2), np.eye(20)[0], seed=0).single_tree_shares
    assert 0.5 < sum(result.values()) <= 1


def test_a_sum_has_no_interactions_and_a_product_has():
    points = uniform(300, 3)
    total = fanova(points, points[:, 0] + 2 * points[:, 1] ** 2, seed=0)
    product = fanova(points, (points[:, 0] - 0.5) * (points[:, 1] - 0.5), seed=0)
    assert all(share < 0.02 for effect, share in total.shares.items() if len(effect) == 2)
    assert max(product.shares, key=product.shares.get) == (0, 1)
    assert product.shares[0, 1] > total.permutation_null[2]


def test_where_nothing_matters_no_share_is_far_above_the_floor():
    points, noise = uniform(200, 4), np.random.default_rng(1).normal(size=200)
    result = fanova(points, noise, seed=0)
    assert all(
        share <= 2 * result.permutation_null[len(effect)] + 0.01 for effect, share in result.shares.items()
    )
    assert result.residual_share > 0.8


def test_small_effects_beside_a_large_one_are_trends():
    """One column explains 94 %, two 1 % each: below the share by chance if no column had an effect."""
    points, noise = uniform(200, 4), np.random.default_rng(1).normal(size=200)
    large, rising, falling = (12**0.5 * (points[:, j] - 0.5) for j in range(3))
    result = fanova(points, 0.97 * large + 0.1 * rising - 0.1 * falling + 0.2 * noise, seed=0)
    assert result.shares[1,] < result.permutation_null[1]
    trends = [result.trend(j) for j in range(4)]
    assert [np.sign(correlation) for correlation, p in trends if p < 0.001] == [1, 1, -1]
    assert trends[3][1] > 0.05


def test_noise_is_no_share_of_a_column():
    """Half of the variance is noise; the rest is one column's."""
    points, draw = uniform(1_000, 3), np.random.default_rng(1)
    result = fanova(points, points[:, 1] + draw.normal(scale=12**-0.5, size=1_000), seed=0)
    assert result.shares[1,] == pytest.approx(0.5, abs=0.04)
    assert result.residual_share == pytest.approx(0.5, abs=0.04)


def test_shares_and_the_rest_add_up_to_one():
    points = uniform(100, 3)
    result = fanova(points, g(np.hstack([points, points])), seed=0)
    assert sum(result.shares.values()) + result.residual_share == pytest.approx(1)
    assert result.shares.keys() == result.share_sd.keys() == {(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)}


def test_the_marginal_is_the_function_of_its_column():
    points = uniform(1_000, 2)
    result = fanova(points, 3 * points[:, 0] + np.sin(2 * np.pi * points[:, 1]), seed=0)
    mean, spread = result.marginal(0)
    np.testing.assert_allclose(mean, 3 * bin_centres(), atol=0.2)
    assert (spread >= 0).all()
    expected = 3 * bin_centres()[:, None] + np.sin(2 * np.pi * bin_centres())
    np.testing.assert_allclose(result.surface(0, 1), expected, atol=0.5)
    assert abs(result.interaction(0, 1)).max() < 0.2


def test_shares_do_not_depend_on_the_unit_of_the_score():
    points = uniform(100, 2)
    scores = ishigami(np.hstack([points, points[:, :1]]))
    one, other = fanova(points, scores, seed=0), fanova(points, 1e-9 * scores, seed=0)
    assert one.shares == pytest.approx(other.shares, abs=0.02)


def test_the_same_seed_gives_the_same_numbers_and_another_nearly_the_same():
    points = uniform(500, 3)
    one, same, other = (fanova(points, ishigami(points), seed=seed) for seed in (0, 0, 1))
    assert one.shares == same.shares
    assert one.shares != other.shares
    assert one.shares == pytest.approx(other.shares, abs=0.05)


@pytest.mark.parametrize(
    ("points", "scores", "said"),
    [
        (uniform(50, 2) + 0.5, np.arange(50), "expected points in the unit cube"),
        (np.full((50, 2), np.nan), np.arange(50), "expected points in the unit cube"),
        (uniform(50, 2), np.full(50, np.inf), "expected finite scores"),
        (uniform(50, 2), np.ones(50), "not all the same"),
        (uniform(19, 2), np.arange(19), "at least 20 trials with a score, got 19"),
        (uniform(50, 2), np.arange(49), r"got \(50, 2\), \(49,\)"),
    ],
)
def test_what_cannot_be_analysed_is_refused(points, scores, said):
    with pytest.raises(Refusal, match=said):
        fanova(points, scores, seed=0)
