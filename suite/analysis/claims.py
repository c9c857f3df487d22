"""The published claims as data, the comparisons that a report needs, and the verdict on each claim.

"Greff et al." is "LSTM: A Search Space Odyssey" (IEEE TNNLS, 2017), a study of vanilla and eight variants on
speech (TIMIT), handwriting (IAM-OnDB) and music (JSB Chorales). Their claims about all three tasks are tested
on every task of a sweep. All of their claims are about vanilla, `suite.config.VANILLA`, even if the sweep has
another baseline. Shares of variance depend on the ranges of the sweep.

The tests are in `suite.analysis.cell_claims` and `suite.analysis.hyperparameter_claims`.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from suite import options
from suite.analysis.cell_claims import (
    equivalence_test,
    inferiority_test,
    memory_failure_test,
    noninferiority_test,
    nonsuperiority_test,
    superiority_test,
)
from suite.analysis.hyperparameter_claims import (
    interactions_below_test,
    learning_rate_transfer_test,
    marginal_increase_test,
    share_above_test,
    share_below_test,
)
from suite.analysis.importance import Importance
from suite.analysis.published_results import IAM_TASK, JSB_TASK, TIMIT_TASK
from suite.analysis.trial_statistics import has_independent_trials, is_scored
from suite.analysis.verdicts import MIN_CLAIM_TRIALS, Claim, Study, Verdict
from suite.config import VANILLA, SweepConfig

GREFF_VARIANTS = ("nig", "nfg", "nog", "niaf", "noaf", "np", "cifg", "fgr")
MUSIC_TASKS = (JSB_TASK, "chorales", "nottingham", "musedata", "piano_midi")
SPEECH_TASKS = (TIMIT_TASK, "phones", "spoken_digits", "vowels")
HANDWRITING_TASKS = (IAM_TASK, "pen_digits")
MEMORY_TASKS = (
    "adding",
    "multiplication",
    "xor",
    "temporal_order",
    "permutation",
    "memorization",
    "copy",
    "delayed_echo",
    "sequential_digits",
)


def _pairs_with_vanilla(*cells: str) -> tuple[tuple[str, str], ...]:
    return tuple((cell, VANILLA) for cell in cells)


CLAIMS = (
    Claim(
        "none-beats-vanilla",
        "None of the eight variants beats vanilla.",
        "Greff et al. (2017), figure 3 and conclusion",
        nonsuperiority_test,
        pairs=_pairs_with_vanilla(*GREFF_VARIANTS),
    ),
    Claim(
        "nfg-noaf-hurt",
        "Leaving out the forget gate or the output activation hurts everywhere.",
        "Greff et al. (2017), figure 3 and conclusion",
        inferiority_test,
        pairs=_pairs_with_vanilla("nfg", "noaf"),
    ),
    Claim(
        "cifg-np-same",
        "Coupling the input and the forget gate, or leaving out the peepholes, makes no difference.",
        "Greff et al. (2017), figure 3 and conclusion",
        equivalence_test,
        pairs=_pairs_with_vanilla("cifg", "np"),
    ),
    Claim(
        "nig-nog-niaf-hurt-speech",
        "Leaving out the input gate, the output gate or the input activation hurts speech and handwriting.",
        "Greff et al. (2017), figure 3 and conclusion",
        inferiority_test,
        pairs=_pairs_with_vanilla("nig", "nog", "niaf"),
        tasks=(*SPEECH_TASKS, *HANDWRITING_TASKS),
    ),
    Claim(
        "nig-nog-niaf-spare-music",
        "Leaving out the input gate, the output gate or the input activation does not hurt music.",
        "Greff et al. (2017), figure 3 and conclusion",
        noninferiority_test,
        pairs=_pairs_with_vanilla("nig", "nog", "niaf"),
        tasks=MUSIC_TASKS,
    ),
    Claim(
        "fgr-no-gain",
        "Full gate recurrence brings no gain.",
        "Greff et al. (2017), figure 3",
        nonsuperiority_test,
        pairs=_pairs_with_vanilla("fgr"),
    ),
    Claim(
        "learning-rate-most",
        "The learning rate explains more than two thirds of the variance of the score.",
        "Greff et al. (2017), figure 5",
        share_above_test("learning_rate", 2 / 3),
        hyperparameters=("learning_rate",),
    ),
    Claim(
        "momentum-nothing",
        "Momentum explains less than one per cent of the variance of the score.",
        "Greff et al. (2017), figure 5 and conclusion",
        share_below_test("momentum", 0.01),
        hyperparameters=("momentum",),
    ),
    Claim(
        "noise-hurts-music",
        "Noise on the input hurts music.",
        "Greff et al. (2017), figure 4",
        marginal_increase_test("input_noise"),
        tasks=MUSIC_TASKS,
        hyperparameters=("input_noise",),
    ),
    Claim(
        "interactions-few",
        "Interactions of hyperparameters explain less than a fifth of the variance of the score.",
        "Greff et al. (2017), figure 5",
        interactions_below_test(1 / 5),
        hyperparameters=("learning_rate", "units"),
    ),
    Claim(
        "rate-from-small",
        "The best learning rate can be found on a small network.",
        "Greff et al. (2017), figure 6 and conclusion",
        learning_rate_transfer_test,
        hyperparameters=("learning_rate", "units"),
    ),
    Claim(
        "forget-bias-helps",
        "Initialising the bias of the forget gate to one helps.",
        "Jozefowicz et al. (2015), table 1",
        superiority_test,
        pairs=_pairs_with_vanilla("lstm_b"),
    ),
    Claim(
        "gru-no-worse",
        "The GRU is at least as good as the LSTM on tasks other than language.",
        "Jozefowicz et al. (2015), table 1; Chung et al. (2014), on music",
        noninferiority_test,
        pairs=_pairs_with_vanilla("gru"),
        tasks=(*MUSIC_TASKS, *SPEECH_TASKS, *HANDWRITING_TASKS, *MEMORY_TASKS),
    ),
    Claim(
        "rnn-forgets",
        "A simple recurrent network fails on tasks with long memory on which gated cells succeed.",
        "Bai et al. (2018), table 1",
        memory_failure_test,
        pairs=(("rnn", VANILLA), ("rnn", "gru")),
        tasks=MEMORY_TASKS,
    ),
)


def planned_comparisons(rows: pd.DataFrame, config: SweepConfig) -> list[tuple[str, str, str]]:
    """Return the distinct comparisons of a report, (task, cell, against), in which both cells have trials.

    They compare every variant with the baseline on every task, and add the comparisons of claims. All are one
    family for the adjustment of p, so that tables and verdicts show the same p.
    """
    baseline = config.baseline_variant
    with_baseline = [(task, cell, baseline) for task in config.tasks for cell in config.cells]
    of_claims = [
        (task, *pair) for claim in CLAIMS for task in _claim_tasks(claim, config) for pair in claim.pairs
    ]
    return _comparable([*with_baseline, *of_claims], rows)


def all_pair_comparisons(rows: pd.DataFrame, config: SweepConfig) -> list[tuple[str, str, str]]:
    """Return the comparisons of every pair of variants on every task: (task, cell, against).

    Both cells must have trials. The second cell of a pair comes earlier in the order of the sweep, where the
    baseline comes first.
    """
    baseline = config.baseline_variant
    cells = sorted(config.cells, key=lambda cell: cell != baseline)
    pairs = itertools.combinations(cells, 2)
    return _comparable([(task, cell, against) for against, cell in pairs for task in config.tasks], rows)


def _comparable(
    comparisons: Sequence[tuple[str, str, str]], rows: pd.DataFrame
) -> list[tuple[str, str, str]]:
    """Return the distinct comparisons of two different cells that both have trials."""
    searches = set(rows[["task", "cell"]].itertuples(index=False, name=None))
    return [
        (task, cell, against)
        for task, cell, against in dict.fromkeys(comparisons)
        if cell != against and {(task, cell), (task, against)} <= searches
    ]


def judge_claims(
    rows: pd.DataFrame,
    config: SweepConfig,
    importances: Mapping[tuple[str, str], Importance],
    comparisons: pd.DataFrame,
    trivial_scores: Mapping[str, float],
    seed: int,
) -> list[Verdict]:
    """Return the verdict on each of `CLAIMS`, in their order.

    `rows` has a row for each trial (`suite.store.load`).
    `importances` has, by (task, cell), what `suite.analysis.importance.fanova` returns, with a column for
    each of `suite.space.varied_ranges`; those of vanilla are read. `comparisons` is what
    `suite.analysis.cell_claims.compare_cells` returns for all `planned_comparisons`. `trivial_scores` are
    those of the best constant answer by task, where it is known.

    A claim is not tested on a task where a search that the claim needs is unfinished, because trials that end
    early finish first; nor where such a search has fewer than `MIN_CLAIM_TRIALS` trials, or vanilla's has
    fewer with a score. A variant's trials without a score count as the worst ones. Nothing is tested if
    trials are not independent draws.
    """
    if not has_independent_trials(config.oracle):
        reason = f"trials of a {config.oracle} search are not independent draws"
        return [Verdict(claim, "not tested", reason) for claim in CLAIMS]
    study = Study(rows, config, importances, comparisons, trivial_scores, seed)
    return [_judge_claim(study, claim) for claim in CLAIMS]


def _judge_claim(study: Study, claim: Claim) -> Verdict:
    tasks, missing = _testable_tasks(study, claim)
    if not tasks:
        return Verdict(claim, "not tested", f"missing: {'; '.join(missing)}")
    verdict = claim.test(study, claim, tasks)
    evidence = [verdict.evidence, *filter(None, ["; ".join(missing)])]
    return replace(verdict, evidence="; left out: ".join(evidence))


def _testable_tasks(study: Study, claim: Claim) -> tuple[list[str], list[str]]:
    """Return the tasks on which a claim can be tested, and what is missing for the other tasks."""
    tasks = _claim_tasks(claim, study.config)
    missing = {
        "cells": [cell for cell in claim.cells if cell not in study.config.cells],
        "varied hyperparameters": [
            name for name in claim.hyperparameters if name not in study.varied_hyperparameters
        ],
        "tasks": [] if tasks else list(claim.tasks),
    }
    if any(missing.values()):
        return [], [f"{kind} {', '.join(names)}" for kind, names in missing.items() if names]
    lacks = {task: _untestable_reason(study, claim, task) for task in tasks}
    return [task for task in tasks if not lacks[task]], [lack for lack in lacks.values() if lack]


def _claim_tasks(claim: Claim, config: SweepConfig) -> list[str]:
    """Return the tasks of a sweep that a claim is about."""
    return [task for task in config.tasks if options.base_name(task) in claim.tasks or not claim.tasks]


def _untestable_reason(study: Study, claim: Claim, task: str) -> str:
    """Return what is missing to test a claim on a task, or an empty text."""
    for cell in claim.cells:
        trials = study.search_rows(task, cell)
        if len(trials) < study.config.trials:
            return f"{cell} on {task} is unfinished ({len(trials):,} of {study.config.trials:,} trials)"
        trial_count = is_scored(trials).sum() if cell == VANILLA else len(trials)
        if trial_count < MIN_CLAIM_TRIALS:
            return f"{cell} on {task} has {trial_count} trials, fewer than {MIN_CLAIM_TRIALS}"
    if not claim.pairs and (task, VANILLA) not in study.importances:
        return f"the importances of {VANILLA} on {task}"
    return ""
