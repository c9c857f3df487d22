"""How variants stand over tasks, against the worked example of Demšar (2006)."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f

from suite.analysis.significance import (
    average_ranks,
    critical_difference,
    nonsignificant_groups,
)

NAN = math.nan

DEMSAR = pd.DataFrame(  # the ranks of Demšar (2006), table 6: C4.5 and its variants on 14 data sets
    {
        "C4.5": [4, 1, 4, 4, 4, 1, 3, 2.5, 4, 2.5, 4, 3, 4, 3],
        "C4.5+m": [3, 2, 1, 1, 2, 2.5, 2, 2.5, 3, 2.5, 2.5, 2, 1, 1],
        "C4.5+cf": [2, 3, 2, 3, 3, 4, 4, 4, 2, 2.5, 1, 4, 2, 4],
        "C4.5+m+cf": [1, 4, 3, 2, 1, 2.5, 1, 1, 1, 2.5, 2.5, 1, 3, 2],
    }
)


def test_ranks_and_friedmans_test_are_those_of_demsars_example():
    """χ² = 9.28 and F = 3.69 without the correction for ties (3 pairs and a group of four)."""
    result = average_ranks(DEMSAR)
    assert result.ranks.round(3).to_dict() == {
        "C4.5+m+cf": 1.964,
        "C4.5+m": 2,
        "C4.5+cf": 2.893,
        "C4.5": 3.143,
    }
    correction = 1 - (3 * (2**3 - 2) + (4**3 - 4)) / (14 * (4**3 - 4))
    plain = result.statistic * correction
    assert plain == pytest.approx(9.28, abs=0.005)
    assert 13 * plain / (14 * 3 - plain) == pytest.approx(3.69, abs=0.005)
    assert f.sf(3.69, 3, 39) == pytest.approx(result.p, abs=0.005)


def test_the_critical_difference_and_the_groups_are_those_of_demsars_example():
    result = average_ranks(DEMSAR)
    assert result.critical_difference == pytest.approx(1.25, abs=0.005)
    assert result.groups == [["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]]
    assert nonsignificant_groups(result.ranks, 1.12) == [
        ["C4.5+m+cf", "C4.5+m", "C4.5+cf"],
        ["C4.5+cf", "C4.5"],
    ]  # at .10


Q = {3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}


@pytest.mark.parametrize("variants", Q)
def test_critical_values_are_those_of_demsars_table_5(variants):
    q = critical_difference(variants, 14) / math.sqrt(variants * (variants + 1) / (6 * 14))
    assert q == pytest.approx(Q[variants], abs=0.001)


@pytest.mark.parametrize("variants", [3, 9, 20])
def test_two_tasks_that_agree_are_too_few_and_three_are_not(variants):
    table = pd.DataFrame([range(variants)] * 3)
    few, enough = average_ranks(table[:2]), average_ranks(table)
    assert critical_difference(variants, 2) > variants - 1
    assert (few.ranks.tolist(), few.groups) == (list(range(1, variants + 1)), None)
    assert np.isnan([few.statistic, few.p, few.critical_difference]).all()
    assert enough.critical_difference < variants - 1
    assert average_ranks(table.iloc[:, :2]).groups is None


def test_variants_far_apart_are_in_no_group():
    assert average_ranks(pd.DataFrame([[1, 2, 3]] * 40)).groups == []


def test_equal_scores_on_every_task_are_one_group():
    result = average_ranks(pd.DataFrame(np.zeros((4, 3)), columns=list("abc")))
    assert (result.p, result.groups) == (1, [["a", "b", "c"]])


def test_a_missing_score_is_the_worst_of_its_task():
    ranks = average_ranks(pd.DataFrame({"a": [NAN, 1], "b": [1, math.inf], "c": [2, NAN]})).ranks
    assert ranks.to_dict() == {"b": 1.75, "a": 2, "c": 2.25}
