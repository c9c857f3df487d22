"""Verdicts on claims that cells differ, or do not."""

import math

import numpy as np
import pandas as pd
import pytest
from studies import (
    planted,
    study_config,
    verdicts,
)

from suite.analysis.cell_claims import (
    EQUIVALENCE_BOUND,
    equivalence_test,
    inferiority_test,
    noninferiority_test,
    nonsuperiority_test,
    superiority_test,
)
from suite.analysis.significance import superiority_interval, trials_needed
from suite.analysis.verdicts import Claim, Study, round_up_to_digit
from suite.config import SweepConfig

pytestmark = pytest.mark.usefixtures("few_resamples")


def lines(test, probability, half, count, significant=False):
    """Return the verdict of a test on so many equal comparisons."""
    side = {"worse": significant and probability < 0.5, "better": significant and probability > 0.5}
    line = {"cell": "np", "against": "lstm", "trials": 200, "probability": probability}
    line |= {"low": probability - half, "high": probability + half, "adjusted": 0.5, "welch": math.nan} | side
    tasks = [f"t{i}" for i in range(count)]
    claim = Claim("c", "", "", test, pairs=(("np", "lstm"),))
    table = pd.DataFrame([{"task": task} | line for task in tasks])
    return test(Study(pd.DataFrame(), SweepConfig("planted"), {}, table, {}, 1), claim, tasks)


@pytest.mark.parametrize(
    ("test", "probability", "significant", "verdict"),
    [
        (inferiority_test, 0.3, True, "holds"),
        (inferiority_test, 0.42, False, "undecided"),
        (inferiority_test, 0.5, False, "fails"),
        (inferiority_test, 0.48, True, "holds"),  # a loss that is sure, and too small to matter
        (inferiority_test, 0.7, True, "fails"),
        (superiority_test, 0.7, True, "holds"),
        (superiority_test, 0.58, False, "undecided"),
        (superiority_test, 0.5, False, "fails"),
        (noninferiority_test, 0.5, False, "holds"),
        (noninferiority_test, 0.7, True, "holds"),
        (noninferiority_test, 0.42, False, "undecided"),
        (noninferiority_test, 0.48, True, "fails"),
        (nonsuperiority_test, 0.3, True, "holds"),
        (nonsuperiority_test, 0.58, False, "undecided"),
        (nonsuperiority_test, 0.52, True, "fails"),
        (equivalence_test, 0.5, False, "holds"),
        (equivalence_test, 0.42, False, "undecided"),
        (equivalence_test, 0.58, False, "undecided"),
        (equivalence_test, 0.3, True, "fails"),
        (equivalence_test, 0.7, True, "fails"),
    ],
)
def test_absence_of_significance_is_not_equality(test, probability, significant, verdict):
    assert lines(test, probability, 0.05, 1, significant).verdict == verdict


@pytest.mark.parametrize(("test", "probability"), [(inferiority_test, 0.47), (superiority_test, 0.53)])
def test_one_exclusion_of_many_must_stand_for_all_at_once(test, probability):
    """0.47 − 0.06 is above the margin; 0.47 − 0.06 · 2.73 / 1.96, quantiles for eight and for one, is not."""
    result = [lines(test, probability, 0.06, count) for count in (1, 8)]
    assert [v.verdict for v in result] == ["fails", "undecided"]
    assert result[1].numbers["low_of_all"].iloc[0] == pytest.approx(
        probability - 0.06 * 2.734 / 1.960, abs=1e-4
    )


def test_trials_needed_are_the_fewer_of_a_difference_found_and_one_excluded():
    assert lines(inferiority_test, 0.44, 0.06, 8).trials_needed == round_up_to_digit(trials_needed(0.44, 8))
    assert lines(inferiority_test, 0.46, 0.07, 8).trials_needed == round_up_to_digit(
        trials_needed(0.5 + 0.46 - EQUIVALENCE_BOUND, 1)
    )
    assert lines(noninferiority_test, 0.36, 0.06, 1).trials_needed == 300  # 67 would do, but 200 did not


def test_the_trials_needed_exclude_a_loss_in_four_of_five_cases_where_there_is_none():
    n, rng = trials_needed(0.5 + 0.5 - EQUIVALENCE_BOUND, 1), np.random.default_rng(2)
    low = [superiority_interval(*rng.standard_normal((2, n)), seed)[0] for seed in range(100)]
    assert np.mean(np.array(low) > EQUIVALENCE_BOUND) == pytest.approx(0.8, abs=0.08)


@pytest.mark.parametrize(
    ("effects", "verdict"),
    [
        ({"rnn": 3}, "holds"),  # no better than who has learned nothing
        ({"rnn": 1.2}, "holds"),  # learns, but scores three times as high
        ({"rnn": 0.6}, "fails"),  # significantly worse, but not twice, and it learns
        ({}, "fails"),
        ({"lstm": 3, "gru": 3, "rnn": 3}, "undecided"),  # none learns
        ({"gru": 3, "rnn": 5}, "undecided"),  # one of the others does not
    ],
)
def test_a_simple_network_forgets_by_the_criterion(effects, verdict):
    config = study_config(["adding"], ["rnn", "lstm", "gru"])
    found = verdicts(planted(config, effects), config)["rnn-forgets"]
    assert found.verdict == verdict
    assert f"{found.numbers['rnn'].iloc[0]:.3g} for rnn" in found.evidence


def test_a_simple_network_does_not_forget_by_medians_that_may_be_chance():
    config = study_config(["adding"], ["rnn", "lstm", "gru"], trials=20)
    result = verdicts(planted(config, {"rnn": 0.72}), config)["rnn-forgets"]
    assert result.numbers["rnn"].iloc[0] > 2 * result.numbers["lstm"].iloc[0]
    assert (result.verdict, result.numbers["adjusted"].iloc[0] > 0.05) == ("fails", True)


def test_a_claim_about_a_task_is_tested_on_that_task_with_any_options():
    config = study_config(["adding@length=100"], ["rnn", "lstm", "gru"])
    result = verdicts(planted(config, {"rnn": 3}), config)
    assert result["rnn-forgets"].verdict == "holds"
    assert result["gru-no-worse"].verdict != "not tested"
    assert result["noise-hurts-music"].verdict == "not tested"
