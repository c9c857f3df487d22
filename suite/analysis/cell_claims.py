"""Claims that cells differ, or do not: each test is a function from a study and a claim to a verdict.

Absence of significance is not equality, so the two are tested apart:

- *Different* is what the permutation test over all trials says (`suite.analysis.significance`), with p
adjusted by
  Holm over every comparison of the report (`suite.analysis.claims.planned_comparisons`), those of its tables
  and those of its claims. So all of it together finds a difference that is not there in at most 5 % of
  sweeps, and a table and a verdict never disagree on one. The paper's test, Welch's of the best tenth, is
  shown beside it and decides nothing: it claims too much.
- *Not worse* is that the 95 % interval of the probability to be the better of two trials excludes a loss that
  matters, `EQUIVALENCE_BOUND`; *not better* likewise a gain, *the same* both. A claim of all of k comparisons
  needs all k exclusions, so each may stand by itself; where one of k suffices, intervals are widened to hold
  for all.

Both are about a trial like any other, not the best: what shows in best tenths alone is not found here.

On 200 simulated nulls each of one, two and three tasks (nine equal variants, 200 trials each, of which a
tenth diverged), some verdict found a difference in 4, 3 and 5 % of sweeps. Welch's test with Bonferroni's
correction did in 38, 62 and 75 %, valid and test being almost the same there.
"""

import math
from collections.abc import Callable, Iterable, Mapping

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
from suite.analysis.trial_statistics import VANILLA, best_tenth, is_scored, median_score
from suite.analysis.verdicts import Claim, Study, Verdict, decide_claim

EQUIVALENCE_BOUND = (
    0.4  # below it a loss matters: Cliff's delta of −0.2, a small effect; above 1 − MARGIN a gain does
)
LEARNED_FRACTION = 0.5  # of the score of who has learned nothing: below it a task counts as learned
CLEARLY_WORSE_RATIO = 2  # times another's score: clearly worse


def compare_cells(
    rows: pd.DataFrame, comparisons: Iterable[tuple[str, str, str]], seed: int, n_resamples: int
) -> pd.DataFrame:
    """Return how cells compare over all trials, a line for each (task, cell, the cell it is against).

    The columns of `suite.analysis.significance.compare`, with `adjusted` over all lines; whether the cell is
    significantly `inferiority_test` or `superiority_test`; the `trials` of the smaller search; and the
    paper's test against vanilla, the `difference` of best tenths and its p, `welch`, after Bonferroni over
    the lines of the task.
    """
    lines = []
    for task, cell, against in comparisons:
        trials, own = rows[rows["task"] == task], seeds.derive_seed(seed, task, cell, against)
        ours, theirs = variant_test_scores(trials, cell), variant_test_scores(trials, against)
        low, high = superiority_interval(ours, theirs, seeds.derive_seed(own, "interval"))
        p = permutation_test(ours, theirs, seeds.derive_seed(own, "permutation"), n_resamples)
        numbers = probability_of_superiority(ours, theirs), low, high, hodges_lehmann(ours, theirs), p
        lines.append((task, cell, against, min(len(ours), len(theirs)), *numbers))
    columns = ["task", "cell", "against", "trials", "probability", "low", "high", "shift", "p"]
    table = pd.DataFrame(lines, columns=columns)
    adjusted = holm(table["p"].astype(float))
    table = table.assign(
        adjusted=adjusted,
        worse=(adjusted < ALPHA) & (table["probability"] < 0.5),
        better=(adjusted < ALPHA) & (table["probability"] > 0.5),
    )
    tenths = [pd.DataFrame(columns=["task", "cell", "difference", "adjusted"])]
    for task, group in table[table["against"] == VANILLA].groupby("task", sort=False):
        found = welch_tests(rows[rows["task"] == task], list(group["cell"]))
        tenths.append(found[["cell", "difference", "adjusted"]].assign(task=task))
    paper = pd.concat(tenths[1:] or tenths).rename(columns={"adjusted": "welch"}).assign(against=VANILLA)
    return table.merge(paper, on=["task", "cell", "against"], how="left")


def inferiority_test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
    """Judge that cells are worse: all significantly; refuted by one that excludes a loss, or is better."""
    t = _claim_comparisons(study, claim, tasks)
    refuted = ~t["worse"] & (t["better"] | (t["low_of_all"] > EQUIVALENCE_BOUND))
    return _decide_comparisons(claim, t, t["worse"], refuted, t["probability"], _distance_from_loss(t))


def superiority_test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
    """Judge that cells are better: all significantly; refuted by one that excludes a gain, or is worse."""
    t = _claim_comparisons(study, claim, tasks)
    refuted = ~t["better"] & (t["worse"] | (t["high_of_all"] < 1 - EQUIVALENCE_BOUND))
    return _decide_comparisons(claim, t, t["better"], refuted, -t["probability"], _distance_from_gain(t))


def noninferiority_test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
    """Judge that no cell is worse: all exclude a loss; refuted by one that is significantly worse."""
    t = _claim_comparisons(study, claim, tasks)
    shown = ~t["worse"] & (t["low"] > EQUIVALENCE_BOUND)
    return _decide_comparisons(claim, t, shown, t["worse"], -t["probability"], _distance_from_loss(t))


def nonsuperiority_test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
    """Judge that no cell is better: all exclude a gain; refuted by one that is significantly better."""
    t = _claim_comparisons(study, claim, tasks)
    shown = ~t["better"] & (t["high"] < 1 - EQUIVALENCE_BOUND)
    return _decide_comparisons(claim, t, shown, t["better"], t["probability"], _distance_from_gain(t))


def equivalence_test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
    """Judge that cells do not differ: all exclude loss and gain; refuted by a significant difference."""
    t = _claim_comparisons(study, claim, tasks)
    differ = t["worse"] | t["better"]
    shown = ~differ & (t["low"] > EQUIVALENCE_BOUND) & (t["high"] < 1 - EQUIVALENCE_BOUND)
    doubt, room = abs(t["probability"] - 0.5), np.minimum(_distance_from_loss(t), _distance_from_gain(t))
    return _decide_comparisons(claim, t, shown, differ, doubt, room)


def memory_failure_test(trivial_scores: Mapping[str, float]) -> Callable:
    """Return the test that a cell fails tasks which both cells it is compared with learn.

    `trivial_scores` is the score by task of who has learned nothing. A cell *learns* a task if the median of
    its best tenth, chosen on valid and scored on test, is below half of that. Ours *fails* where it is
    significantly worse than both others and the median of its best tenth is no better than the baseline, or
    at least twice theirs. The claim is about tasks that both others learn: it holds if ours fails them all,
    and fails if ours learns one and does not fail it.
    """

    def test(study: Study, claim: Claim, tasks: list[str]) -> Verdict:
        ours, others = claim.pairs[0][0], [against for _, against in claim.pairs]
        t, found, said = _claim_comparisons(study, claim, tasks), [], []
        for task in tasks:
            medians = {cell: _best_tenth_median(study.search_rows(task, cell)) for cell in (ours, *others)}
            pairs, nothing = t[t["task"] == task], trivial_scores[task]
            theirs, own, p = max(medians[cell] for cell in others), medians[ours], pairs["adjusted"].max()
            fails = bool(pairs["worse"].all()) and own >= min(nothing, CLEARLY_WORSE_RATIO * theirs)
            needed = max(trials_needed(x, len(study.comparisons)) for x in pairs["probability"])
            found.append(
                {"task": task, "trials": pairs["trials"].min(), "nothing": nothing, **medians, "adjusted": p}
                | {"learned": theirs < LEARNED_FRACTION * nothing, "shown": fails, "needed": needed}
                | {"refuted": not fails and own < LEARNED_FRACTION * nothing}
            )
            each = ", ".join(
                f"{value:.3g} for {cell}" if math.isfinite(value) else f"no score for {cell}"
                for cell, value in medians.items()
            )
            wins = " and ".join(f"{x.against} with {x.probability:.2f}" for x in pairs.itertuples())
            said.append(
                f"on {task} the median of the best tenth is {each}, and {nothing:.3g} for who has learned "
                f"nothing; by probability a trial of {ours} beats one of {wins}, "
                f"the larger p = {p:.2g} after Holm"
            )
        numbers = pd.DataFrame(found)
        learned = numbers[numbers["learned"]]
        if learned.empty:
            said.append(f"{' and '.join(others)} do not both learn a task")
            return Verdict(claim, "undecided", "; ".join(said), numbers)
        return decide_claim(claim, learned, "; ".join(said), numbers)

    return test


def _best_tenth_median(search: pd.DataFrame) -> float:
    tenth = best_tenth(search)
    return median_score(tenth["test"].where(is_scored(tenth)))


def _claim_comparisons(study: Study, claim: Claim, tasks: list[str]) -> pd.DataFrame:
    """Return the comparisons of a claim, with the ends of their intervals as they hold for all at once.

    `family` is how many comparisons p is adjusted for.
    """
    table = study.comparisons
    pairs = pd.MultiIndex.from_frame(table[["cell", "against"]])
    t = table[pairs.isin(claim.pairs) & table["task"].isin(tasks)].reset_index(drop=True)
    wider = ndtri(1 - ALPHA / 2 / len(t)) / ndtri(1 - ALPHA / 2)
    return t.assign(
        low_of_all=t["probability"] - wider * (t["probability"] - t["low"]),
        high_of_all=t["probability"] + wider * (t["high"] - t["probability"]),
        family=len(table),
    )


def _distance_from_loss(t: pd.DataFrame) -> pd.Series:
    """Return how far each probability is from a loss that matters, (comparisons,)."""
    return t["probability"] - EQUIVALENCE_BOUND


def _distance_from_gain(t: pd.DataFrame) -> pd.Series:
    """Return how far each probability is from a gain that matters, (comparisons,)."""
    return 1 - EQUIVALENCE_BOUND - t["probability"]


def _decide_comparisons(
    claim: Claim, t: pd.DataFrame, shown: pd.Series, refuted: pd.Series, doubt: pd.Series, distance: pd.Series
) -> Verdict:
    """Return the verdict on comparisons, and name the one that decides: that with the most `doubt`.

    A comparison that is open needs as many trials as find its difference, or as exclude one that is
    `distance` away, whichever are fewer.
    """
    needed = [
        min(trials_needed(x.probability, x.family), trials_needed(0.5 + away, 1) if away > 0 else math.inf)
        for x, away in zip(t.itertuples(), distance, strict=True)
    ]
    n, left = len(t), ~(shown | refuted)
    t = t.assign(shown=shown, refuted=refuted, needed=needed)
    if refuted.any():
        lead, x = f"{refuted.sum()} of {n} comparisons speak against it, above all", doubt[refuted].idxmax()
    elif shown.all():
        lead, x = f"{n} of {n} comparisons show it, least of all", doubt.idxmax()
    else:
        lead, x = f"{left.sum()} of {n} comparisons are open, above all", t.loc[left, "needed"].idxmax()
    return decide_claim(claim, t, f"{lead} {_comparison_sentence(t.loc[x], n)}")


def _comparison_sentence(x: pd.Series, n: int) -> str:
    """Return a comparison, one of n, in words."""
    of_all = f"; for all {n} at once {x['low_of_all']:.2f}–{x['high_of_all']:.2f}" if n > 1 else ""
    said = (
        f"{x['cell']} on {x['task']}, whose trial is better than one of {x['against']} with probability "
        f"{x['probability']:.2f} (95 % {x['low']:.2f}–{x['high']:.2f}{of_all}; "
        f"{EQUIVALENCE_BOUND}–{1 - EQUIVALENCE_BOUND} is no "
        f"difference that matters), p = {x['adjusted']:.2g} after Holm"
    )
    if math.isnan(x["welch"]):
        return said
    return f"{said}; the best tenth differs by {x['difference']:+.3g}, Welch’s p = {x['welch']:.2g}"
