"""Sweeps side by side: two machines, a CPU and a GPU, two backends, before and after a change."""

from pathlib import Path

import numpy as np
import pandas as pd

from suite import Refusal
from suite.analysis import agreement
from suite.analysis.agreement import (
    SCORE_TOLERANCE,
    SEARCH_COLUMNS,
    TIE_TOLERANCE,
    relative_differences,
    scores_of_sweep,
)
from suite.analysis.trial_statistics import VANILLA, distinct_trials, has_independent_trials
from suite.report import comparison_tables, figures, formatting
from suite.report.comparison_tables import format_percent
from suite.report.figures.scatter import agreement_scatter
from suite.report.pages import prepare_rows
from suite.report.rendering import inline_svg, render_template, slugify, write_files

MAX_NAMED_SEARCHES = 4  # so many searches are named in a sentence; more are counted

SweepLabels = tuple[str, str]  # of a sweep that another is compared with, and of that other


def write_comparison(made: dict[str, tuple[pd.DataFrame, dict]], folder: Path) -> tuple[Path, list[str]]:
    """Write the comparison of sweeps into a folder; return the path of its page, and its answer.

    `sweeps_by_label` has the rows of a sweep and its TOML by a label; all others are compared with the first
    one. The same rows in any order give the same bytes. Refused: sweeps without trials, or without a search
    that all made.
    """
    rows = common_searches(made)
    files, page = build_comparison(rows, {label: asked for label, (_, asked) in made.items()})
    path = write_files(files, folder)
    return path, [said for other in page["others"] for said in other["answer"]] + page["differing"]


def common_searches(sweeps_by_label: dict[str, tuple[pd.DataFrame, dict]]) -> dict[str, pd.DataFrame]:
    """Return the rows of the searches that all sweeps made, by label, each in the order of its own report."""
    for label, (rows, _) in sweeps_by_label.items():
        if rows.empty:
            raise Refusal(f"{label}: expected trials to compare, got none; run that sweep first")
    rows = {label: prepare_rows(*sweep) for label, sweep in sweeps_by_label.items()}
    keys = {label: pd.MultiIndex.from_frame(found[SEARCH_COLUMNS]) for label, found in rows.items()}
    shared = set.intersection(*map(set, keys.values()))
    if not shared:
        there = [
            f"{label} has {_search_names(sorted({(cell, task) for task, cell in found}))}"
            for label, found in keys.items()
        ]
        raise Refusal(
            f"expected a cell on a task that all sweeps searched, got none: {'; '.join(there)}; name others"
        )
    return {
        label: search_difference_sentences[keys[label].isin(shared)].reset_index(drop=True)
        for label, search_difference_sentences in rows.items()
    }


def build_comparison(
    rows: dict[str, pd.DataFrame], configs: dict[str, dict]
) -> tuple[dict[str, bytes], dict]:
    """Return the files of a comparison by name, pages last, and the page; `rows` are of `common_searches`."""
    (first, theirs), *others = rows.items()
    files, parts, seed = {}, [], configs[first].get("seed", 0)
    for number, (other, ours) in enumerate(others, 2):
        prefix = f"{number}-{slugify(other)}-" if len(others) > 1 else ""
        oracles = dict.fromkeys(configs[label]["oracle"] for label in (first, other))
        chosen = [formatting.ORACLE_NAMES[oracle] for oracle in oracles if not has_independent_trials(oracle)]
        part, drawn = compare_with_first((first, other), theirs, ours, prefix, seed, chosen)
        parts.append(part)
        files |= drawn
    about_all = [
        comparison_tables.sweep_size_table(rows),
        comparison_tables.config_table(configs),
        comparison_tables.sweep_provenance_table(rows),
    ]
    for table in (*about_all, *(table for part in parts for table in part["tables"])):
        files[f"tables/{table.name}.csv"] = table.to_csv()
    page = {
        "name": " vs ".join(rows),
        "first": first,
        "vanilla": VANILLA,
        "progress": f"{formatting.join_names(rows)}, on {_search_count(theirs)} that all of them made.",
        "others": parts,
        "differing": setting_difference_sentences(about_all[1], about_all[2]),
        "tolerance": format_percent(SCORE_TOLERANCE),
        **dict(zip(("sizes", "asked", "makers"), about_all, strict=True)),
    }
    pages = {
        name: render_template(f"comparison.{name.split('.')[1]}.j2", page)
        for name in ("report.md", "index.html")
    }
    return files | pages, page


def compare_with_first(
    labels: SweepLabels, a: pd.DataFrame, b: pd.DataFrame, prefix: str, seed: int, chosen: list[str]
) -> tuple[dict, dict[str, bytes]]:
    """Return what a page says of two sweeps, and the files beside it; their names begin with `prefix`.

    `chosen` names the oracles whose trials are not independent draws.
    """
    speed, trials = agreement.speed_comparison(agreement.matched_trials(a, b), seed), distinct_trials(a)
    pairs = agreement.matched_trials(trials, b)
    agree = agreement.score_agreement(pairs, seed)
    spread = agreement.distribution_comparison(
        trials, distinct_trials(b), seed, independent_trials=not chosen
    )
    tables = [comparison_tables.distribution_table(spread, labels, prefix)]
    if len(pairs):
        tables = [comparison_tables.agreement_table(agree, labels, prefix), *tables]
    if len(speed):
        tables.append(comparison_tables.speed_table(speed, labels, prefix))
    answer = [
        agreement_sentence(pairs, labels),
        search_difference_sentences(agree, spread, labels, chosen),
        duration_sentence(speed, a, b, labels),
    ]
    part = {
        "label": labels[1],
        "slug": slugify(labels[1]),
        "answer": answer,
        "tables": tables,
        "figure": None,
    }
    every = comparison_tables.matched_trial_table(pairs, labels, prefix)
    files = {f"tables/{every.name}.csv": every.to_csv()}
    if np.isfinite([scores_of_sweep(pairs, "a"), scores_of_sweep(pairs, "b")]).all(axis=0).any():
        name, figure = f"figures/{prefix}scores", agreement_scatter(pairs, labels)
        files |= {f"{name}.svg": figures.to_svg(figure), f"{name}.png": figures.to_png(figure)}
        alt = f"Test score of each same trial in {labels[1]} against that in {labels[0]}. {answer[0]}"
        svg = inline_svg(files[f"{name}.svg"], f"{prefix}scores-", alt)
        part["figure"] = {"name": name, "svg": svg, "alt": alt, "csv": every.name}
    return part, files


def agreement_sentence(pairs: pd.DataFrame, labels: SweepLabels) -> str:
    """Return how the scores of the same trials agree, as a sentence."""
    a, b = labels
    if pairs.empty:
        return (
            f"No trial of {b} is the same as one of {a}, with its seed and hyperparameters; so only their "
            "distributions can be compared."
        )
    gaps = relative_differences(scores_of_sweep(pairs, "a"), scores_of_sweep(pairs, "b"))
    status = int((pairs["status_a"] != pairs["status_b"]).sum())
    trials = formatting.format_count(len(pairs), "trial")
    many = f"{b} and {a} have {trials} in common, with seed and hyperparameters"
    ends = f"; {formatting.format_count(status, 'trial')} ended otherwise" if status else ""
    if not gaps.any():
        return f"{many}: all their test scores are equal to the last digit{ends}."
    near, known = int((gaps <= SCORE_TOLERANCE).sum()), gaps[np.isfinite(gaps)]
    share, most = format_percent(near / len(gaps)), format_percent(SCORE_TOLERANCE)
    said = f"{many}: {near:,} of their test scores ({share}) agree within {most}"
    if len(known):
        median, largest = format_percent(float(np.median(gaps))), format_percent(known.max())
        said += f", the median is {median} apart, the farthest {largest}"
    if lone := len(gaps) - len(known):
        said += f"; {formatting.format_count(lone, 'trial')} without a score in one of them"
    return f"{said}{ends}."


def search_difference_sentences(
    agree: pd.DataFrame, spread: pd.DataFrame, labels: SweepLabels, chosen: list[str]
) -> str:
    """Return which searches differ significantly, as sentences; `chosen` as for `compare_with_first`."""
    tests = [
        ("pair by pair", agree, agree["lower"] > agree["higher"]),
        ("as distributions", spread, spread["probability"] > 0.5),
    ][: 1 if chosen else 2]
    said, silent, ties = [], [], agree["ties"].sum()
    if ties:
        pairs = formatting.format_count(agree["trials"].sum(), "pair")
        said.append(f"{ties:,} of {pairs} are ties, no more than {format_percent(TIE_TOLERANCE)} apart.")
    for how, table, better in tests:
        if table.empty:
            continue
        sides = [
            f"{word} in {_search_names(table.loc[chosen, ['cell', 'task']].to_numpy())}"
            for word, chosen in (
                ("lower (better)", table["significant"] & better),
                ("higher (worse)", table["significant"] & ~better),
            )
            if chosen.any()
        ]
        if sides:
            said.append(
                f"Compared {how}, scores of {labels[1]} are significantly {formatting.join_names(sides)}."
            )
        else:
            silent.append(how)
    if silent:
        of = "no search" if len(spread) > 1 else "the one search"
        verb = "differs significantly" if len(spread) > 1 else "does not differ significantly"
        said.append(f"Compared {' or '.join(silent)}, {of} {verb}, which is no proof that they are equal.")
    if chosen:
        of = formatting.join_names(chosen)
        said.append(f"Trials of {of} are not independent draws: distributions are not tested.")
    return " ".join(said)


def duration_sentence(speed: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame, labels: SweepLabels) -> str:
    """Return what trials took, as a sentence: the same ones, else all of each."""
    if speed.empty:
        means = [
            f"{formatting.format_number(rows['seconds'].mean())} s in {label}"
            for label, rows in zip(labels, (a, b), strict=True)
        ]
        return f"A trial took {formatting.join_names(means)} in the mean; they are not the same trials."
    whole = speed.iloc[0].to_dict()
    a_seconds, b_seconds, epoch = (
        formatting.format_number(whole[key]) for key in ("seconds_a", "seconds_b", "epoch")
    )
    if a_seconds == b_seconds and whole["ratio"] == 1:
        return (
            f"The same {formatting.format_count(whole['trials'], 'finished trial')} took equally long in "
            f"{labels[1]} and {labels[0]}, {a_seconds} s a trial."
        )
    return (
        f"For the same {formatting.format_count(whole['trials'], 'finished trial')}, {labels[1]} took "
        f"{comparison_tables.format_interval(whole, 'ratio')} times as long as {labels[0]}, "
        f"{b_seconds} instead of {a_seconds} "
        f"s a trial; {epoch} times as long an epoch."
    )


def setting_difference_sentences(
    asked: comparison_tables.Table, makers: comparison_tables.Table
) -> list[str]:
    """Return in what sweeps differ besides their trials, as sentences."""
    heads = (
        (asked, "They were not asked the same: {} differ."),
        (makers, "They were not made by the same: {} differ."),
    )
    return [
        said.format(formatting.join_names(names))
        for table, said in heads
        if (names := comparison_tables.differing_settings(table))
    ]


def _search_count(rows: pd.DataFrame) -> str:
    found = rows.groupby(SEARCH_COLUMNS).ngroups
    return "one search" if found == 1 else f"{found:,} searches"


def _search_names(searches) -> str:
    """Return searches, (cell, task) each, as a sentence has them: named, or counted where they are many."""
    searches = list(searches)
    if len(searches) > MAX_NAMED_SEARCHES:
        return f"{len(searches):,} searches"
    return formatting.join_names([f"{cell} on {task}" for cell, task in searches])
