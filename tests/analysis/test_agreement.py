"""Agreement of sweeps against SciPy and planted differences."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from suite.analysis.agreement import (
    TIE_TOLERANCE,
    distribution_comparison,
    matched_trials,
    paired_permutation_test,
    relative_differences,
    score_agreement,
    scores_of_sweep,
    spearman_correlation,
    speed_comparison,
    unit_groups,
)

CELLS = ["lstm", "gru", "rnn"]
TRIALS = 30


@pytest.fixture
def rows():
    """Three searches of thirty trials on one task."""
    rng, size = np.random.default_rng(1), len(CELLS) * TRIALS
    frame = pd.DataFrame({"task": "jsb", "cell": np.repeat(CELLS, TRIALS), "trial": [*range(TRIALS)] * 3})
    frame = frame.assign(seed=rng.integers(1, 2**31, size), status="done", epochs=20)
    frame = frame.assign(test=8 + rng.exponential(size=size), seconds=rng.uniform(1, 9, size))
    frame["unit"] = frame["cell"] + frame["trial"].astype(str)  # of one trial each
    return frame.assign(
        valid=frame["test"], units=rng.integers(20, 200, size), learning_rate=rng.random(size)
    )


def noisy(rows, sd=0.001, seed=2):
    """Return rows whose scores differ a little, either way, as on another device."""
    return rows.assign(test=rows["test"] * (1 + sd * np.random.default_rng(seed).standard_normal(len(rows))))


def test_a_copy_agrees_in_every_trial_and_took_as_long(rows):
    pairs = matched_trials(rows, rows.copy())
    assert len(pairs) == len(rows)
    result = score_agreement(pairs, 1)
    assert result["agree"].tolist() == result["trials"].tolist() == [TRIALS] * 3
    assert result[["median", "largest", "status", "lower", "higher"]].to_numpy().sum() == 0
    assert result["ranks"].tolist() == pytest.approx([1, 1, 1])
    assert result["p"].tolist() == [1, 1, 1]
    assert speed_comparison(pairs, 1)[["ratio", "low", "high", "epoch"]].to_numpy() == pytest.approx(1)
    assert distribution_comparison(rows, rows, 1)["probability"].tolist() == [0.5] * 3


@pytest.mark.parametrize("name", ["seed", "units", "learning_rate", "trial", "cell", "task"])
def test_trials_that_differ_in_one_thing_are_not_the_same(rows, name):
    other = rows.copy()
    other[name] = other[name].mask(other.index < 10, "x" if name in ("cell", "task") else -1)
    result = matched_trials(rows, other.infer_objects())
    kept = rows.iloc[10:]
    assert result[["cell", "trial"]].to_numpy().tolist() == kept[["cell", "trial"]].to_numpy().tolist()
    assert result["test_b"].tolist() == kept["test"].tolist()


def test_a_hyperparameter_of_one_sweep_alone_makes_all_trials_differ(rows):
    assert matched_trials(rows, rows.assign(clip_norm=1.0)).empty
    assert len(matched_trials(rows.assign(clip_norm=math.nan), rows)) == len(rows)


def test_scores_on_longer_sequences_are_results_and_no_hyperparameters(rows):
    longer = rows.assign(test_2x=rows["test"], success_2x=0.5)
    assert len(matched_trials(longer, longer.assign(test_2x=9.0, success_2x=0.4))) == len(rows)


def test_the_order_of_rows_does_not_matter(rows):
    other, shuffled = noisy(rows), noisy(rows).sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(matched_trials(rows, other), matched_trials(rows, shuffled))
    pd.testing.assert_frame_equal(
        distribution_comparison(rows, other, 1), distribution_comparison(rows, shuffled, 1)
    )


@pytest.mark.parametrize(
    ("a", "b", "gap"),
    [
        (1, 1, 0),
        (0, 0, 0),
        (2, 1, 0.5),
        (1, 2, 0.5),
        (-1, -2, 0.5),
        (0, 3, 1),
        (math.inf, math.inf, 0),
        (math.inf, 1, math.inf),
        (1, math.inf, math.inf),
    ],
)
def test_scores_are_apart_by_a_share_of_the_larger(a, b, gap):
    assert relative_differences(np.array([float(a)]), np.array([float(b)])).tolist() == [gap]


def test_scores_agree_to_one_percent(rows):
    other = rows.assign(test=rows["test"] * np.where(rows["trial"] < 20, 1.0099, 1.0102))
    assert score_agreement(matched_trials(rows, other), 1)["agree"].tolist() == [20] * 3


def test_a_trial_is_scored_on_both_splits_or_not_at_all(rows):
    other = rows.assign(valid=rows["valid"].mask(rows["trial"] == 3), status="diverged")
    pairs = matched_trials(rows, other)
    assert np.isinf(scores_of_sweep(pairs, "b")).sum() == 3
    assert np.isfinite(scores_of_sweep(pairs, "a")).all()
    result = score_agreement(pairs, 1)
    assert result["agree"].tolist() == [TRIALS - 1] * 3
    assert result["largest"].tolist() == [math.inf] * 3
    assert result["status"].tolist() == [TRIALS] * 3
    assert result["higher"].tolist() == [1] * 3


def test_the_correlation_of_ranks_counts_missing_scores_and_needs_different_ones():
    a = np.array([1.0, 2, 3, math.inf])
    assert spearman_correlation(a, np.exp(-a)) == pytest.approx(-1)
    assert math.isnan(spearman_correlation(a, np.full(4, math.inf)))
    assert math.isnan(spearman_correlation(np.ones(1), np.ones(1)))


@pytest.mark.parametrize("seed", range(4))
def test_the_test_of_pairs_is_wilcoxons(seed):
    """With 12 pairs all 2¹² exchanges are counted; with 20, the drawn ones are near."""
    rng = np.random.default_rng(seed)
    for n, error in ((12, 1e-12), (20, 0.015)):
        a, b = rng.normal([[0], [0.4]], size=(2, n))
        exact = wilcoxon(a, b, method="exact").pvalue
        assert paired_permutation_test(a, b, 1) == pytest.approx(exact, abs=error)


def test_equal_pairs_say_nothing_and_p_is_never_zero():
    a, b = np.random.default_rng(0).normal([[0], [0.4]], size=(2, 12))
    assert paired_permutation_test(np.array([*a, *b]), np.array([*b, *b]), 1) == paired_permutation_test(
        a, b, 1
    )
    assert paired_permutation_test(np.zeros(60), np.arange(1, 61), 1, n_resamples=99) == 0.01


def test_rounding_alone_is_no_difference(rows):
    """Of 200 pairs, those apart by no more than rounding are ties; what is farther apart is not."""
    a = np.random.default_rng(0).uniform(8, 9, 200)
    assert paired_permutation_test(a, a * (1 + 1e-7), 1) == 1
    assert paired_permutation_test(a, a * (1 + 0.9 * TIE_TOLERANCE), 1) == 1
    assert paired_permutation_test(a, a * (1 + 1.1 * TIE_TOLERANCE), 1) == 0.0001
    other = rows.assign(test=rows["test"] * np.where(rows["trial"] < 20, 1 + 1e-7, 1.001))
    result = score_agreement(matched_trials(rows, other), 1)
    assert result["ties"].tolist() == [20] * 3
    assert result["higher"].tolist() == [10] * 3
    assert result["lower"].tolist() == [0] * 3


def test_the_test_of_pairs_keeps_its_level():
    rng = np.random.default_rng(5)
    result = [
        paired_permutation_test(*rng.standard_cauchy((2, 12)), seed, n_resamples=199) for seed in range(400)
    ]
    assert 0.02 < np.mean(np.array(result) <= 0.05) < 0.08


def test_trials_without_scores_are_the_worst_of_their_pairs():
    a, b = np.arange(10.0), np.arange(10.0)
    b[3:] = math.inf
    assert paired_permutation_test(a, b, 1) < 0.05
    assert paired_permutation_test(b, b, 1) == 1
    assert paired_permutation_test(a, b, 1) == paired_permutation_test(b, a, 1)


def test_a_search_that_is_shifted_is_found_and_no_other(rows):
    other = noisy(rows)
    other["test"] = other["test"].mask(other["cell"] == "gru", other["test"] * 1.003)
    result = score_agreement(matched_trials(rows, other), 1)
    assert result.loc[result["significant"], "cell"].tolist() == ["gru"]
    assert not distribution_comparison(rows, other, 1)["significant"].any()  # too small for them
    other["test"] = other["test"].mask(other["cell"] == "gru", other["test"] + 1)
    result = distribution_comparison(rows, other, 1)
    assert result.loc[result["significant"], "cell"].tolist() == ["gru"]
    low, probability, high = result.set_index("cell").loc["gru", ["low", "probability", "high"]]
    assert low < probability < high < 0.5  # b is worse
    assert result["median_b"].iloc[1] > result["median_a"].iloc[1] + 0.9


def test_p_is_adjusted_over_all_searches(rows):
    result = score_agreement(matched_trials(rows, noisy(rows)), 1)
    smallest = result["p"].idxmin()
    assert result.loc[smallest, "adjusted"] == pytest.approx(min(1, 3 * result.loc[smallest, "p"]))


def test_other_seeds_leave_distributions_alone(rows):
    other = rows.assign(seed=rows["seed"] + 1)
    pairs = matched_trials(rows, other)
    assert pairs.empty
    assert score_agreement(pairs, 1).empty
    assert speed_comparison(pairs, 1).empty
    assert distribution_comparison(rows, other[other["cell"] != "rnn"], 1)["cell"].tolist() == ["lstm", "gru"]


def test_twice_as_fast_is_half_the_time(rows):
    exactly = speed_comparison(matched_trials(rows, rows.assign(seconds=rows["seconds"] / 2)), 1)
    assert exactly[["ratio", "low", "high", "epoch"]].to_numpy() == pytest.approx(0.5)
    noise = np.random.default_rng(3).lognormal(-0.02, 0.2, len(rows))  # of mean 1
    result = speed_comparison(matched_trials(rows, rows.assign(seconds=rows["seconds"] / 2 * noise)), 1)
    assert result["cell"].tolist() == ["", *CELLS]
    assert result["trials"].tolist() == [90, 30, 30, 30]
    assert result["low"].iloc[0] < 0.5 < result["high"].iloc[0]
    assert 0.01 < result["high"].iloc[0] - result["low"].iloc[0] < 0.1
    total = (rows["seconds"] / 2 * noise).sum() / rows["seconds"].sum()
    assert result["ratio"].iloc[0] == pytest.approx(total)


def test_a_trial_that_only_ends_earlier_takes_as_long_an_epoch(rows):
    other = rows.assign(seconds=rows["seconds"] / 2, epochs=10)
    result = speed_comparison(matched_trials(rows, other), 1)
    assert result["ratio"].tolist() == pytest.approx([0.5] * 4)
    assert result["epoch"].tolist() == pytest.approx([1] * 4)


def test_failed_trials_took_no_time_that_counts(rows):
    other = rows.assign(status=rows["status"].mask(rows["trial"] < 5, "failed"), seconds=2.0)
    assert speed_comparison(matched_trials(rows, other), 1)["trials"].tolist() == [75, 25, 25, 25]
    assert speed_comparison(matched_trials(other, rows), 1)["trials"].tolist() == [75, 25, 25, 25]
    assert speed_comparison(matched_trials(rows, other.assign(status="failed")), 1).empty


def in_units(rows, size, sd=0.4, seed=6):
    """Return rows of units of so many trials, each unit longer or shorter by its own factor, of median 1."""
    unit = rows["cell"] + "-" + (rows["trial"] // size).astype(str)
    factors = np.random.default_rng(seed).lognormal(0, sd, unit.nunique())
    return rows.assign(unit=unit, seconds=rows["seconds"] * factors[unit.factorize()[0]])


def test_trials_of_one_unit_are_drawn_together(rows):
    """The delta method: Var(Σb / Σa) ≈ Var(b − r a) / (n ā²), over units, of all trials and of a search."""
    a, b = rows.assign(unit=rows["cell"] + rows["trial"].astype(str)), in_units(rows, 5)
    result = speed_comparison(matched_trials(a, b), 1)
    for line, chosen in ((0, rows["cell"].notna()), (1, rows["cell"] == "lstm")):
        sums = pd.DataFrame({"a": a["seconds"], "b": b["seconds"], "unit": b["unit"]})[chosen]
        sums = sums.groupby("unit").sum()
        ratio = sums["b"].sum() / sums["a"].sum()
        sd = (sums["b"] - ratio * sums["a"]).std(ddof=0) / math.sqrt(len(sums)) / sums["a"].mean()
        assert result["ratio"][line] == pytest.approx(ratio)
        assert result["high"][line] - result["low"][line] == pytest.approx(2 * 1.96 * sd, rel=0.2)
    alone = speed_comparison(matched_trials(a, b.assign(unit=a["unit"])), 1)  # as if each trial were a unit
    width, narrow = (table["high"] - table["low"] for table in (result, alone))
    assert width[0] > 1.5 * narrow[0]


def test_units_that_share_a_pair_are_one_group():
    """A unit of b has trials of the first and of the second unit of a; the third of a is alone."""
    pairs = pd.DataFrame({"task": "jsb", "cell": "lstm", "unit_a": list("AABBCC"), "unit_b": list("vwwxyz")})
    assert unit_groups(pairs).tolist() == [0, 0, 0, 0, 1, 1]
    both = pd.concat([pairs, pairs.assign(cell="gru")])
    assert len(set(unit_groups(both))) == 4  # a name of a unit is that of its search


def test_few_units_or_unknown_ones_have_no_interval(rows):
    known = in_units(rows, 5)
    for few, present in ((5, True), (4, False)):
        kept = known[known["trial"] < 5 * few]
        result = speed_comparison(matched_trials(kept, kept), 1)
        assert result[["low", "high"]].notna().all(axis=1).tolist() == [True, present, present, present]
    for other in (
        rows.drop(columns="unit"),
        known.assign(unit=None),
        known.assign(unit=known["unit"].mask(known.index == 3)),
    ):
        result = speed_comparison(matched_trials(known, other), 1)
        assert result["ratio"].notna().all()
        assert result[["low", "high"]].isna().all(axis=1)[:2].tolist() == [True, True]


def test_a_single_trial_has_no_interval(rows):
    result = speed_comparison(matched_trials(rows[rows["trial"] == 0], rows), 1)
    assert result["ratio"].notna().all()
    assert result[["low", "high"]].isna().all(axis=None)


def test_the_intervals_are_as_wide_as_theory_has_it(rows):
    """The delta method: Var(Σb / Σa) ≈ Var(b − r a) / (n ā²), of all trials and of a search."""
    noise = np.random.default_rng(4).lognormal(0, 0.5, len(rows))
    result = speed_comparison(matched_trials(rows, rows.assign(seconds=rows["seconds"] * noise)), 1)
    for line, chosen in ((0, slice(None)), (1, slice(TRIALS))):
        a = rows["seconds"].to_numpy()[chosen]
        b = a * noise[chosen]
        sd = np.std(b - b.sum() / a.sum() * a) / math.sqrt(len(a)) / a.mean()
        assert result["high"][line] - result["low"][line] == pytest.approx(2 * 1.96 * sd, rel=0.15)
