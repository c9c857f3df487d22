"""Compare the scores and times of two sweeps: a, the reference, and b, which is compared with it.

Rows are as in `suite.analysis.trial_statistics`. Trials of two sweeps match by task, cell and number, and are
the same trial if seed and hyperparameters are equal too. Training is chaotic: another device or backend
rounds differently, and the difference grows until single trials end with other scores, while the distribution
over a search stays the same. So matching trials are compared pair by pair, and all trials of a search as
distributions.
"""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from suite import seeds
from suite.analysis.significance import (
    ALPHA,
    RESAMPLES_PER_BATCH,
    holm,
    permutation_test,
    probability_of_superiority,
    superiority_interval,
    variant_test_scores,
)
from suite.analysis.trial_statistics import BOOTSTRAP_RESAMPLES
from suite.database import LONGER_TEST_PREFIXES, TRIAL_COLUMNS, TRIAL_KEY

SEARCH_COLUMNS = ["task", "cell"]
SCORE_TOLERANCE = 0.01  # scores agree if their relative difference is at most this
TIE_TOLERANCE = 1e-5  # the relative difference that rounding alone can cause: such scores tie
MIN_UNIT_GROUPS = 5  # fewest groups of units of work for the interval of a ratio of seconds
RESULT_COLUMNS = ["status", "valid", "test", "epochs", "seconds", "unit"]


def matched_trials(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Return the trials that are the same in two sweeps, (pairs,), in the order of a.

    The columns are `TRIAL_KEY` and the `RESULT_COLUMNS` of each sweep: `test_a`, `test_b`, …
    """
    others = sorted({*a, *b} - {*TRIAL_COLUMNS, *RESULT_COLUMNS})
    hyperparameters = [name for name in others if not name.startswith(LONGER_TEST_PREFIXES)]
    keys = [*TRIAL_KEY, "seed", *hyperparameters]
    texts = [name for name in hyperparameters if any(is_text(rows.get(name)) for rows in (a, b))]
    types = dict.fromkeys([*hyperparameters, "valid", "test"], float) | dict.fromkeys(texts, object)
    left, right = (rows.reindex(columns=[*keys, *RESULT_COLUMNS]).astype(types) for rows in (a, b))
    matched = left.merge(right, on=keys, suffixes=("_a", "_b"))
    return matched.drop(columns=["seed", *hyperparameters])


def is_text(column: pd.Series | None) -> bool:
    """Whether a column of rows holds a text, such as a value of a `suite.space.Choice`."""
    return column is not None and any(isinstance(value, str) for value in column)


def scores_of_sweep(pairs: pd.DataFrame, sweep: str) -> np.ndarray:
    """Return the test scores of the sweep "a" or "b", (pairs,); infinity where a trial is not scored."""
    valid, test = (pairs[f"{split}_{sweep}"].to_numpy(float) for split in ("valid", "test"))
    return np.where(np.isfinite(valid) & np.isfinite(test), test, np.inf)


def relative_differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return relative differences of scores, (trials,): |a − b| over the larger of |a| and |b|.

    An infinite score stands for none: the difference is ∞ if one of two trials has no score, 0 if neither
    has.
    """
    with np.errstate(invalid="ignore"):  # 0 / 0, ∞ − ∞, ∞ / ∞
        gaps = abs(a - b) / np.maximum(abs(a), abs(b))
    return np.where(a == b, 0, np.where(np.isinf(a) | np.isinf(b), np.inf, gaps))


def score_agreement(pairs: pd.DataFrame, seed: int, n_resamples: int = 9_999) -> pd.DataFrame:
    """Return a frame on how well the test scores of common trials agree, one line per search, (searches,).

    `trials` is the number of pairs. `agree` counts those that differ by at most `SCORE_TOLERANCE`, or where
    neither is scored; `median` and `largest` are of the `relative_differences`. `ranks` is Spearman's
    correlation. `status` counts the pairs that ended differently. `ties` counts differences of at most
    `TIE_TOLERANCE`; of the other pairs, `lower` and `higher` count those where the score of b is lower or
    higher. `p` is that of `paired_permutation_test`, `adjusted` by Holm's method over searches.
    """
    lines = []
    for (task, cell), search in group_by_search(pairs):
        a, b = scores_of_sweep(search, "a"), scores_of_sweep(search, "b")
        gaps = relative_differences(a, b)
        own_seed = seeds.derive_seed(seed, task, cell, "exchange")
        lines.append(
            {
                "task": task,
                "cell": cell,
                "trials": len(search),
                "agree": int((gaps <= SCORE_TOLERANCE).sum()),
                "median": float(np.median(gaps)),
                "largest": float(gaps.max()),
                "ranks": spearman_correlation(a, b),
                "status": int((search["status_a"] != search["status_b"]).sum()),
                "ties": int((gaps <= TIE_TOLERANCE).sum()),
                "lower": int(((gaps > TIE_TOLERANCE) & (b < a)).sum()),
                "higher": int(((gaps > TIE_TOLERANCE) & (b > a)).sum()),
                "p": paired_permutation_test(a, b, own_seed, n_resamples),
            }
        )
    return _adjust_by_holm(pd.DataFrame(lines, columns=[*SEARCH_COLUMNS, *AGREEMENT_COLUMNS, "p"]))


AGREEMENT_COLUMNS = ["trials", "agree", "median", "largest", "ranks", "status", "ties", "lower", "higher"]


def spearman_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's rank correlation of scores, (trials,) each; NaN if all scores of one are equal."""
    if (a == a[0]).all() or (b == b[0]).all():
        return math.nan
    return float(stats.spearmanr(a, b).statistic)


def paired_permutation_test(a: np.ndarray, b: np.ndarray, seed: int, n_resamples: int = 9_999) -> float:
    """Return the two-sided p-value of the hypothesis that the scores of each pair are exchangeable, (pairs,).

    A permutation test of Wilcoxon's signed-rank statistic (1945), ties left out: the signs of the differences
    are drawn at random `n_resamples` times, or enumerated if there are fewer combinations, and p is as in
    `suite.analysis.significance.permutation_test`. Both trials of a pair have the same hyperparameters, so
    the test detects far smaller differences than a comparison of distributions does; without `TIE_TOLERANCE`
    it would detect in which direction two machines round. TensorFlow and JAX on two machines, in the twelve
    trials of vanilla of the reference sweep, 30 epochs each, differed by 3e-6 in the one trial whose training
    was not chaotic, and by 2e-3 to 3e-2 in the others.

    `scipy.stats.wilcoxon` with a `PermutationMethod` takes ten times as long or more, because it ranks every
    resample again.
    """
    differ = relative_differences(a, b) > TIE_TOLERANCE
    gaps = b[differ] - a[differ]
    if len(gaps) < 2:
        return 1.0  # with one pair, both signs are equally far from zero
    signed_ranks = np.sign(gaps) * stats.rankdata(
        abs(gaps)
    )  # ranks are multiples of one half, so all sums are exact
    result = stats.permutation_test(
        (signed_ranks,),
        lambda ranks, axis: abs(ranks.sum(axis=axis)),
        permutation_type="samples",
        vectorized=True,
        n_resamples=n_resamples,
        batch=RESAMPLES_PER_BATCH,
        alternative="greater",
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def distribution_comparison(
    a: pd.DataFrame, b: pd.DataFrame, seed: int, n_resamples: int = 9_999, independent_trials: bool = True
) -> pd.DataFrame:
    """Return a frame that compares all trials of each search as distributions, one line per search.

    Columns: the numbers of trials, `trials_a` and `trials_b`, and their median test scores; the `probability`
    that a trial of b is better than one of a, with its interval from `low` to `high`; `p` of the permutation
    test, `adjusted` by Holm's method over searches. If both sweeps have the same trials, their samples are
    more alike than the test assumes, so it is conservative. Where the trials of either sweep are not
    independent draws (`independent_trials`), interval and test are NaN.
    """
    lines, searches_b = [], dict(group_by_search(b))
    for (task, cell), rows in group_by_search(a):
        if (task, cell) not in searches_b:
            continue
        scores_a, scores_b = (
            variant_test_scores(rows, cell),
            variant_test_scores(searches_b[task, cell], cell),
        )
        low = high = p = math.nan
        if independent_trials:
            interval_seed, test_seed = (
                seeds.derive_seed(seed, task, cell, use) for use in ("interval", "permutation")
            )
            low, high = superiority_interval(scores_b, scores_a, interval_seed)
            p = permutation_test(scores_b, scores_a, test_seed, n_resamples)
        sizes = len(scores_a), len(scores_b), float(np.median(scores_a)), float(np.median(scores_b))
        lines.append((task, cell, *sizes, probability_of_superiority(scores_b, scores_a), low, high, p))
    return _adjust_by_holm(pd.DataFrame(lines, columns=[*SEARCH_COLUMNS, *DISTRIBUTION_COLUMNS, "p"]))


DISTRIBUTION_COLUMNS = ["trials_a", "trials_b", "median_a", "median_b", "probability", "low", "high"]


def speed_comparison(pairs: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return a frame of the time of common trials in both sweeps: a line for all searches, then one for each.

    The line of all searches has empty `task` and `cell`. Only trials that failed in neither sweep count.
    Their mean seconds and epochs are `seconds_a`, `seconds_b`, `epochs_a` and `epochs_b`. `ratio` is the
    seconds of b divided by those of a, with its interval from `low` to `high` (`time_ratio_interval`);
    `epoch` is the ratio of seconds per epoch, which does not change if a trial merely stops earlier.
    """
    finished = pairs[(pairs[["status_a", "status_b"]] != "failed").all(axis=1)]
    finished = finished[(finished[["seconds_a", "seconds_b"]] > 0).all(axis=1)]
    parts = [(("", ""), finished), *group_by_search(finished)] if len(finished) else []
    lines = [
        {"task": task, "cell": cell} | _duration_ratios(part, seeds.derive_seed(seed, task, cell, "speed"))
        for (task, cell), part in parts
    ]
    return pd.DataFrame(
        lines, columns=[*SEARCH_COLUMNS, "trials", *DURATION_COLUMNS, "ratio", "low", "high", "epoch"]
    )


DURATION_COLUMNS = ["seconds_a", "seconds_b", "epochs_a", "epochs_b"]


def time_ratio_interval(pairs: pd.DataFrame, seed: int) -> tuple[float, float]:
    """Return the 95 % interval of the ratio of seconds, b / a, by a cluster bootstrap (percentiles).

    The seconds of a trial are its share of those of its unit of work, so trials of one unit are not
    independent readings: groups of trials that share units (`unit_groups`) are drawn with replacement. NaN,
    NaN where a unit is unknown or there are fewer than `MIN_UNIT_GROUPS` groups.

    The interval covers the random draw of trials and the timing of their units, but not the load of the
    machines. On simulated log-normal times it covers the true ratio in 82 % of cases for five groups, in
    90–91 % for 12 and in 92 % for 50; for a total of eleven searches of one to three groups each, in 90 %.
    """
    if pairs[["unit_a", "unit_b"]].isna().any(axis=None):
        return math.nan, math.nan
    sums = pairs.groupby(unit_groups(pairs))[["seconds_a", "seconds_b"]].sum().to_numpy(float)
    if len(sums) < MIN_UNIT_GROUPS:
        return math.nan, math.nan
    interval = stats.bootstrap(
        tuple(sums.T),
        lambda a, b, axis: b.sum(axis=axis) / a.sum(axis=axis),
        n_resamples=BOOTSTRAP_RESAMPLES,
        paired=True,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def unit_groups(pairs: pd.DataFrame) -> np.ndarray:
    """Return the group of each pair, (pairs,): pairs that share a unit of work are in one group.

    Pairs may share a unit in either sweep, directly or through other pairs. If the units of a and b overlap,
    a group holds several units of each sweep.
    """
    a, b = (pairs.groupby([*SEARCH_COLUMNS, name]).ngroup().to_numpy() for name in ("unit_a", "unit_b"))
    nodes = a.max() + b.max() + 2  # units of a, then those of b; a pair is an edge
    graph = coo_array((np.ones(len(pairs)), (a, a.max() + 1 + b)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1][a]


def group_by_search(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Return (task, cell) and the rows of every search, in order of appearance."""
    for (task, cell), search in rows.groupby(SEARCH_COLUMNS, sort=False):
        yield (str(task), str(cell)), search


def _duration_ratios(pairs: pd.DataFrame, seed: int) -> dict:
    a, b, epochs_a, epochs_b = pairs[DURATION_COLUMNS].mean()
    low, high = time_ratio_interval(pairs, seed)
    return {
        "trials": len(pairs),
        **dict(zip(DURATION_COLUMNS, (a, b, epochs_a, epochs_b), strict=True)),
        "ratio": b / a,
        "low": low,
        "high": high,
        "epoch": (b / epochs_b) / (a / epochs_a),
    }


def _adjust_by_holm(table: pd.DataFrame) -> pd.DataFrame:
    adjusted = holm(table["p"].astype(float))
    return table.assign(adjusted=adjusted, significant=adjusted < ALPHA)
