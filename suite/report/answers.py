"""What a sweep says, in sentences made from its findings (`suite.analysis.findings`)."""

from collections.abc import Mapping

import pandas as pd

from suite.analysis.findings import Findings, varied_ranges
from suite.analysis.hyperparameter_claims import CONFIDENCE_SDS
from suite.analysis.importance import Importance
from suite.analysis.published_results import IAM_TASK, JSB_TASK, TIMIT_TASK
from suite.config import VANILLA
from suite.report.formatting import ORACLE_NAMES, format_count, join_names, variant_name

PAPER_TASKS = (TIMIT_TASK, IAM_TASK, JSB_TASK)
ORACLE_DESCRIPTIONS = {
    "random": "A trial draws its hyperparameters at random, whatever the scores of others.",
    "bayesian": "Bayesian search chooses the hyperparameters of a trial by the scores of earlier ones.",
    "hyperband": "Hyperband draws hyperparameters at random, and trains again for longer what did best.",
}
NOT_TESTED_NOTE = (
    "P-values, probabilities to be better, expected scores of the best of n trials and importances are left "
    "out, for they take trials for independent draws. Best trials, best tenths and medians describe this "
    "sweep alone; average ranks take a search as one number, and stay."
)
HYPERBAND_NOTE = (
    " A trial that Hyperband trained again for longer counts once in scores, with its most epochs; one that "
    "it did not has the score of its few."
)


def answer_sentences(findings: Findings, config: dict, titles: Mapping[str, str]) -> list[str]:
    """Return the answer in sentences; `titles` are of tasks."""
    if not findings.has_independent_trials:
        return [dependent_trials_sentence(config), claims_sentence(findings)]
    return [
        *baseline_sentences(findings, config),
        *difference_sentences(findings, titles),
        *importance_sentences(findings, config, titles),
        claims_sentence(findings),
    ]


def baseline_sentences(findings: Findings, config: dict) -> list[str]:
    """Return which variant is the baseline, and why, unless it is vanilla."""
    if findings.baseline == VANILLA:
        return []
    if config.get("baseline"):
        return [f"Variants are compared with {findings.baseline}, the baseline that was chosen."]
    return [
        f"Variants are compared with {findings.baseline}, the first variant, because {VANILLA} is not in "
        "this sweep."
    ]


def dependent_trials_sentence(config: dict) -> str:
    """Return why nothing is tested on trials that an oracle chose by the scores of others."""
    return (
        f"The trials were chosen by {ORACLE_NAMES[config['oracle']]} from the scores of those before "
        "them, so "
        f"they are not independent draws: variants are described, and no difference is tested."
    )


def difference_sentences(findings: Findings, titles: Mapping[str, str]) -> list[str]:
    """Return which variants differ from the baseline, and where; `titles` are of tasks."""
    tested = pd.concat(findings.differences.values()).dropna(subset="p")
    if tested.empty:
        return [f"Nothing is here yet that can be compared with {variant_name(findings.baseline)}."]
    said, differ = [], set()
    for what in ("worse", "better"):
        places: dict[tuple, list[str]] = {}
        for cell, group in tested[tested[what].astype(bool)].groupby("cell", sort=False):
            places.setdefault(tuple(group["task"]), []).append(cell)
            differ.add(cell)
        said += [
            f"{join_names(cells)} {'is' if len(cells) == 1 else 'are'} significantly {what} than "
            f"{variant_name(findings.baseline)} on {_task_phrase(tasks, titles)}."
            for tasks, cells in places.items()
        ]
    quiet = [cell for cell in dict.fromkeys(tested["cell"]) if cell not in differ]
    if not said:
        no_proof = "which is no proof that they are equal"
        return [f"No variant differs significantly from {variant_name(findings.baseline)}, {no_proof}."]
    if quiet:
        does = "does" if len(quiet) == 1 else "do"
        said.append(f"{join_names(quiet)} {does} not differ significantly from it.")
    return said


def importance_sentences(findings: Findings, config: dict, titles: Mapping[str, str]) -> list[str]:
    """Return which hyperparameters surely matter for the baseline more than by chance, and where."""
    names, shares, nowhere = list(varied_ranges(config["space"])), {}, []
    for task in config["tasks"]:
        if (task, findings.baseline) in findings.importances:
            sure = shares_above_chance(findings.importances[task, findings.baseline])
            nowhere += [] if sure else [titles[task]]
            for j, share in sure.items():
                shares.setdefault(names[j], []).append(f"{share:.0%} on {titles[task]}")
    said = [
        f"{name.replace('_', ' ').capitalize()} alone explains {join_names(parts)} of the variance of "
        f"{variant_name(findings.baseline)}’s test scores."
        for name, parts in shares.items()
    ]
    if nowhere:
        said.append(f"On {join_names(nowhere)} no hyperparameter alone surely matters.")
    return said


def shares_above_chance(importance: Importance) -> dict[int, float]:
    """Return the columns whose share is surely above what chance gives one, and their shares."""
    own = {effect[0]: share for effect, share in importance.shares.items() if len(effect) == 1}
    return {
        j: share
        for j, share in own.items()
        if share - CONFIDENCE_SDS * importance.share_sd[(j,)] > importance.permutation_null[1]
    }


def claims_sentence(findings: Findings) -> str:
    """Return how the published claims fare, in a sentence."""
    counts = pd.Series([verdict.verdict for verdict in findings.verdicts]).value_counts()
    fates = {"holds": "hold here", "fails": "fail", "undecided": "undecided", "not tested": "not tested"}
    tested = len(findings.verdicts) - counts.get("not tested", 0)
    parts = [f"{counts[fate]} {words}" for fate, words in fates.items() if fate in counts]
    if not tested:
        return (
            f"None of {format_count(len(findings.verdicts), 'published claim')} can be tested on "
            "what is here."
        )
    return f"Of {format_count(len(findings.verdicts), 'published claim')}, {join_names(parts)}."


def caution_sentences(findings: Findings, config: dict) -> str:
    """Return what the word "significant" means here, or what is left out where nothing is tested."""
    said = significance_definition(findings) if findings.has_independent_trials else NOT_TESTED_NOTE
    if config["oracle"] == "hyperband":
        said += HYPERBAND_NOTE
    searches = pd.concat(findings.summaries.values()).query("trials > 0")["trials"]
    if searches.min() < searches.max():
        there = f"{searches.min():,} to {format_count(searches.max(), 'trial')}"
        said += f" Variants have {there} so far, those that end early first, and more find a better best."
    return said


def significance_definition(findings: Findings) -> str:
    """Return what the word "significant" means here."""
    return (
        f"Significant is what a permutation test of all trials says at p < .05, adjusted by Holm over the "
        f"{format_count(len(findings.comparisons), 'comparison')} of this page and its claims: all of "
        "them together "
        f"claim a difference that is not there in at most 5 % of sweeps. It is about a trial like any other; "
        f"the best tenths have their own test, the paper’s, beside it."
    )


def data_sentences(config: dict, titles: Mapping[str, str]) -> str:
    """Return on which tasks the data are the paper's, and a warning about the others."""
    theirs = [titles[task] for task in config["tasks"] if task in PAPER_TASKS]
    others = [titles[task] for task in config["tasks"] if task not in PAPER_TASKS]
    said = []
    if theirs:
        said.append(
            f"On {join_names(theirs)} the data are those of Greff et al., whose numbers, of random "
            "search, stand "
            f"beside ours."
        )
    if others:
        said.append(
            f"On {join_names(others)} the data are not those of Greff et al.: variants can be "
            "compared with each "
            f"other, but no score with one of that paper, and what it says of all tasks is tested on others."
        )
    return " ".join(said)


def _task_phrase(tasks: tuple[str, ...], titles: Mapping[str, str]) -> str:
    if len(tasks) == len(titles) > 1:
        return "every task"
    return join_names(titles[task] for task in tasks)
