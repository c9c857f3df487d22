"""How far two sweeps agree, and what each took: a, the one that stands, and b, the one compared with it.

Rows are as in `suite.analysis.trial_statistics`. Trials of two sweeps match by task, cell and number, and are
the same trial if seed and hyperparameters are equal too. Training is chaotic: a rounding that differs, on
another device or backend, grows until single trials end elsewhere, while searches have the same distribution.
So the same trials are compared one by one and as pairs, and all trials of a search as distributions.
"""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import rankdata

from suite import seeds
from suite.analysis.significance import (
    ALPHA,
    holm,
    permutation_test,
    probability_of_superiority,
    superiority_interval,
    variant_test_scores,
)
from suite.analysis.trial_statistics import BOOTSTRAP_RESAMPLES
from suite.store import TRIAL_COLUMNS, TRIAL_KEY

SEARCH_COLUMNS = ["task", "cell"]
SCORE_TOLERANCE = 0.01  # scores agree whose relative difference is no larger
TIE_TOLERANCE = 1e-5  # relative difference that rounding alone can cause: such scores tie
MIN_UNIT_GROUPS = 5  # groups of units, below which a ratio of seconds has no interval
RESULT_COLUMNS = ["status", "valid", "test", "epochs", "seconds", "unit"]


def matched_trials(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Return the trials that are the same in two sweeps, (pairs,), in the order of a.

    With their `KEY`, and of each sweep its `RESULT_COLUMNS`: `test_a`, `test_b`, …
    """
    drawn = sorted({*a, *b} - {*TRIAL_COLUMNS, *RESULT_COLUMNS})
    alike = [*TRIAL_KEY, "seed", *drawn]
    left, right = (
        rows.reindex(columns=[*alike, *RESULT_COLUMNS]).astype(
            dict.fromkeys([*drawn, "valid", "test"], float)
        )
        for rows in (a, b)
    )
    return left.merge(right, on=alike, suffixes=("_a", "_b")).drop(columns=["seed", *drawn])


def scores_of_sweep(pairs: pd.DataFrame, sweep: str) -> np.ndarray:
    """Return the test scores of one of two sweeps, (pairs,), infinite where a trial is not scored."""
    valid, test = (pairs[f"{split}_{sweep}"].to_numpy(float) for split in ("valid", "test"))
    return np.where(np.isfinite(valid) & np.isfinite(test), test, np.inf)


def relative_differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return relative differences of scores, (trials,): |a − b| over the larger of |a| and |b|.

    No score is infinity: ∞ where one trial alone has one, 0 where neither has.
    """
    with np.errstate(invalid="ignore"):  # 0 / 0, ∞ − ∞, ∞ / ∞
        gaps = abs(a - b) / np.maximum(abs(a), abs(b))
    return np.where(a == b, 0, np.where(np.isinf(a) | np.isinf(b), np.inf, gaps))


def score_agreement(pairs: pd.DataFrame, seed: int, n_resamples: int = 9_999) -> pd.DataFrame:
    """Return how the test scores of the same trials agree, one row a search, (searches,).

    Of so many `trials`, how many `agree`: apart by `SCORE_TOLERANCE` or less, or neither scored. The `median`
    and the `largest` difference (`relative_differences`). Spearman's correlation of their `ranks`. How many
    differ in their `status`. How many are `ties`, apart by `TIE_TOLERANCE` or less, how many others `lower`
    and how many `higher` in b, with `p` of the test of pairs (`paired_permutation_test`), and that `adjusted`
    by Holm over searches.
    """
    lines = []
    for (task, cell), found in group_by_search(pairs):
        a, b = scores_of_sweep(found, "a"), scores_of_sweep(found, "b")
        gaps = relative_differences(a, b)
        lines.append(
            {
                "task": task,
                "cell": cell,
                "trials": len(found),
                "agree": int((gaps <= SCORE_TOLERANCE).sum()),
                "median": float(np.median(gaps)),
                "largest": float(gaps.max()),
                "ranks": spearman_correlation(a, b),
                "status": int((found["status_a"] != found["status_b"]).sum()),
                "ties": int((gaps <= TIE_TOLERANCE).sum()),
                "lower": int(((gaps > TIE_TOLERANCE) & (b < a)).sum()),
                "higher": int(((gaps > TIE_TOLERANCE) & (b > a)).sum()),
                "p": paired_permutation_test(
                    a, b, seeds.derive_seed(seed, task, cell, "exchange"), n_resamples
                ),
            }
        )
    return _adjust_by_holm(pd.DataFrame(lines, columns=[*SEARCH_COLUMNS, *AGREEMENT_COLUMNS, "p"]))


AGREEMENT_COLUMNS = ["trials", "agree", "median", "largest", "ranks", "status", "ties", "lower", "higher"]


def spearman_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's rank correlation of scores, (trials,); NaN where either are all equal."""
    ranks = np.array([rankdata(a), rankdata(b)])
    return float(np.corrcoef(ranks)[0, 1]) if np.ptp(ranks, axis=1).all() else math.nan


def paired_permutation_test(a: np.ndarray, b: np.ndarray, seed: int, n_resamples: int = 9_999) -> float:
    """Return the two-sided p-value of the hypothesis that pairs of scores could be exchanged, (pairs,).

    Wilcoxon's signed ranks (1945), ties left out, against `n_resamples` in which each pair is exchanged by a
    coin: p = (1 + c) / (1 + draws) as in `suite.analysis.significance.permutation_test`. Both of a pair have
    the same hyperparameters, so it finds far smaller differences than distributions show, and without
    `TIE_TOLERANCE` also which way two machines round. Of vanilla's twelve trials of the reference sweep, 30
    epochs each, TensorFlow and JAX on two machines were 3e-6 apart in the one whose training was not chaotic,
    else 2e-3 to 3e-2.
    """
    differ = relative_differences(a, b) > TIE_TOLERANCE
    gaps = b[differ] - a[differ]
    ranks = rankdata(abs(gaps))
    coins = np.random.default_rng(seed).integers(2, size=(n_resamples, len(gaps))) * 2 - 1
    reached = abs(coins @ ranks) >= abs(np.sign(gaps) @ ranks)  # ranks are halves of whole numbers: exact
    return float(1 + reached.sum()) / (1 + n_resamples)


def distribution_comparison(
    a: pd.DataFrame, b: pd.DataFrame, seed: int, n_resamples: int = 9_999, independent_trials: bool = True
) -> pd.DataFrame:
    """Return how all trials of each search compare, the same or not, a row a search of both, (searches,).

    The numbers of trials (`trials_a`, `trials_b`) and their median test scores; the `probability` that the
    better of two trials, one of each, is b's, with its interval from `low` to `high`; `p` of the permutation
    test, and that `adjusted` by Holm over searches. Where trials are the same in both, they are more alike
    than the test takes them to be, so it claims less than it might. Where those of either are not
    `independent_trials` draws there is neither interval nor test, but NaN.
    """
    lines, theirs = [], dict(group_by_search(b))
    for (task, cell), rows in group_by_search(a):
        if (task, cell) in theirs:
            left, right = variant_test_scores(rows, cell), variant_test_scores(theirs[task, cell], cell)
            names = (seed, task, cell)
            low = high = p = math.nan
            if independent_trials:
                low, high = superiority_interval(right, left, seeds.derive_seed(*names, "interval"))
                p = permutation_test(right, left, seeds.derive_seed(*names, "permutation"), n_resamples)
            sizes = len(left), len(right), float(np.median(left)), float(np.median(right))
            lines.append((task, cell, *sizes, probability_of_superiority(right, left), low, high, p))
    return _adjust_by_holm(pd.DataFrame(lines, columns=[*SEARCH_COLUMNS, *DISTRIBUTION_COLUMNS, "p"]))


DISTRIBUTION_COLUMNS = ["trials_a", "trials_b", "median_a", "median_b", "probability", "low", "high"]


def speed_comparison(pairs: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return what the same finished trials took: one row a search, and one of all, whose cell is "", first.

    Finished are trials that failed in neither sweep. Their mean `seconds_a`, `seconds_b` and `epochs_a`,
    `epochs_b`; the `ratio` of the seconds of b to those of a, with its interval from `low` to `high`
    (`time_ratio_interval`); and the ratio of the seconds an `epoch`, which does not change where a trial only
    ends earlier.
    """
    finished = pairs[(pairs[["status_a", "status_b"]] != "failed").all(axis=1)]
    finished = finished[(finished[["seconds_a", "seconds_b"]] > 0).all(axis=1)]
    parts = [(("", ""), finished), *group_by_search(finished)] if len(finished) else []
    lines = [
        {"task": task, "cell": cell} | _duration_ratios(found, seeds.derive_seed(seed, task, cell, "speed"))
        for (task, cell), found in parts
    ]
    return pd.DataFrame(
        lines, columns=[*SEARCH_COLUMNS, "trials", *DURATION_COLUMNS, "ratio", "low", "high", "epoch"]
    )


DURATION_COLUMNS = ["seconds_a", "seconds_b", "epochs_a", "epochs_b"]


def time_ratio_interval(pairs: pd.DataFrame, seed: int) -> tuple[float, float]:
    """Return the 95 % interval of the ratio of the seconds of b to those of a, by a cluster bootstrap.

    The seconds of a trial are its share of those of its unit of work, so trials of one unit are no
    independent readings: groups of trials that share units (`unit_groups`) are drawn with replacement. NaN,
    NaN where a unit is unknown or there are fewer than `MIN_UNIT_GROUPS` groups.

    It is of the chance in how trials were drawn and their units timed, not in how busy the machines were as a
    whole. On simulated log-normal times it holds the truth in 82 % of cases for five groups, in 90–91 % for
    12 and in 92 % for 50; for all of eleven searches of one to three groups each, in 90 %.
    """
    if pairs[["unit_a", "unit_b"]].isna().any(axis=None):
        return math.nan, math.nan
    sums = pairs.groupby(unit_groups(pairs))[["seconds_a", "seconds_b"]].sum().to_numpy(float)
    n = len(sums)
    if n < MIN_UNIT_GROUPS:
        return math.nan, math.nan
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=BOOTSTRAP_RESAMPLES)
    a, b = (counts @ sums).T
    low, high = np.quantile(b / a, [0.025, 0.975])
    return float(low), float(high)


def unit_groups(pairs: pd.DataFrame) -> np.ndarray:
    """Return the group of each pair, (pairs,): those are together that share a unit in either sweep.

    Also by way of other pairs: where units of a and of b cross, a group is of several of either.
    """
    a, b = (pairs.groupby([*SEARCH_COLUMNS, name]).ngroup().to_numpy() for name in ("unit_a", "unit_b"))
    nodes = a.max() + b.max() + 2  # units of a, then those of b; a pair is an edge
    graph = coo_array((np.ones(len(pairs)), (a, a.max() + 1 + b)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1][a]


def group_by_search(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Return (task, cell) and the rows of every search, in order of appearance."""
    return iter(rows.groupby(SEARCH_COLUMNS, sort=False))


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
