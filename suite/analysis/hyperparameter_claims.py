"""Claims about hyperparameters of vanilla: each test is a function from a study and a claim to a verdict.

A share of variance is known to twice its standard deviation over studies, and up to what the rest may be:
noise, or interactions of three and more. The paper's forest has no rest. So a share is at least its part of
all variance, and at most its part of what effects explain. Where no effect has more than permuted scores give
it, nothing is said. The paper's own estimate, by single trees, stands beside a share and decides nothing: it
takes noise for interactions (`suite.analysis.importance.single_tree_shares`).

The `spread` of an importance is not that deviation: it compares parts of the same forests, which saw the same
trials. On 60 simulated studies of 200 trials a share of two thirds deviated by twice as much from study to
study (.025 against .012), so `CONFIDENCE_SDS` is thrice two. With this, one of exactly two thirds was taken
for more in one of the 60 and for less in none; one of exactly 1 % was still taken for less in five, for a
forest flattens what is small.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from suite import seeds
from suite.analysis.significance import ALPHA
from suite.analysis.trial_statistics import BOOTSTRAP_RESAMPLES, VANILLA, is_scored, ranked_trials
from suite.analysis.verdicts import MIN_CLAIM_TRIALS, Claim, Study, Verdict, decide_claim
from suite.space import Range

CONFIDENCE_SDS = 6  # spreads
NEGLIGIBLE_SHARE = 0.01  # a share of variance that is nothing
MAX_LEARNING_RATE_RATIO = math.sqrt(10)  # learning rates agree whose ratio is less


def share_above_test(name: str, threshold: float) -> Callable:
    """Return the test that a hyperparameter takes more than a share of the variance, on each task."""

    def test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
        t = _share_bounds(study, tasks, [name])
        shown, refuted = t["low"] > threshold, t["high"] < threshold
        return _decide_shares(claim, t.assign(shown=shown, refuted=refuted), f"{name} takes", threshold)

    return test


def share_below_test(name: str, threshold: float) -> Callable:
    """Return the test that a hyperparameter takes less than a share of the variance, on each task."""

    def test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
        t = _share_bounds(study, tasks, [name])
        shown, refuted = t["high"] < threshold, t["seen"] & (t["low"] > threshold)
        return _decide_shares(claim, t.assign(shown=shown, refuted=refuted), f"{name} takes", threshold)

    return test


def interactions_below_test(threshold: float) -> Callable:
    """Return the test that interactions take less than a share of the variance, on each task.

    Of all orders, as in the paper: at least those of pairs, at most those and all of the rest.
    """

    def test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
        t = _share_bounds(study, tasks, study.varied_hyperparameters, order=2)
        t["high"] = np.minimum(1, t["share"] + CONFIDENCE_SDS * t["spread"] + t["rest"])
        shown, refuted = t["high"] < threshold, t["seen"] & (t["low"] > threshold)
        return _decide_shares(claim, t.assign(shown=shown, refuted=refuted), "pairs take", threshold)

    return test


def marginal_increase_test(name: str) -> Callable:
    """Return the test that the score gets worse with a hyperparameter, on each task.

    Its marginal rises if its mean over the upper third is above that over the lower one surely,
    and its share is more than chance gives it. Refuted if it falls as surely, or its share is negligible. On
    simulated studies of 200 trials it is shown of none of 55 columns without an effect, and of four in ten,
    six in ten and nine in ten that take 2, 3 and 5 %.
    """

    def test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
        t = _share_bounds(study, tasks, [name])
        column = study.varied_hyperparameters.index(name)
        steps = [_marginal_increase(*study.importances[task, VANILLA].marginal(column)) for task in tasks]
        t[["step", "error"]] = np.reshape(steps, (len(tasks), 2))
        sure = t["seen"] & (abs(t["step"]) > CONFIDENCE_SDS * t["error"])
        t["shown"] = sure & (t["step"] > 0)
        t["refuted"] = (sure & (t["step"] < 0)) | (~t["shown"] & (t["high"] < NEGLIGIBLE_SHARE))
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.fmax((CONFIDENCE_SDS * t["error"] / t["step"]) ** 2, t["floor"] / t["share"])
        t["needed"] = t["trials"] * factor
        said = [
            f"on {x.task} the score changes by {x.step:+.3g} ± {x.error:.2g} from the lower to the upper "
            f"third of {name}, whose share of the variance is {x.share:.3f} (by chance up to {x.floor:.3f})"
            for x in t.itertuples()
        ]
        return decide_claim(claim, t, "; ".join(said))

    return test


def learning_rate_transfer_test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
    """Judge that the best learning rate of small networks is that of large ones, on each task.

    Small and large are the lower and the upper third of the range of units, on its scale; the best learning
    rate of either is the geometric mean of its best tenth on valid. Shown where the interval of their ratio
    is within a factor of √10 of one, refuted where it is beyond: percentiles of a bootstrap of the trials,
    for all tasks at once. The paper argues from the small interaction of the two and makes no such test.

    On simulated thirds of 67 trials it is shown in none to all of the cases where the best rates are the
    same, by how much noise there is beside the learning rate, and in 3 % of those where they are √10 apart;
    where they are the same it is never refuted, and where they are ten times apart in 5–40 %.
    """
    t = pd.DataFrame([_learning_rate_comparison(study, claim, task, ALPHA / len(tasks)) for task in tasks])
    t["shown"] = (t["low"] > 1 / MAX_LEARNING_RATE_RATIO) & (t["high"] < MAX_LEARNING_RATE_RATIO)
    t["refuted"] = (t["low"] > MAX_LEARNING_RATE_RATIO) | (t["high"] < 1 / MAX_LEARNING_RATE_RATIO)
    said = [
        f"on {x.task} the best learning rate is {x.small:.2g} for small, {x.large:.2g} for large networks, "
        f"a ratio of {x.ratio:.2f} ({x.low:.2f}–{x.high:.2f}; within "
        f"{1 / MAX_LEARNING_RATE_RATIO:.2f}–{MAX_LEARNING_RATE_RATIO:.2f} they agree)"
        if x.ratio > 0
        else (
            f"on {x.task} only {x.fewer} of the smallest or largest networks have a score, under "
            f"{MIN_CLAIM_TRIALS}"
        )
        for x in t.itertuples()
    ]
    return decide_claim(claim, t, "; ".join(said))


def _share_bounds(study: Study, tasks: list[str], names: list[str], order: int = 1) -> pd.DataFrame:
    """Return the share of variance that effects of an order take among hyperparameters, (tasks,).

    If they are several, of their sum: with its `spread`; the `floor`, what it has by chance; from `low` to
    `high`, what it may be; and whether it is `seen` above the floor. Of `single_trees` it is what the paper
    would print: of interactions, those of every order.
    """
    columns, lines = {study.varied_hyperparameters.index(name) for name in names}, []
    for task in tasks:
        found = study.importances[task, VANILLA]
        effects = [effect for effect in found.shares if len(effect) == order and columns.issuperset(effect)]
        share, floor = (
            sum(found.shares[effect] for effect in effects),
            found.permutation_null[order] * len(effects),
        )
        alone = {effect[0]: value for effect, value in found.single_tree_shares.items() if len(effect) == 1}
        theirs = sum(alone[j] for j in columns) if order == 1 else 1 - sum(alone.values())
        spread = math.hypot(*(found.share_sd[effect] for effect in effects))
        any_seen = any(value > found.permutation_null[len(effect)] for effect, value in found.shares.items())
        high = (
            min(1.0, (share + CONFIDENCE_SDS * spread) / (1 - found.residual_share))
            if any_seen and found.residual_share < 1
            else 1.0
        )
        trials = int(is_scored(study.search_rows(task, VANILLA)).sum())
        low, seen = share - CONFIDENCE_SDS * spread, share > floor
        lines.append((task, trials, share, spread, found.residual_share, floor, low, high, seen, theirs))
    names = ["task", "trials", "share", "spread", "rest", "floor", "low", "high", "seen", "single_trees"]
    return pd.DataFrame(lines, columns=names)


def _decide_shares(claim: Claim, t: pd.DataFrame, what: str, threshold: float) -> Verdict:
    """Return the verdict on shares; more trials narrow their spread, not what the rest leaves open."""
    away = abs(t["share"] - threshold)
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = t["trials"] * (CONFIDENCE_SDS * t["spread"] / away) ** 2
    t = t.assign(needed=needed.where(away <= CONFIDENCE_SDS * t["spread"]))
    said = [
        f"on {x.task} {what} {x.share:.3f} of the variance, at least {max(x.low, 0):.3f} and at most "
        f"{x.high:.3f}, with a rest of {x.rest:.3f} (by single trees, as in the paper, {x.single_trees:.3f})"
        for x in t.itertuples()
    ]
    return decide_claim(
        claim, t, f"{'; '.join(said)}; the threshold is {threshold:.3f}, and single trees decide nothing"
    )


def _marginal_increase(mean: np.ndarray, spread: np.ndarray) -> tuple[float, float]:
    """Return how much higher a marginal is over its last third of cells than over its first, ± how much."""
    third = len(mean) // 3
    step = mean[-third:].mean() - mean[:third].mean()
    return float(step), math.hypot(spread[-third:].mean(), spread[:third].mean())


def _learning_rate_comparison(study: Study, claim: Claim, task: str, alpha: float) -> dict:
    """Return the best learning rates of small and large networks, their ratio and its interval."""
    trials = study.search_rows(task, VANILLA)
    place = Range(**study.config["space"]["units"]).position(trials["units"].to_numpy(float))
    thirds = [trials[side & is_scored(trials)] for side in (place <= 1 / 3, place >= 2 / 3)]
    fewer = min(map(len, thirds))
    found = {"task": task, "trials": len(trials), "fewer": fewer}
    if fewer < MIN_CLAIM_TRIALS:
        unknown = dict.fromkeys(["small", "large", "ratio", "low", "high"], math.nan)
        return found | unknown | {"needed": 3 * MIN_CLAIM_TRIALS / is_scored(trials).mean()}
    own = seeds.derive_seed(study.seed, task, claim.id)
    small, large = (
        _bootstrap_best_rates(third, seeds.derive_seed(own, side)) for side, third in enumerate(thirds)
    )
    ratio, (low, high) = large[0] - small[0], np.quantile(large[1:] - small[1:], [alpha / 2, 1 - alpha / 2])
    away = abs(abs(ratio) - math.log10(MAX_LEARNING_RATE_RATIO))
    needed = len(trials) * ((high - low) / 2 / away) ** 2 if away else math.nan
    ends = {"small": small[0], "large": large[0], "ratio": ratio, "low": low, "high": high}
    return found | {name: float(10**value) for name, value in ends.items()} | {"needed": needed}


def _bootstrap_best_rates(trials: pd.DataFrame, seed: int) -> np.ndarray:
    """Return log10 of the best learning rate of trials, and of each resample of them, (1 + RESAMPLES,)."""
    rates = np.log10(ranked_trials(trials)["learning_rate"].to_numpy(float))  # best first
    n = len(rates)
    drawn = np.sort(np.random.default_rng(seed).integers(n, size=(BOOTSTRAP_RESAMPLES, n)), axis=1)
    return np.mean(rates[np.vstack([np.arange(n), drawn])[:, : math.ceil(n / 10)]], axis=1)
