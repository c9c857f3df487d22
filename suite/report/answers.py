"""What a sweep says, in sentences made from its findings (`suite.analysis.findings`)."""

from collections.abc import Mapping

import pandas as pd

from suite.analysis.findings import Findings, varied
from suite.analysis.importance import Importance
from suite.analysis.influences import SURE
from suite.analysis.published import IAM, JSB, TIMIT
from suite.analysis.stats import VANILLA
from suite.report.words import ORACLES, called, count, listed

PAPERS = (TIMIT, IAM, JSB)
DRAWN = {
    "random": "A trial draws its hyperparameters at random, whatever the scores of others.",
    "bayesian": "Bayesian search chooses the hyperparameters of a trial by the scores of earlier ones.",
    "hyperband": "Hyperband draws hyperparameters at random, and trains again for longer what did best.",
}
UNTESTED = (
    "P-values, probabilities to be better, expected scores of the best of n trials and importances are left "
    "out, for they take trials for independent draws. Best trials, best tenths and medians describe this "
    "sweep alone; average ranks take a search as one number, and stay."
)
PROMOTED = (
    " A trial that Hyperband trained again for longer counts once in scores, with its most epochs; one that "
    "it did not has the score of its few."
)


def lead(found: Findings, asked: dict, titles: Mapping[str, str]) -> list[str]:
    """Return the answer in sentences; `titles` are of tasks."""
    if not found.independent:
        return [chosen(asked), claimed(found)]
    return [*differing(found, titles), *mattering(found, asked, titles), claimed(found)]


def chosen(asked: dict) -> str:
    """Return why nothing is tested on trials that an oracle chose by the scores of others."""
    return (
        f"The trials were chosen by {ORACLES[asked['oracle']]} from the scores of those before them, so "
        f"they are not independent draws: variants are described, and no difference is tested."
    )


def differing(found: Findings, titles: Mapping[str, str]) -> list[str]:
    """Return which variants differ from vanilla, and where; `titles` are of tasks."""
    tested = pd.concat(found.differences.values()).dropna(subset="p")
    if tested.empty:
        return [f"Nothing is here yet that can be compared with {called(VANILLA)}."]
    said, differ = [], set()
    for what in ("worse", "better"):
        places: dict[tuple, list[str]] = {}
        for cell, group in tested[tested[what].astype(bool)].groupby("cell", sort=False):
            places.setdefault(tuple(group["task"]), []).append(cell)
            differ.add(cell)
        said += [
            f"{listed(cells)} {'is' if len(cells) == 1 else 'are'} significantly {what} than "
            f"{called(VANILLA)} on {_where(tasks, titles)}."
            for tasks, cells in places.items()
        ]
    quiet = [cell for cell in dict.fromkeys(tested["cell"]) if cell not in differ]
    if not said:
        no_proof = "which is no proof that they are equal"
        return [f"No variant differs significantly from {called(VANILLA)}, {no_proof}."]
    if quiet:
        does = "does" if len(quiet) == 1 else "do"
        said.append(f"{listed(quiet)} {does} not differ significantly from it.")
    return said


def mattering(found: Findings, asked: dict, titles: Mapping[str, str]) -> list[str]:
    """Return which hyperparameters surely matter for vanilla more than by chance, and where."""
    names, shares, nowhere = list(varied(asked["space"])), {}, []
    for task in asked["tasks"]:
        if (task, VANILLA) in found.importances:
            sure = sured(found.importances[task, VANILLA])
            nowhere += [] if sure else [titles[task]]
            for j, share in sure.items():
                shares.setdefault(names[j], []).append(f"{share:.0%} on {titles[task]}")
    said = [
        f"{name.replace('_', ' ').capitalize()} alone explains {listed(parts)} of the variance of "
        f"{called(VANILLA)}’s test scores."
        for name, parts in shares.items()
    ]
    if nowhere:
        said.append(f"On {listed(nowhere)} no hyperparameter alone surely matters.")
    return said


def sured(found: Importance) -> dict[int, float]:
    """Return the columns whose share is surely above what chance gives one, and their shares."""
    own = {effect[0]: share for effect, share in found.shares.items() if len(effect) == 1}
    return {j: share for j, share in own.items() if share - SURE * found.spread[(j,)] > found.floor[1]}


def claimed(found: Findings) -> str:
    """Return how the published claims fare, in a sentence."""
    counts = pd.Series([verdict.verdict for verdict in found.verdicts]).value_counts()
    fates = {"holds": "hold here", "fails": "fail", "undecided": "undecided", "not tested": "not tested"}
    tested = len(found.verdicts) - counts.get("not tested", 0)
    parts = [f"{counts[fate]} {words}" for fate, words in fates.items() if fate in counts]
    if not tested:
        return f"None of {count(len(found.verdicts), 'published claim')} can be tested on what is here."
    return f"Of {count(len(found.verdicts), 'published claim')}, {listed(parts)}."


def caution(found: Findings, asked: dict) -> str:
    """Return what the word "significant" means here, or what is left out where nothing is tested."""
    said = significant(found) if found.independent else UNTESTED
    if asked["oracle"] == "hyperband":
        said += PROMOTED
    searches = pd.concat(found.summaries.values()).query("trials > 0")["trials"]
    if searches.min() < searches.max():
        there = f"{searches.min():,} to {count(searches.max(), 'trial')}"
        said += f" Variants have {there} so far, those that end early first, and more find a better best."
    return said


def significant(found: Findings) -> str:
    """Return what the word "significant" means here."""
    return (
        f"Significant is what a permutation test of all trials says at p < .05, adjusted by Holm over the "
        f"{count(len(found.compared), 'comparison')} of this page and its claims: all of them together "
        f"claim a difference that is not there in at most 5 % of sweeps. It is about a trial like any other; "
        f"the best tenths have their own test, the paper’s, beside it."
    )


def data(asked: dict, titles: Mapping[str, str]) -> str:
    """Return on which tasks the data are the paper's, and a warning about the others."""
    theirs = [titles[task] for task in asked["tasks"] if task in PAPERS]
    others = [titles[task] for task in asked["tasks"] if task not in PAPERS]
    said = []
    if theirs:
        said.append(
            f"On {listed(theirs)} the data are those of Greff et al., whose numbers, of random search, stand "
            f"beside ours."
        )
    if others:
        said.append(
            f"On {listed(others)} the data are not those of Greff et al.: variants can be compared with each "
            f"other, but no score with one of that paper, and what it says of all tasks is tested on others."
        )
    return " ".join(said)


def _where(tasks: tuple[str, ...], titles: Mapping[str, str]) -> str:
    if len(tasks) == len(titles) > 1:
        return "every task"
    return listed(titles[task] for task in tasks)
