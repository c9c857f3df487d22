"""Sweeps side by side: two machines, a CPU and a GPU, two backends, before and after a change."""

from pathlib import Path

import numpy as np
import pandas as pd

from suite import Refusal
from suite.analysis import agreement
from suite.analysis.agreement import SEARCH, TIE, TOLERANCE, apart, scores_in
from suite.analysis.stats import VANILLA, independent, longest
from suite.report import figures, sweeps, words
from suite.report.figures.scatter import scatter
from suite.report.pages import prepare
from suite.report.rendering import inline, place, render, slug
from suite.report.sweeps import percent

FEW = 4  # so many searches are named in a sentence; more are counted

Labels = tuple[str, str]  # of a sweep that another is compared with, and of that other


def write(made: dict[str, tuple[pd.DataFrame, dict]], folder: Path) -> tuple[Path, list[str]]:
    """Write the comparison of sweeps into a folder; return the path of its page, and its answer.

    `made` has the rows of a sweep and its TOML by a label; all others are compared with the first one. The
    same rows in any order give the same bytes. Refused: sweeps without trials, or without a search that all
    made.
    """
    rows = common(made)
    files, page = build(rows, {label: asked for label, (_, asked) in made.items()})
    path = place(files, folder)
    return path, [said for other in page["others"] for said in other["answer"]] + page["differing"]


def common(made: dict[str, tuple[pd.DataFrame, dict]]) -> dict[str, pd.DataFrame]:
    """Return the rows of the searches that all sweeps made, by label, each in the order of its own report."""
    for label, (rows, _) in made.items():
        if rows.empty:
            raise Refusal(f"{label}: expected trials to compare, got none; run that sweep first")
    rows = {label: prepare(*sweep) for label, sweep in made.items()}
    keys = {label: pd.MultiIndex.from_frame(found[SEARCH]) for label, found in rows.items()}
    shared = set.intersection(*map(set, keys.values()))
    if not shared:
        there = [
            f"{label} has {_named(sorted({(cell, task) for task, cell in found}))}"
            for label, found in keys.items()
        ]
        raise Refusal(
            f"expected a cell on a task that all sweeps searched, got none: {'; '.join(there)}; name others"
        )
    return {label: found[keys[label].isin(shared)].reset_index(drop=True) for label, found in rows.items()}


def build(rows: dict[str, pd.DataFrame], asked: dict[str, dict]) -> tuple[dict[str, bytes], dict]:
    """Return every file of a comparison by its name, pages last, and what they say; `rows` of `common`."""
    (first, theirs), *others = rows.items()
    files, parts, seed = {}, [], asked[first].get("seed", 0)
    for number, (other, ours) in enumerate(others, 2):
        prefix = f"{number}-{slug(other)}-" if len(others) > 1 else ""
        oracles = dict.fromkeys(asked[label]["oracle"] for label in (first, other))
        chosen = [words.ORACLES[oracle] for oracle in oracles if not independent(oracle)]
        part, drawn = against((first, other), theirs, ours, prefix, seed, chosen)
        parts.append(part)
        files |= drawn
    about_all = [sweeps.sizes(rows), sweeps.asked(asked), sweeps.makers(rows)]
    for table in (*about_all, *(table for part in parts for table in part["tables"])):
        files[f"tables/{table.name}.csv"] = table.csv()
    page = {
        "name": " vs ".join(rows),
        "first": first,
        "vanilla": VANILLA,
        "progress": f"{words.listed(rows)}, on {_searches(theirs)} that all of them made.",
        "others": parts,
        "differing": differing(about_all[1], about_all[2]),
        "tolerance": percent(TOLERANCE),
        **dict(zip(("sizes", "asked", "makers"), about_all, strict=True)),
    }
    pages = {
        name: render(f"comparison.{name.split('.')[1]}.j2", page) for name in ("report.md", "index.html")
    }
    return files | pages, page


def against(
    labels: Labels, a: pd.DataFrame, b: pd.DataFrame, prefix: str, seed: int, chosen: list[str]
) -> tuple[dict, dict[str, bytes]]:
    """Return what a page says of two sweeps, and the files beside it; their names begin with `prefix`.

    `chosen` names the oracles whose trials are not independent draws.
    """
    speed, trials = agreement.speed(agreement.same(a, b), seed), longest(a)
    pairs = agreement.same(trials, b)
    agree = agreement.agreement(pairs, seed)
    spread = agreement.distributions(trials, longest(b), seed, independent=not chosen)
    tables = [sweeps.distributions(spread, labels, prefix)]
    if len(pairs):
        tables = [sweeps.agreement(agree, labels, prefix), *tables]
    if len(speed):
        tables.append(sweeps.speed(speed, labels, prefix))
    answer = [same(pairs, labels), found(agree, spread, labels, chosen), took(speed, a, b, labels)]
    part = {"label": labels[1], "slug": slug(labels[1]), "answer": answer, "tables": tables, "figure": None}
    every = sweeps.pairs(pairs, labels, prefix)
    files = {f"tables/{every.name}.csv": every.csv()}
    if np.isfinite([scores_in(pairs, "a"), scores_in(pairs, "b")]).all(axis=0).any():
        name, figure = f"figures/{prefix}scores", scatter(pairs, labels)
        files |= {f"{name}.svg": figures.svg(figure), f"{name}.png": figures.png(figure)}
        alt = f"Test score of each same trial in {labels[1]} against that in {labels[0]}. {answer[0]}"
        svg = inline(files[f"{name}.svg"], f"{prefix}scores-", alt)
        part["figure"] = {"name": name, "svg": svg, "alt": alt, "csv": every.name}
    return part, files


def same(pairs: pd.DataFrame, labels: Labels) -> str:
    """Return how the scores of the same trials agree, as a sentence."""
    a, b = labels
    if pairs.empty:
        return (
            f"No trial of {b} is the same as one of {a}, with its seed and hyperparameters; so only their "
            "distributions can be compared."
        )
    gaps = apart(scores_in(pairs, "a"), scores_in(pairs, "b"))
    status = int((pairs["status_a"] != pairs["status_b"]).sum())
    many = f"{b} and {a} have {words.count(len(pairs), 'trial')} in common, with seed and hyperparameters"
    ends = f"; {words.count(status, 'trial')} ended otherwise" if status else ""
    if not gaps.any():
        return f"{many}: all their test scores are equal to the last digit{ends}."
    near, known = int((gaps <= TOLERANCE).sum()), gaps[np.isfinite(gaps)]
    share, most = percent(near / len(gaps)), percent(TOLERANCE)
    said = f"{many}: {near:,} of their test scores ({share}) agree within {most}"
    if len(known):
        said += (
            f", the median is {percent(float(np.median(gaps)))} apart, the farthest {percent(known.max())}"
        )
    if lone := len(gaps) - len(known):
        said += f"; {words.count(lone, 'trial')} without a score in one of them"
    return f"{said}{ends}."


def found(agree: pd.DataFrame, spread: pd.DataFrame, labels: Labels, chosen: list[str]) -> str:
    """Return which searches differ significantly, as sentences; `chosen` as for `against`."""
    tests = [
        ("pair by pair", agree, agree["lower"] > agree["higher"]),
        ("as distributions", spread, spread["probability"] > 0.5),
    ][: 1 if chosen else 2]
    said, silent, ties = [], [], agree["ties"].sum()
    if ties:
        pairs = words.count(agree["trials"].sum(), "pair")
        said.append(f"{ties:,} of {pairs} are ties, no more than {percent(TIE)} apart.")
    for how, table, better in tests:
        if table.empty:
            continue
        sides = [
            f"{word} in {_named(table.loc[chosen, ['cell', 'task']].to_numpy())}"
            for word, chosen in (
                ("lower (better)", table["significant"] & better),
                ("higher (worse)", table["significant"] & ~better),
            )
            if chosen.any()
        ]
        if sides:
            said.append(f"Compared {how}, scores of {labels[1]} are significantly {words.listed(sides)}.")
        else:
            silent.append(how)
    if silent:
        of = "no search" if len(spread) > 1 else "the one search"
        verb = "differs significantly" if len(spread) > 1 else "does not differ significantly"
        said.append(f"Compared {' or '.join(silent)}, {of} {verb}, which is no proof that they are equal.")
    if chosen:
        of = words.listed(chosen)
        said.append(f"Trials of {of} are not independent draws: distributions are not tested.")
    return " ".join(said)


def took(speed: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame, labels: Labels) -> str:
    """Return what trials took, as a sentence: the same ones, else all of each."""
    if speed.empty:
        means = [
            f"{words.number(rows['seconds'].mean())} s in {label}"
            for label, rows in zip(labels, (a, b), strict=True)
        ]
        return f"A trial took {words.listed(means)} in the mean; they are not the same trials."
    whole = speed.iloc[0].to_dict()
    a_seconds, b_seconds, epoch = (words.number(whole[key]) for key in ("seconds_a", "seconds_b", "epoch"))
    return (
        f"For the same {words.count(whole['trials'], 'finished trial')}, {labels[1]} took "
        f"{sweeps.within(whole, 'ratio')} times as long as {labels[0]}, {b_seconds} instead of {a_seconds} "
        f"s a trial; {epoch} times as long an epoch."
    )


def differing(asked: sweeps.Table, makers: sweeps.Table) -> list[str]:
    """Return in what sweeps differ besides their trials, as sentences."""
    heads = (
        (asked, "They were not asked the same: {} differ."),
        (makers, "They were not made by the same: {} differ."),
    )
    return [said.format(words.listed(names)) for table, said in heads if (names := sweeps.differing(table))]


def _searches(rows: pd.DataFrame) -> str:
    found = rows.groupby(SEARCH).ngroups
    return "one search" if found == 1 else f"{found:,} searches"


def _named(searches) -> str:
    """Return searches, (cell, task) each, as a sentence has them: named, or counted where they are many."""
    searches = list(searches)
    if len(searches) > FEW:
        return f"{len(searches):,} searches"
    return words.listed([f"{cell} on {task}" for cell, task in searches])
