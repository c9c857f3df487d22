"""Statistics of searches against cases worked by hand."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from suite.analysis.trial_statistics import (
    best_tenth,
    best_tenth_error,
    distinct_trials,
    expected_best_scores,
    is_scored,
    median_score,
    ranked_trials,
    variant_summary,
)


def search(valid, test, cell="lstm", **columns):
    """Return the trials of one search with these scores; every trial takes 36 s."""
    n = len(valid)
    done = {"status": "done", "parameters": 100, "epochs": 10, "operations": 5e9, "seconds": 36.0}
    names = {"task": "jsb", "cell": cell, "trial": range(n), "seed": range(n)}
    frame = pd.DataFrame(names | {"valid": valid, "test": test} | done | columns)
    return frame.astype({"valid": float, "test": float})


def test_a_trial_is_scored_when_both_scores_are_finite():
    rows = search([1, None, 1, math.inf, 1], [1, 1, None, 1, -math.inf])
    assert is_scored(rows).tolist() == [True, False, False, False, False]


def test_trials_rank_by_validation_and_equals_by_trial():
    assert ranked_trials(search([3, 1, 2, 1], [0, 9, 0, 0]))["trial"].tolist() == [1, 3, 2, 0]


def test_trials_without_a_score_rank_below_all_others():
    rows = search([None, 5, 0, 9], [None, 1, None, 1])
    assert ranked_trials(rows)["trial"].tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize(("trials", "size"), [(0, 0), (1, 1), (9, 1), (10, 1), (11, 2), (20, 2), (200, 20)])
def test_the_best_tenth_is_rounded_up(trials, size):
    assert len(best_tenth(search(range(trials), range(trials)))) == size


def test_the_best_tenth_is_chosen_on_validation_not_on_test():
    rows = search(range(20), range(20, 0, -1))
    assert best_tenth(rows)["trial"].tolist() == [0, 1]


def test_the_best_tenth_does_not_depend_on_the_order_of_rows():
    rows = search([2, 1, 1, 3] * 5, range(20))
    backwards = best_tenth(rows.iloc[::-1])
    pd.testing.assert_frame_equal(best_tenth(rows), backwards)


def test_the_error_of_a_best_tenth_of_uniform_scores():
    """The mean of the lowest tenth of n uniform scores has variance (0.1 / 3 − 0.1² / 4) / n for large n."""
    scores = (np.arange(200) + 0.5) / 200
    assert best_tenth_error(search(scores, scores), seed=0) == pytest.approx(
        ((0.1 / 3 - 0.1**2 / 4) / 200) ** 0.5, rel=0.1
    )
    assert best_tenth_error(search(scores, np.ones(200)), seed=0) == 0
    assert math.isnan(best_tenth_error(search([None] * 20, [None] * 20), seed=0))


def test_of_trials_with_one_seed_the_one_of_most_epochs_counts():
    rows = search(range(6), range(6), seed=[1, 2, 1, 2, 1, 3], epochs=[2, 9, 6, 9, 4, 1])
    other = rows.assign(cell="gru").set_axis(range(6, 12))
    both = pd.concat([rows, other])
    assert distinct_trials(both).index.tolist() == [2, 3, 5, 8, 9, 11]
    assert distinct_trials(both.sample(frac=1, random_state=1)).equals(distinct_trials(both))
    assert distinct_trials(search([1, 2], [1, 2])).index.tolist() == [0, 1]


def test_a_missing_score_counts_as_infinitely_bad_in_a_median():
    assert median_score(pd.Series([1.0, 2.0, math.nan])) == 2
    assert median_score(pd.Series([1.0, math.nan, math.nan])) == math.inf
    assert math.isnan(median_score(pd.Series([], dtype=float)))


def test_a_summary_worked_by_hand():
    lstm = search([*range(1, 20), None], [4, 6, *[9] * 17, None], parameters=[100, 300, *[0] * 18])
    lstm.loc[[18, 19], "status"] = ["diverged", "failed"]
    np_ = search([3], [7], cell="np")
    table = variant_summary(pd.concat([np_, lstm]), ["lstm", "np", "gru"]).set_index("cell")
    assert table.loc["lstm", ["trials", "done", "diverged", "failed"]].tolist() == [20, 18, 1, 1]
    assert table.loc["lstm", ["best", "best_valid", "best_test"]].tolist() == [0, 1, 4]
    assert table.loc["lstm", ["tenth", "tenth_scored", "tenth_mean"]].tolist() == [2, 2, 5]
    assert table.loc["lstm", "tenth_sd"] == pytest.approx(math.sqrt(2))
    assert table.loc["lstm", ["median", "parameters", "operations", "seconds"]].tolist() == [9, 200, 5e9, 36]
    assert table.loc["lstm", "hours"] == pytest.approx(0.2)
    assert table.loc["np", ["tenth_mean", "difference"]].tolist() == [7, 2]
    assert np.isnan(table.loc["np", "tenth_sd"])
    assert table.loc["gru", ["trials", "tenth", "hours"]].tolist() == [0, 0, 0]
    assert table.loc["gru", ["best", "tenth_mean", "difference", "median"]].isna().all()


def test_trials_without_a_score_in_the_best_tenth_are_counted_and_left_out_of_its_mean():
    row = variant_summary(search([1] + [None] * 19, [5] + [None] * 19), ["lstm"]).iloc[0]
    assert (row["tenth"], row["tenth_scored"], row["tenth_mean"]) == (2, 1, 5)


def test_without_vanilla_there_is_no_difference():
    assert variant_summary(search([1], [1], cell="gru"), ["gru"])["difference"].isna().all()


def best_on_valid(rows):
    """Return the test score of the best trial on validation; NaN if none is scored."""
    first = ranked_trials(rows).head(1)
    return first["test"].where(is_scored(first)).iloc[0]


def test_the_expected_best_is_the_mean_over_all_subsets():
    rows = search([3, None, 2, 5, None, 2], [4, 1, 9, 7, None, 8])
    table = expected_best_scores(rows, seed=1)
    assert table["trials"].tolist() == [1, 2, 3, 4, 5, 6]
    for line in table.itertuples():
        chosen = itertools.combinations(range(6), line.trials)
        result = pd.Series([best_on_valid(rows.iloc[list(subset)]) for subset in chosen])
        assert line.expected == pytest.approx(result.mean())
        assert line.none == pytest.approx(result.isna().mean())


def test_the_expected_best_of_one_trial_is_the_mean_and_of_all_the_best():
    rows = search([3, 1, 2, None], [5, 7, 6, 1])
    assert expected_best_scores(rows, seed=1)["expected"].iloc[[0, 3]].tolist() == pytest.approx([6, 7])


def test_the_expected_best_has_no_bias():
    """Its mean over all searches of five of seven trials is what the seven say."""
    rows = search([3, 1, 4, 6, 5, 9, 2], [2, 7, 1, 8, 3, 9, 4])
    five = [rows.iloc[list(subset)] for subset in itertools.combinations(range(7), 5)]
    mean = np.mean([expected_best_scores(part, seed=1)["expected"] for part in five], axis=0)
    assert mean == pytest.approx(expected_best_scores(rows, seed=1)["expected"][:5].to_numpy())


def test_the_expected_best_of_uniform_scores_is_one_over_n_and_one():
    scores = (np.arange(1000) + 0.5) / 1000
    expected = expected_best_scores(search(scores, scores), seed=1)["expected"]
    assert expected[[0, 1, 9, 99]].tolist() == pytest.approx([1 / 2, 1 / 3, 1 / 11, 1 / 101], abs=0.0005)


def test_intervals_of_the_expected_best_reach_to_a_tenth_and_hold_the_truth():
    """Scores are uniform, so that the best of n is 1 / (n + 1) on average; one trial in ten has none."""
    rng, held = np.random.default_rng(1), []
    for seed in range(100):
        scores = rng.random(100)
        valid = np.where(rng.random(100) < 0.1, np.nan, scores)
        table = expected_best_scores(search(valid, scores), seed)
        held.append(table["low"][0] <= 0.5 <= table["high"][0])
    assert table["low"].notna().tolist() == table["high"].notna().tolist() == [True] * 10 + [False] * 90
    assert (table["low"] < table["expected"])[:10].all()
    assert (table["expected"] < table["high"])[:10].all()
    assert sum(held) >= 88


def test_the_expected_best_does_not_depend_on_the_order_of_rows_but_on_the_seed():
    rows = search(np.random.default_rng(1).random(30), range(30))
    table = expected_best_scores(rows, seed=1)
    pd.testing.assert_frame_equal(table, expected_best_scores(rows[::-1], seed=1))
    assert not table["low"].equals(expected_best_scores(rows, seed=2)["low"])


def test_without_scores_no_best_is_expected():
    table = expected_best_scores(search([None] * 3, [1] * 3), seed=1)
    assert table["none"].tolist() == [1, 1, 1]
    assert table[["expected", "low", "high"]].isna().all(axis=None)
    assert expected_best_scores(search([], []), seed=1).empty
