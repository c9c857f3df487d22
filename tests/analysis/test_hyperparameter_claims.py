"""Verdicts on claims about hyperparameters."""

import math

import numpy as np
import pytest
from studies import (
    NOISE,
    RATE,
    UNITS,
    importance,
    planted,
    study_config,
    verdicts,
)

pytestmark = pytest.mark.usefixtures("few_resamples")


@pytest.mark.parametrize(
    ("share", "rest", "verdict", "known"),
    [(0.6, 0.05, "fails", False), (0.6, 0.3, "undecided", False), (0.66, 0.05, "undecided", True)],
)
def test_a_share_is_judged_with_and_without_the_rest(share, rest, verdict, known):
    """Of 0.7 that is explained, 0.6 is more than two thirds; more trials would not tell what the rest is."""
    config = study_config(["jsb"], ["lstm"], trials=20)
    result = verdicts(planted(config), config, importance(**{RATE: share}, rest=rest, spread=0.002))
    assert result["learning-rate-most"].verdict == verdict
    assert math.isfinite(result["learning-rate-most"].trials_needed) == known


def test_the_papers_own_estimate_stands_beside_a_share_and_decides_nothing():
    """That of the planted shares is nine tenths of them; what it leaves of columns is interactions."""
    config = study_config(["jsb"], ["lstm"], trials=20)
    result = verdicts(planted(config), config, importance(**{RATE: 0.7}, rest=0.02))
    for name, theirs in (("learning-rate-most", 0.63), ("interactions-few", 1 - 0.9 * 0.751)):
        assert f"by single trees, as in the paper, {theirs:.3f}" in result[name].evidence
        assert result[name].evidence.endswith("single trees are not used")
        assert result[name].numbers["single_trees"].tolist() == pytest.approx([theirs])
        assert result[name].verdict == "holds"


def test_interactions_may_be_all_of_the_rest():
    config = study_config(["jsb"], ["lstm"], trials=20)
    rows = planted(config)
    for rest, verdict in ((0.1, "holds"), (0.2, "undecided")):
        assert verdicts(rows, config, importance(rest=rest))["interactions-few"].verdict == verdict


def test_where_no_share_is_above_chance_nothing_is_said():
    config = study_config(["jsb"], ["lstm"], trials=20)
    nothing = importance(
        **{RATE: 0.004, UNITS: 0, "momentum": 0, NOISE: 0.004, "pair": 0},
        trend=(0.1, 0.5),
        rest=0.99,
        spread=0,
    )
    result = verdicts(planted(config), config, nothing)
    for name in ("learning-rate-most", "momentum-nothing", "noise-hurts-music", "interactions-few"):
        assert result[name].verdict == "undecided"


@pytest.mark.parametrize(
    ("trend", "share", "verdict"),
    [
        ((0.5, 0.04), 0.004, "holds"),  # below the share by chance if nothing had an effect
        ((-0.5, 0.04), 0.03, "fails"),
        ((0.5, 1e-9), 0.0005, "fails"),  # it rises, but that is nothing
        ((0.5, 0.06), 0.03, "undecided"),
        ((-0.5, 0.06), 0.03, "undecided"),
    ],
)
def test_noise_hurts_where_the_score_rises_apart_from_other_effects(trend, share, verdict):
    config = study_config(["jsb"], ["lstm"], trials=20)
    known = importance(**{NOISE: share}, trend=trend)
    assert verdicts(planted(config), config, known)["noise-hurts-music"].verdict == verdict


def test_twice_the_normal_deviate_needs_a_quarter_of_the_trials():
    """A p of .318 is one standard deviation, and .05 is 1.96: 200 trials · 1.96² is 768, about 800."""
    config = study_config(["jsb"], ["lstm"])
    known = importance(trend=(0.1, 0.3173))
    assert verdicts(planted(config), config, known)["noise-hurts-music"].trials_needed == 800


def test_small_and_large_networks_are_thirds_of_the_range_on_its_scale():
    config = study_config(["jsb"], ["lstm"])
    rows = planted(config, best=lambda units: np.where(units < 43, 1e-3, 1e-5))  # 20 · 10^⅓ is 43
    x = verdicts(rows, config)["rate-from-small"].numbers.iloc[0]
    assert (x["small"], x["large"]) == (pytest.approx(1e-3, rel=0.3), pytest.approx(1e-5, rel=0.3))
    assert x["low"] < x["ratio"] < x["high"] < 0.1


def test_rates_that_do_not_matter_are_seldom_told_apart():
    """Where scores are chance, best rates are any, and intervals say so."""
    config, rng = study_config(["jsb"], ["lstm"]), np.random.default_rng(4)
    rows = planted(config)
    wrong = 0
    for seed in range(60):
        chance = rows.assign(valid=rng.permutation(rows["valid"]))
        wrong += verdicts(chance, config, seed=seed)["rate-from-small"].verdict != "undecided"
    assert wrong <= 4
