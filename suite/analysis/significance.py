"""Comparisons of two searches on one task, and of all variants over tasks.

Rows are as in `suite.analysis.trial_statistics`; lower scores are better. In an array of scores, (trials,), a
trial that is not scored is infinity: tied with other unscored trials and worse than every score. That is
exact for all statistics of ranks. Samples are independent, not paired: each search draws its own
hyperparameters.

The tests and the bootstrap are SciPy's. Holm's adjustment, the Hodges–Lehmann estimate and Nemenyi's critical
difference are here, because SciPy has none of them.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import ndtri

from suite.analysis.trial_statistics import BOOTSTRAP_RESAMPLES, best_tenth, is_scored

ALPHA = 0.05  # significance level of a whole family of tests
POWER = 0.8
RESAMPLES_PER_BATCH = 1_000  # bounds the memory of a resampling test
MAX_EXACT_PAIRS = 40_000  # pairs of trials for an exact p-value, which takes a second for so many


def bonferroni(p: pd.Series) -> pd.Series:
    """Return p-values with Bonferroni's correction, (tests,); NaN stands for a test that was not made."""
    return (p * p.count()).clip(upper=1)


def holm(p: pd.Series) -> pd.Series:
    """Return p-values adjusted by Holm's step-down method (1979), (tests,); NaN stands for a missing test.

    Holm controls the family-wise error rate as Bonferroni does, and no adjusted p is larger than
    Bonferroni's: the smallest of m p-values is multiplied by m, the next one by m − 1, and so on.
    """
    tested = p.dropna().sort_values(kind="stable")
    steps = np.arange(len(tested), 0, -1)
    return (tested * steps).cummax().clip(upper=1).reindex(p.index)


def welch_tests(rows: pd.DataFrame, cells: list[str], baseline: str) -> pd.DataFrame:
    """Return Welch's t-test of the best tenth of each variant against that of the baseline, on one task.

    The frame has one line for each of `cells` except the baseline, with `cell`, the `difference` of means,
    `t`, `df`, `p`, and `p` as `adjusted` by Bonferroni. This is the test of Greff et al. (2017), whose
    baseline is vanilla: the best tenth is chosen on validation and scored on test. Trials without a score are
    left out, so a variant that often diverges is not penalised. All values of a line except the difference
    are NaN if a best tenth has fewer than two scores, or if neither has any variance.

    The test finds too many differences, because a best tenth is not an independent sample. Simulated without
    any difference (nine variants, 200 trials each, four shapes of distribution), with a correlation of .9
    between validation and test, one test rejects at .05 in 10–16 % of cases, and after Bonferroni some
    variant is significant in 12–22 % of sweeps; where validation and test are equal, 18–24 % and 29–42 %.
    Only without any correlation does the test hold its 5 %.
    """
    reference = _best_tenth_scores(rows, baseline)
    lines = [
        (cell, *_welch_test(_best_tenth_scores(rows, cell), reference)) for cell in cells if cell != baseline
    ]
    table = pd.DataFrame(lines, columns=["cell", "difference", "t", "df", "p"])
    return table.assign(adjusted=bonferroni(table["p"].astype(float)))


def variant_test_scores(rows: pd.DataFrame, cell: str) -> np.ndarray:
    """Return the test scores of the trials of one variant, (trials,), best first."""
    trials = rows[rows["cell"] == cell]
    return np.sort(trials["test"].where(is_scored(trials), np.inf).to_numpy(float))


def probability_of_superiority(x: np.ndarray, y: np.ndarray) -> float:
    """Return the probability that a trial of x is better than one of y, (trials,) each; ties count half.

    This is the measure A of Vargha and Delaney (2000): the U statistic of Mann and Whitney (1947) divided by
    the number of pairs. Cliff's delta is 2A − 1.
    """
    return float(_superiority(x, y))


def superiority_interval(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of `probability_of_superiority`, resampling both samples.

    The interval covers the true value in 92–96 % of simulated cases of 20 to 200 trials each. A sample of one
    trial cannot be resampled; then the interval is 0 to 1. Nor does resampling change anything if all trials
    of one sample are better than all of the other. Then n disjoint pairs, for n trials in the smaller sample,
    have all gone one way, and the interval is that of n successes in n draws: 0.025^(1/n) to 1, or its mirror
    image (Clopper and Pearson, 1934).
    """
    fewest = min(len(x), len(y))
    if fewest < 2:
        return 0.0, 1.0
    bound = 0.025 ** (1 / fewest)
    match probability_of_superiority(x, y):
        case 0.0:
            return 0.0, 1 - bound
        case 1.0:
            return bound, 1.0
    interval = stats.bootstrap(
        (x, y),
        _superiority,
        n_resamples=BOOTSTRAP_RESAMPLES,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def hodges_lehmann(x: np.ndarray, y: np.ndarray) -> float:
    """Return the Hodges–Lehmann estimate of the shift of x from y: the median of all differences (1963).

    In the unit of the score; negative if x is better. Two trials without a score differ by zero.
    """
    with np.errstate(invalid="ignore"):  # ∞ − ∞
        pairs = np.subtract.outer(x, y)
        return float(np.median(np.where(np.isnan(pairs), 0, pairs)))


def permutation_test(x: np.ndarray, y: np.ndarray, seed: int, n_resamples: int = 9_999) -> float:
    """Return the two-sided p-value of the hypothesis that x and y, (trials,) each, have one distribution.

    A permutation test of the rank sum, the statistic of Wilcoxon, Mann and Whitney. Without ties and with up
    to `MAX_EXACT_PAIRS` pairs, p is exact: over all relabellings. Otherwise, with c of `n_resamples` random
    relabellings at least as far from the expected sum as the observed one, p = (1 + c) / (1 + n_resamples),
    which is valid for any number of them (Phipson and Smyth, 2010). With fewer distinct relabellings than
    that, all are enumerated. A sample of one trial is not tested: p is 1.

    `scipy.stats.mannwhitneyu` with a `PermutationMethod` makes the same test several times slower, because it
    ranks every relabelling again.
    """
    n = len(x)
    if min(n, len(y)) < 2:
        return 1.0
    ranks = stats.rankdata([*x, *y])
    if n * len(y) <= MAX_EXACT_PAIRS and len(np.unique(ranks)) == len(ranks):
        p = stats.mannwhitneyu(x, y, method="exact").pvalue
        return float(f"{p:.9g}")  # the last digits of such long sums vary between processes
    expected = n * (len(ranks) + 1) / 2  # ranks are multiples of one half, so all sums are exact

    def distance(sample: np.ndarray, _: np.ndarray, axis: int) -> np.ndarray:
        return abs(sample.sum(axis=axis) - expected)

    result = stats.permutation_test(
        (ranks[:n], ranks[n:]),
        distance,
        vectorized=True,
        n_resamples=n_resamples,
        batch=RESAMPLES_PER_BATCH,
        alternative="greater",
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def trials_needed(probability: float, comparisons: int) -> float:
    """Return how many trials each of two searches needs to show a difference; ∞ if `probability` is ½.

    For a power of 80 % at α = .05 divided by the number of comparisons, the first step of Holm's method, if
    `probability` is the true probability of superiority (Noether, 1987, by the normal approximation). A
    measured probability is not the true one: the result is an order of magnitude.
    """
    if probability == 0.5:
        return math.inf
    z = ndtri(1 - ALPHA / comparisons / 2) + ndtri(POWER)
    return math.ceil(z**2 / (6 * (probability - 0.5) ** 2))


@dataclass(frozen=True)
class AverageRanks:
    """The average ranks of variants over tasks, with Friedman's test and Nemenyi's critical difference.

    `ranks` are averages, (variants,), best first. `statistic` and `p` are those of Friedman's test. Two
    variants differ significantly if their ranks are more than `critical_difference` apart. Each of `groups`
    is a longest run of variants among which none differ, best first: the bars of a critical difference
    diagram. With fewer than three tasks or three variants, the numbers are NaN and the groups None.
    """

    ranks: pd.Series
    statistic: float
    p: float
    critical_difference: float
    groups: list[list[str]] | None


def average_ranks(table: pd.DataFrame) -> AverageRanks:
    """Return the average ranks of variants over tasks, by Demšar (2006), section 3.2.2.

    `table` has a score for each task and variant, (tasks, variants). A score that is NaN or infinite ranks
    last on its task; leave out variants that were not searched. The statistic is corrected for ties. Its χ²
    approximation is conservative with few tasks: simulated without any difference among nine variants, it
    rejects at .05 in 2 % of cases for three tasks and in 4 % for ten, and so does the critical difference.
    Demšar prefers Iman and Davenport's F statistic, which rejects in 6 %, and in 19 % for three variants on
    three tasks. Where Friedman's test does not reject, all variants form one group.

    Two tasks are too few: no ranks are then a critical difference apart, even if both tasks agree on them.
    """
    ranked = table.astype(float).fillna(np.inf).rank(axis=1)
    ranks = ranked.mean().sort_values(kind="stable")
    tasks, variants = ranked.shape
    if min(tasks, variants) < 3:
        return AverageRanks(ranks, math.nan, math.nan, math.nan, None)
    equal = np.ptp(ranks.to_numpy()) == 0  # all scores of each task may be equal: SciPy divides by zero then
    statistic, p = (0.0, 1.0) if equal else stats.friedmanchisquare(*ranked.to_numpy().T)
    difference = critical_difference(variants, tasks)
    groups = nonsignificant_groups(ranks, difference) if p < ALPHA else [list(ranks.index)]
    return AverageRanks(ranks, float(statistic), float(p), difference, groups)


def critical_difference(variants: int, tasks: int) -> float:
    """Return Nemenyi's critical difference of average ranks: q √(k (k + 1) / 6N), Demšar's section 3.2.2."""
    q = stats.studentized_range.ppf(1 - ALPHA, variants, np.inf) / math.sqrt(2)
    return float(q * math.sqrt(variants * (variants + 1) / (6 * tasks)))


def nonsignificant_groups(ranks: pd.Series, difference: float) -> list[list[str]]:
    """Return the longest runs of variants whose average ranks differ by at most the critical difference.

    `ranks` are (variants,), best first.
    """
    ends = [
        int((ranks <= rank + difference).sum()) for rank in ranks
    ]  # end of the run that starts at each variant
    runs = [(i, end) for i, end in enumerate(ends) if end > i + 1 and (i == 0 or end > ends[i - 1])]
    return [list(ranks.index[start:end]) for start, end in runs]


def _superiority(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return `probability_of_superiority` along an axis."""
    pairs = x.shape[axis] * y.shape[axis]
    return stats.mannwhitneyu(y, x, axis=axis, method="asymptotic").statistic / pairs


def _best_tenth_scores(rows: pd.DataFrame, cell: str) -> pd.Series:
    tenth = best_tenth(rows[rows["cell"] == cell])
    return tenth.loc[is_scored(tenth), "test"]


def _welch_test(x: pd.Series, y: pd.Series) -> tuple[float, float, float, float]:
    """Return the difference of means, t, its degrees of freedom, and p (Welch, 1947)."""
    difference = x.mean() - y.mean()
    if min(len(x), len(y)) < 2 or x.var() + y.var() == 0:
        return difference, math.nan, math.nan, math.nan
    result = stats.ttest_ind(x, y, equal_var=False)
    return difference, float(result.statistic), float(result.df), float(result.pvalue)
