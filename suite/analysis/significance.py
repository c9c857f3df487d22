"""How two sets of trials compare on one task, and how all variants stand over tasks.

Rows are as in `suite.analysis.trial_statistics`, lower scores are better. Among scores, (trials,), a trial
that is not scored stands as infinity: equal to its like and worse than every other, which is exact for all
that asks only which of two is better. Nothing is paired: searches draw their hyperparameters independently.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtr
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from suite.analysis.trial_statistics import BOOTSTRAP_RESAMPLES, VANILLA, best_tenth, is_scored

ALPHA = 0.05  # of a whole family: all variants of one task
POWER = 0.8


def bonferroni(p: pd.Series) -> pd.Series:
    """Return p-values, (tests,), times how many there are; NaN is no test."""
    return (p * p.count()).clip(upper=1)


def holm(p: pd.Series) -> pd.Series:
    """Return p-values, (tests,), adjusted step by step (Holm, 1979); NaN is no test.

    As safe as Bonferroni's and never larger: the smallest is times their number, the next times one less.
    """
    tested = p.dropna().sort_values(kind="stable")
    steps = np.arange(len(tested), 0, -1)
    return (tested * steps).cummax().clip(upper=1).reindex(p.index)


def welch_tests(rows: pd.DataFrame, cells: list[str]) -> pd.DataFrame:
    """Return Welch's t-test of the best tenth of each variant against vanilla's, (cells but vanilla,).

    The test of Greff et al. (2017), on one task: the best tenth is chosen on valid and scored on test, and p
    is adjusted by Bonferroni. Trials without a score are left out, so a variant is not charged for diverging
    often; there is no test (NaN) where a tenth has fewer than two scores, or neither has any spread.

    It claims too much, for a best tenth is no independent sample. On a simulated null (nine variants, 200
    trials each, four shapes of distribution), where valid and test correlate at .9, one test rejects at .05
    in 10–16 % of cases, and after Bonferroni some variant is significant in 12–22 % of sweeps; where valid
    and test are the same, in 18–24 % and 29–42 %. Only without any correlation does it keep to 5 %.
    """
    theirs = _best_tenth_scores(rows, VANILLA)
    lines = [
        (cell, *_welch_test(_best_tenth_scores(rows, cell), theirs)) for cell in cells if cell != VANILLA
    ]
    return _adjust_p_values(pd.DataFrame(lines, columns=["cell", "difference", "t", "df", "p"]), bonferroni)


def variant_test_scores(rows: pd.DataFrame, cell: str) -> np.ndarray:
    """Return the test scores of the trials of one variant, (trials,), best first."""
    trials = rows[rows["cell"] == cell]
    return np.sort(trials["test"].where(is_scored(trials), np.inf).to_numpy(float))


def probability_of_superiority(x: np.ndarray, y: np.ndarray) -> float:
    """Return the probability that the better of two trials, one of each, is ours; equals count half.

    Mann and Whitney's U (1947) over the number of pairs; twice this less one is Cliff's delta.
    """
    return float(_win_matrix(x, y).mean())


def superiority_interval(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of `probability_of_superiority`, resampling both samples.

    It holds the truth in 92–96 % of simulated cases of 20 to 200 trials each. Where all of one are better
    than all of the other it has no width, which says too much.
    """
    rng, wins = np.random.default_rng(seed), _win_matrix(x, y)
    a, b = (
        rng.multinomial(n, np.full(n, 1 / n), size=BOOTSTRAP_RESAMPLES) for n in wins.shape
    )  # (resamples, trials)
    low, high = np.quantile(((a @ wins) * b).sum(axis=1) / wins.size, [0.025, 0.975])
    return float(low), float(high)


def hodges_lehmann(x: np.ndarray, y: np.ndarray) -> float:
    """Return the median difference of our scores from theirs over all pairs (Hodges and Lehmann, 1963).

    In the unit of the score, below zero where ours are better. Two trials without scores do not differ.
    """
    with np.errstate(invalid="ignore"):  # ∞ − ∞
        pairs = np.subtract.outer(x, y)
        return float(np.median(np.where(np.isnan(pairs), 0, pairs)))


def permutation_test(x: np.ndarray, y: np.ndarray, seed: int, n_resamples: int = 9_999) -> float:
    """Return the two-sided p-value of the hypothesis that both sets of trials have one distribution.

    Of `n_resamples` permutations of the labels, c put our sum of ranks at least as far from its expectation
    as it is: p = (1 + c) / (1 + draws), which is valid for any number of draws (Phipson and Smyth, 2010).
    """
    ranks, n = rankdata([*x, *y]), len(x)
    sums = np.random.default_rng(seed).permuted(np.tile(ranks, (n_resamples, 1)), axis=1)[:, :n].sum(axis=1)
    expected = n * (len(ranks) + 1) / 2  # ranks are halves of whole numbers, so all sums are exact
    return float(1 + (abs(sums - expected) >= abs(ranks[:n].sum() - expected)).sum()) / (1 + n_resamples)


def trials_needed(probability: float, comparisons: int) -> float:
    """Return how many trials each of two searches needs to tell them apart, ∞ at a probability of ½.

    For a power of 80 % at α = .05 over the number of comparisons, as Holm's hardest step has it, if the
    probability that one beats the other is the true one (Noether, 1987, by the normal approximation). One
    that was measured is not: take the answer for an order of magnitude.
    """
    if probability == 0.5:
        return math.inf  # no number is enough
    z = ndtri(1 - ALPHA / comparisons / 2) + ndtri(POWER)
    return math.ceil(z**2 / (6 * (probability - 0.5) ** 2))


@dataclass(frozen=True)
class AverageRanks:
    """How variants stand over tasks: `ranks` are averages, (variants,), best first.

    `statistic` and `p` are those of Friedman's test. Two variants differ significantly whose ranks are more
    than `critical_difference` apart; each of `nonsignificant_groups` is a longest run of variants among which
    none do, best first, as the bars of a critical difference diagram. All but the ranks are NaN, and the
    groups None, where tasks or variants are too few.
    """

    ranks: pd.Series
    statistic: float
    p: float
    critical_difference: float
    groups: list[list[str]] | None


def average_ranks(table: pd.DataFrame) -> AverageRanks:
    """Return how variants stand over tasks, by Demšar (2006), section 3.2; a score each, (tasks, variants).

    A score that is NaN or infinite is the worst of its task; leave out what was not searched. The statistic
    is corrected for ties, as SciPy has it. Its χ² approximation is cautious with few tasks: on a simulated
    null of nine variants it rejects at .05 in 2 % of cases for three tasks, in 4 % for ten, and so does the
    critical difference. Demšar prefers Iman and Davenport's F, which rejects in 6 %, and in 19 % for three
    variants on three tasks. Where Friedman's test does not reject, all variants are one group.

    Two tasks are too few: ranks are never a critical difference apart, even if both tasks agree on them.
    """
    ranked = table.astype(float).fillna(np.inf).rank(axis=1)
    ranks = ranked.mean().sort_values(kind="stable")
    tasks, variants = ranked.shape
    if min(tasks, variants) < 3:
        return AverageRanks(ranks, math.nan, math.nan, math.nan, None)
    equal = np.ptp(ranks) == 0  # perhaps all scores of every task are: SciPy divides by zero there
    statistic, p = (0.0, 1.0) if equal else friedmanchisquare(*ranked.to_numpy().T)
    difference = critical_difference(variants, tasks)
    found = nonsignificant_groups(ranks, difference) if p < ALPHA else [list(ranks.index)]
    return AverageRanks(ranks, float(statistic), float(p), difference, found)


def critical_difference(variants: int, tasks: int) -> float:
    """Return Nemenyi's critical difference of average ranks: q √(k (k + 1) / 6N), Demšar's section 3.2.2."""
    q = studentized_range.ppf(1 - ALPHA, variants, np.inf) / math.sqrt(2)
    return float(q * math.sqrt(variants * (variants + 1) / (6 * tasks)))


def nonsignificant_groups(ranks: pd.Series, difference: float) -> list[list[str]]:
    """Return the longest runs of two or more variants no further apart; `ranks`, (variants,), best first."""
    ends = [int((ranks <= rank + difference).sum()) for rank in ranks]  # of the run that starts at each
    runs = [(i, end) for i, end in enumerate(ends) if end > i + 1 and (i == 0 or end > ends[i - 1])]
    return [list(ranks.index[start:end]) for start, end in runs]


def _win_matrix(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return 1 where ours is better, ½ where they are equal, 0 elsewhere, (ours, theirs)."""
    return (np.less.outer(x, y) + np.less_equal.outer(x, y).astype(float)) / 2


def _best_tenth_scores(rows: pd.DataFrame, cell: str) -> pd.Series:
    tenth = best_tenth(rows[rows["cell"] == cell])
    return tenth.loc[is_scored(tenth), "test"]


def _welch_test(x: pd.Series, y: pd.Series) -> tuple[float, float, float, float]:
    """Return the difference of means, t, its degrees of freedom, and p (Welch, 1947)."""
    n = np.array([len(x), len(y)])
    squares = np.array([x.var(), y.var()]) / np.maximum(n, 1)  # of the standard errors
    difference, total = x.mean() - y.mean(), squares.sum()
    if not total > 0:
        return difference, math.nan, math.nan, math.nan
    t, df = difference / math.sqrt(total), total**2 / (squares**2 / (n - 1)).sum()
    return difference, t, df, 2 * stdtr(df, -abs(t))


def _adjust_p_values(table: pd.DataFrame, adjust: Callable[[pd.Series], pd.Series]) -> pd.DataFrame:
    adjusted = adjust(table["p"].astype(float))
    return table.assign(adjusted=adjusted, significant=adjusted < ALPHA)
