"""How far two sweeps agree, and what each took: a, the one that stands, and b, the one compared with it.

Rows are as in `suite.analysis.stats`. Trials of two sweeps match by task, cell and number, and are the same
trial if seed and hyperparameters are equal too. Training is chaotic: a rounding that differs, on another
device or backend, grows until single trials end elsewhere, while searches have the same distribution. So the
same trials are compared one by one and as pairs, and all trials of a search as distributions.
"""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from suite import seeds
from suite.analysis.compare import ALPHA, holm, interval, permutation, probability, scores
from suite.analysis.stats import RESAMPLES
from suite.store import COLUMNS, KEY

SEARCH = ["task", "cell"]
TOLERANCE = 0.01  # scores agree whose relative difference is no larger
RESULTS = ["status", "valid", "test", "epochs", "seconds"]


def same(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Return the trials that are the same in two sweeps, (pairs,), in the order of a.

    With their `KEY`, and of each sweep its `RESULTS`: `test_a`, `test_b`, …
    """
    drawn = sorted({*a, *b} - COLUMNS.keys())
    alike = [*KEY, "seed", *drawn]
    left, right = (
        rows.reindex(columns=[*alike, *RESULTS]).astype(dict.fromkeys([*drawn, "valid", "test"], float))
        for rows in (a, b)
    )
    return left.merge(right, on=alike, suffixes=("_a", "_b")).drop(columns=["seed", *drawn])


def scores_in(pairs: pd.DataFrame, sweep: str) -> np.ndarray:
    """Return the test scores of one of two sweeps, (pairs,), infinite where a trial is not scored."""
    valid, test = (pairs[f"{split}_{sweep}"].to_numpy(float) for split in ("valid", "test"))
    return np.where(np.isfinite(valid) & np.isfinite(test), test, np.inf)


def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return relative differences of scores, (trials,): |a − b| over the larger of |a| and |b|.

    No score is infinity: ∞ where one trial alone has one, 0 where neither has.
    """
    with np.errstate(invalid="ignore"):  # 0 / 0, ∞ − ∞, ∞ / ∞
        gaps = abs(a - b) / np.maximum(abs(a), abs(b))
    return np.where(a == b, 0, np.where(np.isinf(a) | np.isinf(b), np.inf, gaps))


def agreement(pairs: pd.DataFrame, seed: int, draws: int = 9_999) -> pd.DataFrame:
    """Return how the test scores of the same trials agree, one row a search, (searches,).

    Of so many `trials`, how many `agree`: apart by `TOLERANCE` or less, or neither scored. The `median` and
    the `largest` difference (`apart`). Spearman's correlation of their `ranks`. How many differ in their
    `status`. How many are `lower` and how many `higher` in b, with `p` of the test of pairs (`exchange`), and
    that `adjusted` by Holm over searches.
    """
    lines = []
    for (task, cell), found in searches(pairs):
        a, b = scores_in(found, "a"), scores_in(found, "b")
        gaps = apart(a, b)
        lines.append(
            {
                "task": task,
                "cell": cell,
                "trials": len(found),
                "agree": int((gaps <= TOLERANCE).sum()),
                "median": float(np.median(gaps)),
                "largest": float(gaps.max()),
                "ranks": correlation(a, b),
                "status": int((found["status_a"] != found["status_b"]).sum()),
                "lower": int((b < a).sum()),
                "higher": int((b > a).sum()),
                "p": exchange(a, b, seeds.seed(seed, task, cell, "exchange"), draws),
            }
        )
    return _judged(pd.DataFrame(lines, columns=[*SEARCH, *AGREEMENT, "p"]))


AGREEMENT = ["trials", "agree", "median", "largest", "ranks", "status", "lower", "higher"]


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's rank correlation of scores, (trials,); NaN where either are all equal."""
    ranks = np.array([rankdata(a), rankdata(b)])
    return float(np.corrcoef(ranks)[0, 1]) if np.ptp(ranks, axis=1).all() else math.nan


def exchange(a: np.ndarray, b: np.ndarray, seed: int, draws: int = 9_999) -> float:
    """Return the two-sided p-value of the hypothesis that pairs of scores could be exchanged, (pairs,).

    Wilcoxon's signed ranks (1945), equal pairs left out, against `draws` in which each pair is exchanged by a
    coin: p = (1 + c) / (1 + draws) as in `suite.analysis.compare.permutation`. Both of a pair have the
    same hyperparameters, so it finds far smaller differences than distributions show.
    """
    with np.errstate(invalid="ignore"):  # ∞ − ∞
        gaps = np.where(a == b, 0, b - a)
    gaps = gaps[gaps != 0]
    ranks = rankdata(abs(gaps))
    coins = np.random.default_rng(seed).integers(2, size=(draws, len(gaps))) * 2 - 1
    reached = abs(coins @ ranks) >= abs(np.sign(gaps) @ ranks)  # ranks are halves of whole numbers: exact
    return float(1 + reached.sum()) / (1 + draws)


def distributions(
    a: pd.DataFrame, b: pd.DataFrame, seed: int, draws: int = 9_999, independent: bool = True
) -> pd.DataFrame:
    """Return how all trials of each search compare, the same or not, a row a search of both, (searches,).

    The numbers of trials (`trials_a`, `trials_b`) and their median test scores; the `probability` that the
    better of two trials, one of each, is b's, with its interval from `low` to `high`; `p` of the permutation
    test, and that `adjusted` by Holm over searches. Where trials are the same in both, they are more alike
    than the test takes them to be, so it claims less than it might. Where those of either are not
    `independent` draws there is neither interval nor test, but NaN.
    """
    lines, theirs = [], dict(searches(b))
    for (task, cell), rows in searches(a):
        if (task, cell) in theirs:
            left, right = scores(rows, cell), scores(theirs[task, cell], cell)
            names = (seed, task, cell)
            low = high = p = math.nan
            if independent:
                low, high = interval(right, left, seeds.seed(*names, "interval"))
                p = permutation(right, left, seeds.seed(*names, "permutation"), draws)
            sizes = len(left), len(right), float(np.median(left)), float(np.median(right))
            lines.append((task, cell, *sizes, probability(right, left), low, high, p))
    return _judged(pd.DataFrame(lines, columns=[*SEARCH, *DISTRIBUTIONS, "p"]))


DISTRIBUTIONS = ["trials_a", "trials_b", "median_a", "median_b", "probability", "low", "high"]


def speed(pairs: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return what the same finished trials took: one row a search, and one of all, whose cell is "", first.

    Finished are trials that failed in neither sweep. Their mean `seconds_a`, `seconds_b` and `epochs_a`,
    `epochs_b`; the `ratio` of the seconds of b to those of a, with its interval from `low` to `high`; and the
    ratio of the seconds an `epoch`, which does not change where a trial only ends earlier.

    The interval is 95 %, percentiles of a bootstrap of the trials of each search; NaN for a single one. It is
    of the chance in which trials were drawn, not in how busy the machines were. On simulated log-normal times
    it holds the truth in 81–83 % of cases for searches of 5 trials, in 88–92 % for 12, in 92–95 % for 50 and
    200; that of all, for eleven searches of 12 trials, in 94 %.
    """
    finished = pairs[(pairs[["status_a", "status_b"]] != "failed").all(axis=1)]
    finished = finished[(finished[["seconds_a", "seconds_b"]] > 0).all(axis=1)]
    lines, total = [], np.zeros((RESAMPLES, 2))
    for (task, cell), found in searches(finished):
        drawn = resampled(found, seeds.seed(seed, task, cell, "speed"))
        total += drawn
        lines.append({"task": task, "cell": cell} | _speed(found, drawn))
    if lines:
        lines.insert(0, {"task": "", "cell": ""} | _speed(finished, total))
    return pd.DataFrame(lines, columns=[*SEARCH, "trials", *SPENT, "ratio", "low", "high", "epoch"])


SPENT = ["seconds_a", "seconds_b", "epochs_a", "epochs_b"]


def resampled(pairs: pd.DataFrame, seed: int) -> np.ndarray:
    """Return the seconds of a and b of as many trials, drawn from them with replacement, (resamples, 2)."""
    n = len(pairs)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return counts @ pairs[["seconds_a", "seconds_b"]].to_numpy(float)


def searches(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Return (task, cell) and the rows of every search, in order of appearance."""
    return iter(rows.groupby(SEARCH, sort=False))


def _speed(pairs: pd.DataFrame, drawn: np.ndarray) -> dict:
    a, b, epochs_a, epochs_b = pairs[SPENT].mean()
    with np.errstate(invalid="ignore"):
        low, high = np.quantile(drawn[:, 1] / drawn[:, 0], [0.025, 0.975])
    known = len(pairs) > pairs.groupby(SEARCH).ngroups  # else all that is drawn is what is there
    return {
        "trials": len(pairs),
        **dict(zip(SPENT, (a, b, epochs_a, epochs_b), strict=True)),
        "ratio": b / a,
        "low": low if known else math.nan,
        "high": high if known else math.nan,
        "epoch": (b / epochs_b) / (a / epochs_a),
    }


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    adjusted = holm(table["p"].astype(float))
    return table.assign(adjusted=adjusted, significant=adjusted < ALPHA)
