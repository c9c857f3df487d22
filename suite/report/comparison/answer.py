"""What a comparison of sweeps found, in sentences."""

import numpy as np
import pandas as pd

from suite.analysis.agreement import (
    SCORE_TOLERANCE,
    TIE_TOLERANCE,
    relative_differences,
    scores_of_sweep,
)
from suite.analysis.sweep_comparison import ComparisonFindings, PairwiseFindings
from suite.report.comparison.settings import config_table, differing_settings, sweep_provenance_table
from suite.report.formatting import ORACLE_NAMES, format_interval, format_number, format_percent, join_names
from suite.report.parts import Section, Table, Text
from suite.text import format_count

MAX_NAMED_SEARCHES = 4  # a sentence names at most this many searches, and counts more


def build(findings: ComparisonFindings) -> list[Section]:
    """Return the section "The answer", the first of the page."""
    parts = [Text(text, "lead") for other in findings.others for text in pairwise_sentences(other)]
    parts.append(Text(" ".join(setting_difference_sentences(findings)), "caution"))
    return [Section("answer", "The answer", [part for part in parts if part.content])]


def comparison_sentences(findings: ComparisonFindings) -> list[str]:
    """Return the answer as lines of a few sentences each."""
    lines = [text for other in findings.others for text in pairwise_sentences(other)]
    return [*lines, *setting_difference_sentences(findings)]


def pairwise_sentences(pair: PairwiseFindings) -> list[str]:
    """Return sentences that compare a sweep with the first one: agreement, differences, time."""
    return [agreement_sentence(pair), search_difference_sentences(pair), duration_sentence(pair)]


def agreement_sentence(pair: PairwiseFindings) -> str:
    """Return a sentence on how well the scores of common trials agree."""
    (a, b), pairs = pair.labels, pair.pairs
    if pairs.empty:
        return (
            f"{b} and {a} have no trials with the same seed and hyperparameters, so only their distributions "
            "can be compared."
        )
    gaps = relative_differences(scores_of_sweep(pairs, "a"), scores_of_sweep(pairs, "b"))
    status = int((pairs["status_a"] != pairs["status_b"]).sum())
    trials = format_count(len(pairs), "trial")
    common = f"{b} and {a} have {trials} in common (same seed and hyperparameters)"
    status_text = f"; {format_count(status, 'trial')} ended with a different status" if status else ""
    if not gaps.any():
        return f"{common}: all their test scores are identical{status_text}."
    agreeing, finite = int((gaps <= SCORE_TOLERANCE).sum()), gaps[np.isfinite(gaps)]
    share, tolerance = format_percent(agreeing / len(gaps)), format_percent(SCORE_TOLERANCE)
    text = f"{common}: {agreeing:,} of the test scores ({share}) agree within {tolerance}"
    if len(finite):
        median, largest = format_percent(float(np.median(gaps))), format_percent(finite.max())
        text += f", the median difference is {median}, the largest {largest}"
    if unscored := len(gaps) - len(finite):
        text += f"; {format_count(unscored, 'trial')} without a score in at least one sweep"
    return f"{text}{status_text}."


def search_difference_sentences(pair: PairwiseFindings) -> str:
    """Return sentences on which searches differ significantly."""
    agreement, distributions, dependent = pair.agreement, pair.distributions, pair.dependent_oracles
    tests = [
        ("pair by pair", agreement, agreement["lower"] > agreement["higher"]),
        ("as distributions", distributions, distributions["probability"] > 0.5),
    ][: 1 if dependent else 2]
    sentences, not_significant, ties = [], [], agreement["ties"].sum()
    if ties:
        pairs = format_count(int(agreement["trials"].sum()), "pair")
        sentences.append(
            f"{ties:,} of {pairs} are ties: they differ by at most {format_percent(TIE_TOLERANCE)}."
        )
    for test, table, better in tests:
        if table.empty:
            continue
        sides = [
            f"{word} in {_search_names(table[differ])}"
            for word, differ in (
                ("lower (better)", table["significant"] & better),
                ("higher (worse)", table["significant"] & ~better),
            )
            if differ.any()
        ]
        if sides:
            sentences.append(
                f"Compared {test}, scores of {pair.labels[1]} are significantly {join_names(sides)}."
            )
        else:
            not_significant.append(test)
    if not_significant:
        several = len(distributions) > 1
        none = (
            "no search differs significantly" if several else "the one search does not differ significantly"
        )
        sentences.append(
            f"Compared {' or '.join(not_significant)}, {none}, which is no proof that they are equal."
        )
    if dependent:
        names = join_names([ORACLE_NAMES[oracle] for oracle in dependent])
        sentences.append(
            f"Trials of {names} are not independent draws, so their distributions are not tested."
        )
    return " ".join(sentences)


def duration_sentence(pair: PairwiseFindings) -> str:
    """Return a sentence on the time of common trials, or of all trials if there are no common ones."""
    if pair.speed.empty:
        means = [
            f"{format_number(seconds)} s in {label}"
            for label, seconds in zip(pair.labels, pair.mean_seconds, strict=True)
        ]
        return f"On average a trial took {join_names(means)}; the sweeps have no trials in common."
    total = pair.speed.iloc[0].to_dict()
    a_seconds, b_seconds, epoch = (format_number(total[key]) for key in ("seconds_a", "seconds_b", "epoch"))
    a, b = pair.labels
    if a_seconds == b_seconds and total["ratio"] == 1:
        trials = format_count(total["trials"], "finished trial")
        return f"The same {trials} took equally long in {b} and {a}: {a_seconds} s per trial."
    return (
        f"For the same {format_count(total['trials'], 'finished trial')}, {b} took "
        f"{format_interval(total, 'ratio')} times as long as {a}, {b_seconds} instead of {a_seconds} s per "
        f"trial; an epoch took {epoch} times as long."
    )


def setting_difference_sentences(findings: ComparisonFindings) -> list[str]:
    """Return sentences on the settings, hardware and software in which sweeps differ."""
    tables: list[tuple[Table, str]] = [
        (config_table(findings.records), "Their settings differ: {}."),
        (sweep_provenance_table(findings.rows), "Their hardware or software differs: {}."),
    ]
    return [
        sentence.format(join_names(names))
        for table, sentence in tables
        if (names := differing_settings(table))
    ]


def _search_names(searches: pd.DataFrame) -> str:
    """Return text that names searches, or counts them if there are many."""
    if len(searches) > MAX_NAMED_SEARCHES:
        return f"{len(searches):,} searches"
    return join_names(f"{row.cell} on {row.task}" for row in searches.itertuples())
