"""Comparisons of variants against SciPy, published examples, enumeration and simulation."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu, norm, ttest_ind

from suite.analysis import significance as module
from suite.analysis.cell_claims import compare_cells
from suite.analysis.claims import planned_comparisons
from suite.analysis.findings import differences_from_baseline
from suite.analysis.significance import (
    bonferroni,
    hodges_lehmann,
    holm,
    permutation_test,
    probability_of_superiority,
    superiority_interval,
    trials_needed,
    variant_test_scores,
    welch_tests,
)
from suite.analysis.trial_statistics import best_tenth, variant_summary
from suite.config import SweepConfig

CELLS = ["lstm", *(f"v{i}" for i in range(8))]
NAN = math.nan


def search(valid, test, cell="lstm"):
    """Return the trials of one search with these scores."""
    frame = pd.DataFrame({"cell": cell, "trial": range(len(valid)), "valid": valid, "test": test})
    return frame.astype({"valid": float, "test": float})


def null(rng, trials, diverged=0.1):
    """Return rows of nine variants that do not differ; valid and test correlate at .98, some diverge."""
    valid = rng.standard_normal((9, trials))
    test = 0.98 * valid + math.sqrt(1 - 0.98**2) * rng.standard_normal((9, trials))
    valid[rng.random((9, trials)) < diverged] = NAN
    return pd.concat([search(np.exp(valid[i]), np.exp(test[i]), cell) for i, cell in enumerate(CELLS)])


def compare(rows, cells, seed, draws=999):
    """Return how these variants compare with vanilla on a task."""
    pairs = [("t", cell, "lstm") for cell in cells if cell != "lstm"]
    return compare_cells(rows.assign(task="t"), pairs, seed, draws)


def against_vanilla(rows, cells):
    """Return how these variants differ from vanilla on a task, those without trials too."""
    config = SweepConfig("one", tasks=("t",), cells=tuple(cells), baseline="lstm")
    table = compare_cells(rows, planned_comparisons(rows, config), 1, 999)
    return differences_from_baseline(table, ["t"], cells, "lstm")["t"]


def test_bonferroni_counts_only_tests_that_were_made():
    assert bonferroni(pd.Series([0.02, NAN, 0.6])).tolist()[::2] == [0.04, 1]


def test_holm_rejects_what_it_does_in_the_example_of_demsar():
    """Demšar (2006), section 3.2.2: p of .016, .019 and .607; Holm rejects the first two at .05."""
    adjusted = holm(pd.Series([0.607, 0.016, 0.019]))
    assert adjusted.tolist() == pytest.approx([0.607, 0.048, 0.048])


def test_holm_leaves_out_tests_that_were_not_made():
    adjusted = holm(pd.Series([0.04, NAN, 0.01], index=["a", "b", "c"]))
    assert adjusted[["a", "c"]].tolist() == pytest.approx([0.04, 0.02])
    assert math.isnan(adjusted["b"])


def test_holm_is_never_larger_than_bonferroni():
    p = pd.Series(np.random.default_rng(1).random(8) ** 3)
    assert (holm(p) <= bonferroni(p)).all()
    assert (holm(p) >= p).all()


def test_welch_equals_that_of_scipy_on_the_best_tenth():
    rows = null(np.random.default_rng(2), 60)
    table = welch_tests(rows, CELLS, "lstm")
    tenth = {cell: best_tenth(rows[rows["cell"] == cell])["test"] for cell in CELLS}
    assert table["cell"].tolist() == CELLS[1:]
    for line in table.itertuples():
        actual, expected = tenth[line.cell], tenth["lstm"]
        result = ttest_ind(actual, expected, equal_var=False)
        assert (line.t, line.df, line.p) == pytest.approx((result.statistic, result.df, result.pvalue))
        assert line.difference == pytest.approx(actual.mean() - expected.mean())
        assert line.adjusted == pytest.approx(min(1, 8 * line.p))


def test_the_difference_that_welch_tests_is_that_of_the_summary():
    rows = null(np.random.default_rng(3), 40).assign(status="done", parameters=1, epochs=1, seconds=1.0)
    rows = rows.assign(operations=1.0, task="t", seed=range(len(rows)))
    expected = variant_summary(rows, CELLS)["difference"].iloc[1:]
    assert welch_tests(rows, CELLS, "lstm")["difference"].tolist() == pytest.approx(expected.tolist())


def test_welch_leaves_trials_without_a_score_out():
    lstm = search(range(20), [1, 2, *[9] * 18])
    few = search([0, 1, *[NAN] * 28], [4, 6, *[NAN] * 28], "np")  # two of its best three
    assert welch_tests(pd.concat([lstm, few]), ["lstm", "np"], "lstm")["difference"].tolist() == [3.5]


@pytest.mark.parametrize("few", [[5, NAN], [NAN, NAN], [3, 3]])
def test_welch_makes_no_test_of_fewer_than_two_scores_or_without_spread(few):
    test = [*few, *[9 if few == [3, 3] else NAN] * 18]
    rows = pd.concat([search(range(20), [3] * 20), search(range(20), test, "np")])
    line = welch_tests(rows, ["lstm", "np"], "lstm").iloc[0]
    assert line[["t", "df", "p", "adjusted"]].isna().all()


def test_a_trial_without_a_score_on_valid_has_none():
    rows = pd.concat([search([1, NAN, 3], [7, 5, 6]), search([1], [1], "np")])
    assert variant_test_scores(rows, "lstm").tolist() == [6, 7, math.inf]


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        ([1, 2, 3, math.inf], [2, 5, 6, math.inf]),
        ([1, 2, 3, math.inf], [2.5, 5, 6, 7]),
        ([1, 2, 3], [4, 5, 6]),
    ],
)
def test_the_permutation_test_equals_the_enumeration_of_all_labels(actual, expected):
    """Of all ways to label the trials, some without a score, so many are as far out."""
    pooled, size = np.array([*actual, *expected]), len(actual)
    seen, far = abs(probability_of_superiority(pooled[:size], pooled[size:]) - 0.5), []
    for chosen in itertools.combinations(range(2 * size), size):
        rest = [i for i in range(2 * size) if i not in chosen]
        far.append(abs(probability_of_superiority(pooled[list(chosen)], pooled[rest]) - 0.5) >= seen)
    assert permutation_test(pooled[:size], pooled[size:], seed=1) == pytest.approx(np.mean(far))


@pytest.mark.parametrize(("n", "m", "by"), [(8, 12, 0.0), (15, 15, 0.7), (5, 30, 1.0)])
def test_random_relabellings_give_nearly_the_exact_p(n, m, by, monkeypatch):
    rng = np.random.default_rng(n)
    actual, expected = rng.standard_normal(n), rng.standard_normal(m) + by
    exact = permutation_test(actual, expected, seed=1)
    monkeypatch.setattr("suite.analysis.significance.MAX_EXACT_PAIRS", 0)
    p = permutation_test(actual, expected, seed=1, n_resamples=40_000)
    assert p == pytest.approx(exact, abs=0.01)
    assert p != exact


def test_an_exact_p_follows_the_probability_and_no_seed():
    """Of searches of 200 trials; random relabellings had put these two in the wrong order."""
    scores = np.arange(200)
    less, more = (permutation_test(scores, scores + by + 0.5, seed=1) for by in (20, 21))
    assert 0 < more < less == permutation_test(scores, scores + 20.5, seed=2)


def test_no_permutation_p_is_zero():
    assert permutation_test(np.zeros(50), np.ones(50), seed=1, n_resamples=99) == 1 / 100


def test_of_a_single_trial_nothing_is_concluded():
    one, many = np.array([0.0]), np.arange(1, 200)
    for x, y in ((one, many), (many, one), (one, one)):
        assert permutation_test(x, y, seed=1) == 1
        assert superiority_interval(x, y, seed=1) == (0, 1)


@pytest.mark.parametrize(("n", "width"), [(3, 0.7076), (30, 0.1157)])
def test_where_all_trials_of_one_are_better_the_interval_is_clopper_and_pearsons(n, width):
    """Without success in 3 and 30 draws, the 95 % limits are 70.76 % and 11.57 %, as their tables say."""
    few, many = np.arange(n), 100 + np.arange(50)
    assert superiority_interval(few, many, seed=1) == pytest.approx((1 - width, 1), abs=5e-5)
    assert superiority_interval(many, few, seed=1) == pytest.approx((0, width), abs=5e-5)


def test_scores_that_are_all_equal_or_all_missing_do_not_differ():
    for same in (np.zeros(5), np.full(5, math.inf)):
        assert permutation_test(same, same, seed=1) == 1
        assert (probability_of_superiority(same, same), hodges_lehmann(same, same)) == (0.5, 0)


def test_the_probability_is_mann_and_whitneys_u_over_the_pairs():
    rng = np.random.default_rng(4)
    actual, expected = rng.integers(9, size=30), rng.integers(9, size=40)
    assert probability_of_superiority(actual, expected) == pytest.approx(
        mannwhitneyu(expected, actual).statistic / 1200
    )


def test_a_comparison_worked_by_hand():
    actual, expected = np.array([1, 2, math.inf]), np.array([2, 4])
    assert probability_of_superiority(actual, expected) == pytest.approx((1 + 1 + 0.5 + 1) / 6)
    assert hodges_lehmann(actual, expected) == (-1 + 0) / 2  # of −3, −2, −1, 0, ∞, ∞


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng, held = np.random.default_rng(5), 0
    for seed in range(100):
        low, high = superiority_interval(
            rng.standard_normal(40) - math.sqrt(2) * norm.ppf(0.65), rng.standard_normal(40), seed
        )
        held += low <= 0.65 <= high
    assert held >= 88


def test_an_interval_is_wide_as_its_standard_error_says():
    """Under no difference the variance of U / nm is (n + m + 1) / 12nm."""
    rng = np.random.default_rng(6)
    low, high = superiority_interval(rng.standard_normal(200), rng.standard_normal(200), seed=1)
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(401 / 12 / 200**2), rel=0.1)


def test_what_is_said_of_a_variant_depends_neither_on_the_others_nor_on_the_order_of_rows():
    rows = null(np.random.default_rng(7), 30)
    one, all_ = compare(rows[::-1], ["v3", "lstm"], seed=1), compare(rows, CELLS, seed=1)
    columns = ["probability", "low", "high", "shift", "p"]
    assert one[columns].iloc[0].tolist() == all_.set_index("cell").loc["v3", columns].tolist()
    assert all_["cell"].tolist() == CELLS[1:]


def test_another_seed_draws_anew():
    rows = null(np.random.default_rng(8), 30)
    one, other = (compare(rows, CELLS, seed) for seed in (1, 2))
    assert (one["low"] != other["low"]).any()
    assert (one["p"] != other["p"]).any()
    assert (one["probability"] == other["probability"]).all()


def test_a_variant_without_trials_has_no_comparison_and_is_not_counted():
    rows = null(np.random.default_rng(9), 20).assign(task="t")
    rows = rows[rows["cell"].isin(["lstm", "v0", "v1"])]
    table = against_vanilla(rows, CELLS).set_index("cell")
    assert table.index.tolist() == CELLS[1:]
    assert table.loc["v2":, "p":"adjusted"].isna().all(axis=None)
    assert table.loc[["v0", "v1"], "adjusted"].tolist() == holm(table.loc[["v0", "v1"], "p"]).tolist()


def test_without_vanilla_or_others_nothing_is_compared():
    rows = null(np.random.default_rng(10), 20).assign(task="t")
    assert against_vanilla(rows, ["lstm"]).empty
    assert against_vanilla(rows[rows["cell"] != "lstm"], CELLS)["p"].isna().all()
    assert welch_tests(rows, ["lstm"], "lstm").empty
    assert welch_tests(rows[rows["cell"] != "lstm"], CELLS, "lstm")["adjusted"].isna().all()


def test_a_variant_that_diverges_more_often_is_found_worse():
    rng = np.random.default_rng(11)
    rows = null(rng, 200)
    rows.loc[(rows["cell"] == "v0") & (rng.random(len(rows)) < 0.4), "test"] = NAN
    line = compare(rows, CELLS, seed=1).iloc[0]
    assert line["worse"]
    assert line["high"] < 0.5
    assert line["shift"] > 0


def test_nine_equal_variants_are_told_apart_in_at_most_seven_of_a_hundred_sweeps(monkeypatch):
    """What the permutation test with Holm holds, Welch's with Bonferroni on best tenths does not."""
    monkeypatch.setattr(module, "BOOTSTRAP_RESAMPLES", 2)  # intervals are not looked at
    rng, result = np.random.default_rng(12), []
    for seed in range(100):
        table = compare(null(rng, 60), CELLS, seed, draws=499)
        p = table["adjusted"], table["welch"]
        result.append([(adjusted < 0.05).any() for adjusted in p])
    claims, tenths = np.mean(result, axis=0)
    print(f"sweeps with a false claim: permutation and Holm {claims:.1%}, Welch and Bonferroni {tenths:.1%}")
    assert claims <= 0.07
    assert tenths > 0.1


def test_trials_needed_are_those_of_a_published_example(monkeypatch):
    """The R package statpsych, size.test.mann(.05, .90, .3): 44 in each group."""
    monkeypatch.setattr(module, "POWER", 0.9)
    assert trials_needed(0.3, 1) == trials_needed(0.7, 1) == 44


@pytest.mark.parametrize(("true", "comparisons"), [(0.6, 1), (0.6, 8), (0.7, 8)])
def test_the_trials_needed_find_a_difference_in_four_of_five_cases(true, comparisons):
    n, rng = trials_needed(true, comparisons), np.random.default_rng(13)
    actual, expected = rng.standard_normal((2, 2000, n))
    actual -= math.sqrt(2) * norm.ppf(true)
    p = mannwhitneyu(actual, expected, axis=1, method="asymptotic").pvalue
    assert (p < 0.05 / comparisons).mean() == pytest.approx(0.8, abs=0.04)


def test_no_number_of_trials_tells_equals_apart():
    assert trials_needed(0.5, 8) == math.inf
