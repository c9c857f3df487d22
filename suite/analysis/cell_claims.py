"""Tests of claims that cells differ or not: each takes a study and a claim, and returns a verdict.

Absence of significance is not equality, so there are two kinds of evidence:

- *Different* is decided by the permutation test of all trials (`suite.analysis.significance`), with p
  adjusted by Holm's method over all comparisons of the report (`suite.analysis.claims.planned_comparisons`),
  those in its tables and those of its claims. So a whole report finds a difference that does not exist in at
  most 5 % of sweeps, and its tables and verdicts agree. The test of Greff et al., Welch's on the best tenths,
  is reported as well but decides nothing, because it finds too many differences.
- *Not worse* (noninferiority) is decided by the 95 % interval of the probability of superiority, if it
  excludes a relevant loss, `EQUIVALENCE_BOUND`; *not better* if it excludes a relevant gain; *the same*
  (equivalence) if it excludes both. A claim about all of k comparisons needs all k exclusions, so each is
  judged alone; where one of k is enough, intervals are widened by Bonferroni to hold for all k together.

Both are about a typical trial, not the best one: a difference in best tenths alone is not found here.

On 200 simulated studies without any difference, for each of one, two and three tasks (nine equal variants of
200 trials, a tenth of them diverged), some verdict found a difference in 4, 3 and 5 % of sweeps. Welch's test
with Bonferroni's correction did in 38, 62 and 75 %; validation and test scores were almost equal there.
"""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.special import ndtri

from suite import seeds
from suite.analysis.significance import (
    ALPHA,
    hodges_lehmann,
    holm,
    permutation_test,
    probability_of_superiority,
    superiority_interval,
    trials_needed,
    variant_test_scores,
    welch_tests,
)
from suite.analysis.trial_statistics import best_tenth, is_scored, median_score
from suite.analysis.verdicts import Claim, Study, Verdict, decide_claim

# A lower probability of superiority is a relevant loss (Cliff's delta below −0.2), one above 1 − this a gain
EQUIVALENCE_BOUND = 0.4
LEARNED_FRACTION = 0.5  # a task counts as learned below this fraction of the trivial score
CLEARLY_WORSE_RATIO = 2  # a score this many times another's is clearly worse


def compare_cells(
    rows: pd.DataFrame, comparisons: Iterable[tuple[str, str, str]], seed: int, n_resamples: int
) -> pd.DataFrame:
    """Return a frame that compares pairs of cells over all trials, one line for each (task, cell, against).

    Columns: `trials`, the number of the smaller search; the `probability` of superiority with its 95 %
    interval from `low` to `high`; `shift`, the Hodges–Lehmann estimate; `p` of the permutation test, and
    `adjusted` by Holm's method over all lines; whether the cell is significantly `worse` or `better`; and the
    test of Greff et al., the `difference` of the means of the best tenths with its p, `welch`, after
    Bonferroni over the lines of one task with the same `against`.

    Where two cells are compared in both directions, the second line mirrors the first: they are one test,
    with one p, and count once in Holm's method (`count_tests`).
    """
    lines, keys = [], ["task", "cell", "against"]
    computed: dict[tuple[str, str, str], tuple] = {}
    for task, cell, against in comparisons:
        if mirrored := computed.get((task, against, cell)):
            size, probability, low, high, shift, _ = mirrored
            # p is NaN until it is adjusted: a test that is made once
            lines.append((task, cell, against, size, 1 - probability, 1 - high, 1 - low, -shift, math.nan))
            continue
        trials, own_seed = rows[rows["task"] == task], seeds.derive_seed(seed, task, cell, against)
        x, y = variant_test_scores(trials, cell), variant_test_scores(trials, against)
        low, high = superiority_interval(x, y, seeds.derive_seed(own_seed, "interval"))
        p = permutation_test(x, y, seeds.derive_seed(own_seed, "permutation"), n_resamples)
        numbers = probability_of_superiority(x, y), low, high, hodges_lehmann(x, y), p
        computed[task, cell, against] = min(len(x), len(y)), *numbers
        lines.append((task, cell, against, *computed[task, cell, against]))
    table = pd.DataFrame(lines, columns=[*keys, "trials", "probability", "low", "high", "shift", "p"])
    table["p"] = table["p"].astype(float)
    table["adjusted"] = holm(table["p"])
    if len(computed) < len(table):
        columns = ["p", "adjusted"]
        table[columns] = table[columns].groupby(_unordered_pairs(table)).transform("first")
    table = table.assign(
        worse=(table["adjusted"] < ALPHA) & (table["probability"] < 0.5),
        better=(table["adjusted"] < ALPHA) & (table["probability"] > 0.5),
    )
    tenths = [pd.DataFrame(columns=[*keys, "difference", "welch"])]
    for _, group in table.groupby(["task", "against"], sort=False):
        task, against = group["task"].iloc[0], group["against"].iloc[0]
        tests = welch_tests(rows[rows["task"] == task], list(group["cell"]), against)
        tests = tests.rename(columns={"adjusted": "welch"}).assign(task=task, against=against)
        tenths.append(tests[[*keys, "difference", "welch"]])
    return table.merge(pd.concat(tenths[1:] or tenths), on=keys, how="left")


def count_tests(comparisons: pd.DataFrame) -> int:
    """Return how many tests there are in comparisons (`compare_cells`): one of each two cells on a task."""
    return _unordered_pairs(comparisons).nunique()


def inferiority_test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
    """Test the claim that cells are worse: it holds if all are significantly worse.

    It is refuted by one cell whose interval excludes a relevant loss, or that is significantly better.
    """
    t = _claim_comparisons(study, claim, tasks)
    refuted = ~t["worse"] & (t["better"] | (t["low_of_all"] > EQUIVALENCE_BOUND))
    return _decide_comparisons(claim, t, t["worse"], refuted, t["probability"], _distance_from_loss(t))


def superiority_test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
    """Test the claim that cells are better: it holds if all are significantly better.

    It is refuted by one cell whose interval excludes a relevant gain, or that is significantly worse.
    """
    t = _claim_comparisons(study, claim, tasks)
    refuted = ~t["better"] & (t["worse"] | (t["high_of_all"] < 1 - EQUIVALENCE_BOUND))
    return _decide_comparisons(claim, t, t["better"], refuted, -t["probability"], _distance_from_gain(t))


def noninferiority_test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
    """Test the claim that no cell is worse: it holds if all intervals exclude a relevant loss.

    It is refuted by one cell that is significantly worse.
    """
    t = _claim_comparisons(study, claim, tasks)
    shown = ~t["worse"] & (t["low"] > EQUIVALENCE_BOUND)
    return _decide_comparisons(claim, t, shown, t["worse"], -t["probability"], _distance_from_loss(t))


def nonsuperiority_test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
    """Test the claim that no cell is better: it holds if all intervals exclude a relevant gain.

    It is refuted by one cell that is significantly better.
    """
    t = _claim_comparisons(study, claim, tasks)
    shown = ~t["better"] & (t["high"] < 1 - EQUIVALENCE_BOUND)
    return _decide_comparisons(claim, t, shown, t["better"], t["probability"], _distance_from_gain(t))


def equivalence_test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
    """Test the claim that cells do not differ: it holds if all intervals exclude a relevant loss and gain.

    It is refuted by one cell that differs significantly.
    """
    t = _claim_comparisons(study, claim, tasks)
    differ = t["worse"] | t["better"]
    shown = ~differ & (t["low"] > EQUIVALENCE_BOUND) & (t["high"] < 1 - EQUIVALENCE_BOUND)
    doubt, loss, gain = abs(t["probability"] - 0.5), _distance_from_loss(t), _distance_from_gain(t)
    return _decide_comparisons(claim, t, shown, differ, doubt, loss.clip(upper=gain))


def memory_failure_test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
    """Test the claim that a cell fails on tasks that two other cells learn.

    A cell *learns* a task if the median test score of its best tenth, chosen on validation, is below half of
    the trivial score. The tested cell *fails* a task if it is significantly worse than both others, and the
    median of its best tenth is no better than the trivial score, or at least twice the larger median of the
    two others. The claim is about the tasks that both other cells learn. It holds if the tested cell fails
    all of these tasks, and fails if it learns one of them and does not fail it.
    """
    tested, others = claim.pairs[0][0], [against for _, against in claim.pairs]
    t, lines, sentences = _claim_comparisons(study, claim, tasks), [], []
    for task in tasks:
        medians = {cell: _best_tenth_median(study.search_rows(task, cell)) for cell in (tested, *others)}
        pairs, trivial = t[t["task"] == task], study.trivial_scores[task]
        larger, own, p = max(medians[cell] for cell in others), medians[tested], pairs["adjusted"].max()
        fails = bool(pairs["worse"].all()) and own >= min(trivial, CLEARLY_WORSE_RATIO * larger)
        needed = max(trials_needed(x, count_tests(study.comparisons)) for x in pairs["probability"])
        lines.append(
            {"task": task, "trials": pairs["trials"].min(), "nothing": trivial, **medians, "adjusted": p}
            | {"learned": larger < LEARNED_FRACTION * trivial, "shown": fails, "needed": needed}
            | {"refuted": not fails and own < LEARNED_FRACTION * trivial}
        )
        each = ", ".join(
            f"{value:.3g} for {cell}" if math.isfinite(value) else f"no score for {cell}"
            for cell, value in medians.items()
        )
        wins = " and ".join(
            f"{probability:.2f} against {against}"
            for against, probability in zip(pairs["against"], pairs["probability"], strict=True)
        )
        sentences.append(
            f"on {task} the median of the best tenth is {each}, and {trivial:.3g} for a constant answer; "
            f"a trial of {tested} is better with probability {wins}, the larger Holm-adjusted p = "
            f"{p:.2g}"
        )
    numbers = pd.DataFrame(lines)
    learned = numbers[numbers["learned"]]
    if learned.empty:
        sentences.append(f"{' and '.join(others)} do not both learn a task")
        return Verdict(claim, "undecided", "; ".join(sentences), numbers)
    return decide_claim(claim, learned, "; ".join(sentences), numbers)


def _unordered_pairs(comparisons: pd.DataFrame) -> pd.Series:
    """Return the task and the two cells of each comparison, the same in either direction, (comparisons,)."""
    triples = comparisons[["task", "cell", "against"]].itertuples(index=False, name=None)
    return pd.Series(
        [(task, *sorted(cells)) for task, *cells in triples], index=comparisons.index, dtype=object
    )


def _best_tenth_median(search: pd.DataFrame) -> float:
    tenth = best_tenth(search)
    return median_score(tenth["test"].where(is_scored(tenth)))


def _claim_comparisons(study: Study, claim: Claim, tasks: list[str]) -> pd.DataFrame:
    """Return the comparisons of a claim, with intervals that hold for all of them together.

    The ends of these intervals are `low_of_all` and `high_of_all`; p is adjusted for `family` comparisons.
    """
    table = study.comparisons
    pairs = pd.MultiIndex.from_frame(table[["cell", "against"]])
    t = table[pairs.isin(claim.pairs) & table["task"].isin(tasks)].reset_index(drop=True)
    wider = ndtri(1 - ALPHA / 2 / len(t)) / ndtri(1 - ALPHA / 2)
    return t.assign(
        low_of_all=t["probability"] - wider * (t["probability"] - t["low"]),
        high_of_all=t["probability"] + wider * (t["high"] - t["probability"]),
        family=count_tests(table),
    )


def _distance_from_loss(t: pd.DataFrame) -> pd.Series:
    """Return how far each probability is above a relevant loss, (comparisons,)."""
    return t["probability"] - EQUIVALENCE_BOUND


def _distance_from_gain(t: pd.DataFrame) -> pd.Series:
    """Return how far each probability is below a relevant gain, (comparisons,)."""
    return 1 - EQUIVALENCE_BOUND - t["probability"]


def _decide_comparisons(
    claim: Claim, t: pd.DataFrame, shown: pd.Series, refuted: pd.Series, doubt: pd.Series, distance: pd.Series
) -> Verdict:
    """Return the verdict on comparisons; its evidence names the comparison with the most `doubt`.

    An undecided comparison needs enough trials to show its difference, or to exclude a relevant difference
    (at `distance`); the smaller of these two numbers counts.
    """
    needed = [
        min(trials_needed(probability, family), trials_needed(0.5 + away, 1) if away > 0 else math.inf)
        for probability, family, away in zip(t["probability"], t["family"], distance, strict=True)
    ]
    n, undecided = len(t), ~(shown | refuted)
    t = t.assign(shown=shown, refuted=refuted, needed=needed)
    if refuted.any():
        lead, chosen = f"{refuted.sum()} of {n} comparisons refute it, most clearly", doubt.where(refuted)
    elif shown.all():
        lead, chosen = f"{n} of {n} comparisons show it, least clearly", doubt
    else:
        lead = f"{undecided.sum()} of {n} comparisons are undecided, the most uncertain is"
        chosen = t["needed"].where(undecided)
    return decide_claim(claim, t, f"{lead} {_comparison_sentence(t.iloc[int(np.nanargmax(chosen))], n)}")


def _comparison_sentence(x: pd.Series, n: int) -> str:
    """Return a text that describes one of n comparisons."""
    of_all = f"; adjusted for {n} comparisons {x['low_of_all']:.2f}–{x['high_of_all']:.2f}" if n > 1 else ""
    sentence = (
        f"{x['cell']} on {x['task']}, whose trial is better than one of {x['against']} with probability "
        f"{x['probability']:.2f} (95 % {x['low']:.2f}–{x['high']:.2f}{of_all}; "
        f"{EQUIVALENCE_BOUND}–{1 - EQUIVALENCE_BOUND} is no relevant difference), Holm-adjusted p = "
        f"{x['adjusted']:.2g}"
    )
    if math.isnan(x["welch"]):
        return sentence
    return f"{sentence}; the best tenth differs by {x['difference']:+.3g}, Welch’s p = {x['welch']:.2g}"
