"""Tests of claims about hyperparameters of vanilla: each takes a study and a claim, and returns a verdict.

A share of variance is uncertain in two ways: by its standard deviation from study to study, and by the
residual share, which may be noise or interactions of three and more hyperparameters. The forest of Greff et
al. has no residual. So a share has a lower bound, its part of all variance, and an upper bound, its part of
the variance that effects explain. If no effect is above its permutation null, nothing is concluded. The
estimate of the paper, by single trees, is reported as well but decides nothing, because it mistakes noise for
interactions (`suite.analysis.importance.single_tree_shares`).

The `share_sd` of an importance is smaller than the standard deviation from study to study: it compares parts
of the same forests, which saw the same trials. On 60 simulated studies of 200 trials, a share of two thirds
deviated by twice as much (.025 against .012), so `CONFIDENCE_SDS` is 6, not 2. With it, a share of exactly
two thirds was judged larger in one of the 60 studies and smaller in none; a share of exactly 1 % was still
judged smaller in five, because a forest flattens small effects. Effects of 1 to 3 % planted in the 200 scores
of vanilla on JSB, where the learning rate explains 92 %, were judged smaller than 1 % in none of 40.
"""

import math

import numpy as np
import pandas as pd
from scipy.stats import norm

from suite import seeds
from suite.analysis.significance import ALPHA
from suite.analysis.trial_statistics import BOOTSTRAP_RESAMPLES, is_scored, ranked_trials
from suite.analysis.verdicts import MIN_CLAIM_TRIALS, Claim, ClaimTest, Study, Verdict, decide_claim
from suite.config import VANILLA

CONFIDENCE_SDS = 6  # standard deviations over parts of a forest, on each side of a share
NEGLIGIBLE_SHARE = 0.01  # a lower share of variance is no effect
MAX_LEARNING_RATE_RATIO = math.sqrt(10)  # learning rates agree if their ratio is smaller than this


def share_above_test(name: str, threshold: float) -> ClaimTest:
    """Return the test that the share of variance of a hyperparameter is above a threshold on each task."""
    subject = f"{_words(name)} explains"

    def test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
        t = _share_bounds(study, tasks, [name])
        shown, refuted = t["low"] > threshold, t["high"] < threshold
        return _decide_shares(claim, t.assign(shown=shown, refuted=refuted), subject, threshold)

    return test


def share_below_test(name: str, threshold: float) -> ClaimTest:
    """Return the test that the share of variance of a hyperparameter is below a threshold on each task."""
    subject = f"{_words(name)} explains"

    def test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
        t = _share_bounds(study, tasks, [name])
        shown, refuted = t["high"] < threshold, t["seen"] & (t["low"] > threshold)
        return _decide_shares(claim, t.assign(shown=shown, refuted=refuted), subject, threshold)

    return test


def interactions_below_test(threshold: float) -> ClaimTest:
    """Return the test that the share of variance of all interactions is below a threshold on each task.

    As in the paper, interactions of all orders count: at least those of pairs, at most those of pairs plus
    the whole residual.
    """

    def test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
        t = _share_bounds(study, tasks, study.varied_hyperparameters, order=2)
        t["high"] = np.minimum(1, t["share"] + CONFIDENCE_SDS * t["spread"] + t["rest"])
        shown, refuted = t["high"] < threshold, t["seen"] & (t["low"] > threshold)
        return _decide_shares(claim, t.assign(shown=shown, refuted=refuted), "pairs explain", threshold)

    return test


def marginal_increase_test(name: str) -> ClaimTest:
    """Return the test that the score gets worse with a hyperparameter, on each task.

    It is shown if the score rises with the hyperparameter apart from the effects of all others
    (`Importance.trend`) with p < .05, by Bonferroni's correction over tasks. It is refuted if the score falls
    as clearly, or if the share of the hyperparameter is negligible. On simulated studies of 200 trials, the
    test shows an increase for 5 of 400 hyperparameters without an effect. With a share of 2, 3 and 5 % it
    shows one in 20, 23 and 30 of 30 beside another hyperparameter that explains 30 %, and in all beside one
    that explains 85 %.
    """

    def test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
        t = _share_bounds(study, tasks, [name])
        column, alpha = study.varied_hyperparameters.index(name), ALPHA / len(tasks)
        importances = [study.importances[task, VANILLA] for task in tasks]
        t["step"] = [_marginal_increase(importance.marginal(column)[0]) for importance in importances]
        t[["trend", "p"]] = [importance.trend(column) for importance in importances]
        certain = t["p"] < alpha
        t["refuted"] = (certain & (t["trend"] < 0)) | (t["high"] < NEGLIGIBLE_SHARE)
        t["shown"] = certain & (t["trend"] > 0) & ~t["refuted"]
        with np.errstate(divide="ignore"):
            t["needed"] = t["trials"] * (norm.isf(alpha / 2) / norm.isf(t["p"] / 2)) ** 2
        sentences = [
            f"on {x['task']} the score changes by {x['step']:+.3g} from the lower to the upper third of "
            f"{_words(name)}, which explains {x['share']:.3f} of the variance; its rank correlation with "
            f"what the other hyperparameters leave unexplained is {x['trend']:+.2f}, p = {x['p']:.2g}"
            for x in t.to_dict("records")
        ]
        return decide_claim(claim, t, "; ".join(sentences))

    return test


def learning_rate_transfer_test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
    """Test the claim that small and large networks have the same best learning rate, on each task.

    Small and large networks are the lower and the upper third of the range of units, on its scale; the best
    learning rate of either is the geometric mean over its best tenth on validation. Shown if the interval of
    their ratio lies within a factor of √10 of one, refuted if it lies outside. The interval is a percentile
    bootstrap of the trials, with Bonferroni's correction over tasks. The paper argues from the small
    interaction of the two hyperparameters and has no such test.

    On simulated thirds of 67 trials with equal best rates, the claim is shown in none to all cases, depending
    on the noise, and never refuted. With best rates √10 apart it is shown in 3 %, and with best rates ten
    times apart it is refuted in 5–40 %.
    """
    t = pd.DataFrame([_learning_rate_comparison(study, claim, task, ALPHA / len(tasks)) for task in tasks])
    t["shown"] = (t["low"] > 1 / MAX_LEARNING_RATE_RATIO) & (t["high"] < MAX_LEARNING_RATE_RATIO)
    t["refuted"] = (t["low"] > MAX_LEARNING_RATE_RATIO) | (t["high"] < 1 / MAX_LEARNING_RATE_RATIO)
    sentences = [
        f"on {x['task']} the best learning rate is {x['small']:.2g} for small, {x['large']:.2g} for large "
        f"networks, a ratio of {x['ratio']:.2f} ({x['low']:.2f}–{x['high']:.2f}; within "
        f"{1 / MAX_LEARNING_RATE_RATIO:.2f}–{MAX_LEARNING_RATE_RATIO:.2f} they agree)"
        if x["ratio"] > 0
        else (
            f"on {x['task']} only {x['fewer']} of the smallest or largest networks have a score, fewer than "
            f"{MIN_CLAIM_TRIALS}"
        )
        for x in t.to_dict("records")
    ]
    return decide_claim(claim, t, "; ".join(sentences))


def _share_bounds(study: Study, tasks: list[str], names: list[str], order: int = 1) -> pd.DataFrame:
    """Return the share of variance of the effects of one order among hyperparameters, (tasks,).

    Columns: `share`, summed over several effects, with its standard deviation `spread`; its permutation null,
    `floor`; the bounds of the true share, `low` and `high`; and `seen`, whether it is above its null.
    `single_trees` is the estimate of the paper, for interactions that of every order.
    """
    columns, lines = {study.varied_hyperparameters.index(name) for name in names}, []
    for task in tasks:
        importance = study.importances[task, VANILLA]
        null, residual = importance.permutation_null, importance.residual_share
        effects = [
            effect for effect in importance.shares if len(effect) == order and columns.issuperset(effect)
        ]
        share, floor = sum(importance.shares[effect] for effect in effects), null[order] * len(effects)
        main_effects = {
            effect[0]: value for effect, value in importance.single_tree_shares.items() if len(effect) == 1
        }
        published = sum(main_effects[j] for j in columns) if order == 1 else 1 - sum(main_effects.values())
        spread = math.hypot(*(importance.share_sd[effect] for effect in effects))
        margin = CONFIDENCE_SDS * spread
        any_seen = any(value > null[len(effect)] for effect, value in importance.shares.items())
        high = min(1.0, (share + margin) / (1 - residual)) if any_seen and residual < 1 else 1.0
        trials = int(is_scored(study.search_rows(task, VANILLA)).sum())
        numbers = trials, share, spread, residual, floor, share - margin, high, share > floor, published
        lines.append((task, *numbers))
    keys = ["task", "trials", "share", "spread", "rest", "floor", "low", "high", "seen", "single_trees"]
    return pd.DataFrame(lines, columns=keys)


def _decide_shares(claim: Claim, t: pd.DataFrame, subject: str, threshold: float) -> Verdict:
    """Return the verdict on shares. More trials narrow their spread, but not the residual."""
    away = abs(t["share"] - threshold)
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = t["trials"] * (CONFIDENCE_SDS * t["spread"] / away) ** 2
    t = t.assign(needed=needed.where(away <= CONFIDENCE_SDS * t["spread"]))
    sentences = [
        f"on {x['task']} {subject} {x['share']:.3f} of the variance, at least {max(x['low'], 0):.3f} and at "
        f"most {x['high']:.3f}, with a residual of {x['rest']:.3f} (by single trees, as in the paper, "
        f"{x['single_trees']:.3f})"
        for x in t.to_dict("records")
    ]
    return decide_claim(
        claim,
        t,
        f"{'; '.join(sentences)}; the threshold is {threshold:.3f}, single trees are not used",
    )


def _words(name: str) -> str:
    """Return the name of a hyperparameter as words."""
    return name.replace("_", " ")


def _marginal_increase(mean: np.ndarray) -> float:
    """Return the increase of a marginal, (bins,), from its first third to its last."""
    third = len(mean) // 3
    return float(mean[-third:].mean() - mean[:third].mean())


def _learning_rate_comparison(study: Study, claim: Claim, task: str, alpha: float) -> dict:
    """Return the best learning rates of small and large networks, their ratio and its interval."""
    trials = study.search_rows(task, VANILLA)
    position = study.config.space["units"].position(trials["units"].to_numpy(float))
    size_thirds = [trials[side & is_scored(trials)] for side in (position <= 1 / 3, position >= 2 / 3)]
    fewer = min(map(len, size_thirds))
    line = {"task": task, "trials": len(trials), "fewer": fewer}
    if fewer < MIN_CLAIM_TRIALS:
        unknown = dict.fromkeys(["small", "large", "ratio", "low", "high"], math.nan)
        return line | unknown | {"needed": 3 * MIN_CLAIM_TRIALS / is_scored(trials).mean()}
    own_seed = seeds.derive_seed(study.seed, task, claim.id)
    small, large = (
        _bootstrap_best_rates(third, seeds.derive_seed(own_seed, side))
        for side, third in enumerate(size_thirds)
    )
    ratio, (low, high) = large[0] - small[0], np.quantile(large[1:] - small[1:], [alpha / 2, 1 - alpha / 2])
    away = abs(abs(ratio) - math.log10(MAX_LEARNING_RATE_RATIO))
    needed = len(trials) * ((high - low) / 2 / away) ** 2 if away else math.nan
    numbers = {"small": small[0], "large": large[0], "ratio": ratio, "low": low, "high": high}
    return line | {name: float(10**value) for name, value in numbers.items()} | {"needed": needed}


def _bootstrap_best_rates(trials: pd.DataFrame, seed: int) -> np.ndarray:
    """Return log10 of the best learning rate of trials, then of each resample, (1 + BOOTSTRAP_RESAMPLES,)."""
    rates = np.log10(ranked_trials(trials)["learning_rate"].to_numpy(float))  # best first
    n = len(rates)
    # A resample is ranks in ascending order, so its first tenth is its best tenth
    ranks = np.sort(np.random.default_rng(seed).integers(n, size=(BOOTSTRAP_RESAMPLES, n)), axis=1)
    return np.mean(rates[np.vstack([np.arange(n), ranks])[:, : math.ceil(n / 10)]], axis=1)
