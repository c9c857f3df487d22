"""Sections that compare each sweep with the first, search by search: scores, distributions and time.

The suffixes _a and _b of columns of `suite.analysis.agreement` become the labels of the two sweeps here.
"""

import numpy as np
import pandas as pd

from suite.analysis.agreement import (
    MIN_UNIT_GROUPS,
    SCORE_TOLERANCE,
    SEARCH_COLUMNS,
    TIE_TOLERANCE,
    scores_of_sweep,
)
from suite.analysis.sweep_comparison import ComparisonFindings, PairwiseFindings
from suite.report.comparison.answer import agreement_sentence
from suite.report.figures.scatter import agreement_scatter
from suite.report.formatting import format_interval, format_percent, format_score
from suite.report.parts import Figure, Part, Section, Table, TableColumn, Text
from suite.report.rendering import slugify

SEARCH_HEADINGS = [
    TableColumn("variant", "cell", lambda cell: str(cell or "all searches")),
    TableColumn("task", "task"),
]


def build(findings: ComparisonFindings) -> list[Section]:
    """Return a section for each sweep that is compared with the first."""
    sections = []
    for number, pair in enumerate(findings.others, 2):
        prefix = f"{number}-{slugify(pair.labels[1])}-" if len(findings.others) > 1 else ""
        sections.append(
            Section(
                f"sweep-{number - 1}",
                f"{pair.labels[1]} against {pair.labels[0]}",
                pair_parts(pair, prefix),
                [matched_trial_table(pair, prefix)],
            )
        )
    return sections


def pair_parts(pair: PairwiseFindings, prefix: str) -> list[Part]:
    """Return the figure and the tables of a pair of sweeps; names of files begin with `prefix`."""
    parts: list[Part] = [
        Text(
            "Two trials count as the same if they have the same task, variant, number, seed and "
            "hyperparameters. Training is chaotic: another device or backend rounds differently, which can "
            "change the score of a single trial but not the distribution of scores."
        )
    ]
    if np.isfinite([scores_of_sweep(pair.pairs, "a"), scores_of_sweep(pair.pairs, "b")]).all(axis=0).any():
        parts.append(agreement_figure(pair, prefix))
    if len(pair.pairs):
        parts.append(agreement_table(pair, prefix))
    parts.append(distribution_table(pair, prefix))
    if len(pair.speed):
        parts.append(speed_table(pair, prefix))
    return parts


def agreement_figure(pair: PairwiseFindings, prefix: str) -> Figure:
    """Return a scatter plot of the scores of common trials, one sweep against the other."""
    a, b = pair.labels
    return Figure(
        f"{prefix}scores",
        agreement_scatter(pair.pairs, pair.labels),
        f"Test score of each common trial in {b} against its test score in {a}. {agreement_sentence(pair)}",
        "Each point is one trial that both sweeps have. On the line, its scores are equal; orange points "
        f"differ by more than {format_percent(SCORE_TOLERANCE)}. Crosses at the end of an axis are off the "
        "scale or have no score.",
        f"{prefix}trials",
        natural_size=True,
    )


def agreement_table(pair: PairwiseFindings, prefix: str) -> Table:
    """Return a table of how well the scores of common trials agree."""
    b = pair.labels[1]
    headings = {
        "trials": "common trials",
        "agree": "agree",
        "median": "median difference",
        "largest": "largest difference",
    }
    headings |= {"ranks": "rank correlation", "status": "different status", "ties": "ties"}
    headings |= {"lower": f"lower in {b}", "higher": f"higher in {b}", "adjusted": "adjusted p"}
    shows = dict.fromkeys(("median", "largest"), format_percent)
    columns = [TableColumn(heading, key, shows.get(key)) for key, heading in headings.items()]
    caption = (
        "Trials that both sweeps have, pair by pair. Two test scores agree if they differ by at most "
        f"{format_percent(SCORE_TOLERANCE)} of the larger one. They tie if they differ by at most "
        f"{format_percent(TIE_TOLERANCE)}, which rounding alone can cause. The p-value is of a signed-rank "
        "test of all pairs that do not tie, adjusted by Holm’s method for the number of searches."
    )
    return Table(f"{prefix}agreement", caption, pair.agreement, [*SEARCH_HEADINGS, *columns])


def distribution_table(pair: PairwiseFindings, prefix: str) -> Table:
    """Return a table that compares the score distributions of both sweeps, search by search."""
    a, b = pair.labels
    columns = [
        *SEARCH_HEADINGS,
        *(TableColumn(f"trials, {label}", f"trials {label}") for label in pair.labels),
        *(TableColumn(f"median, {label}", f"median {label}", format_score) for label in pair.labels),
        TableColumn(
            f"{b} is better in",
            "probability",
            show_row=lambda row: format_interval(row, "probability", 100, " %"),
        ),
        TableColumn("adjusted p", "adjusted"),
    ]
    caption = (
        "All trials of each search, compared as distributions of test scores: the share of pairs (one trial "
        f"of {b}, one of {a}) in which the score of {b} is lower, with its 95 % interval. The p-value is of "
        "a permutation test of ranks, adjusted by Holm’s method for the number of searches. Interval and "
        "p-value are missing where an oracle chose trials by earlier scores."
    )
    return Table(f"{prefix}distributions", caption, _label_columns(pair.distributions, pair), columns)


def speed_table(pair: PairwiseFindings, prefix: str) -> Table:
    """Return a table of the time that common trials took in both sweeps."""
    a, b = pair.labels
    columns = [
        *SEARCH_HEADINGS,
        TableColumn("common trials", "trials"),
        TableColumn(f"{b} ÷ {a}, seconds", "ratio", show_row=lambda row: format_interval(row, "ratio")),
        TableColumn("ratio per epoch", "epoch"),
        *(
            TableColumn(f"{quantity} per trial, {label}", f"{quantity} {label}")
            for quantity in ("seconds", "epochs")
            for label in pair.labels
        ),
    ]
    caption = (
        f"Seconds of {b} divided by seconds of {a}, over the common trials that failed in neither sweep; "
        "then the same ratio per epoch. Trials that were trained side by side share the time of their unit "
        "of work, so the 95 % interval is a bootstrap over whole units. There is no interval where units "
        f"are unknown or fewer than {MIN_UNIT_GROUPS}."
    )
    return Table(f"{prefix}speed", caption, _label_columns(pair.speed, pair), columns)


def matched_trial_table(pair: PairwiseFindings, prefix: str) -> Table:
    """Return a table of the common trials of both sweeps; it is only written as CSV."""
    return Table(f"{prefix}trials", "", _label_columns(pair.pairs, pair))


def search_count(findings: ComparisonFindings) -> str:
    """Return the number of compared searches as text, such as "3 searches"."""
    searches = findings.rows[findings.first_label].groupby(SEARCH_COLUMNS).ngroups
    return "one search" if searches == 1 else f"{searches:,} searches"


def _label_columns(results: pd.DataFrame, pair: PairwiseFindings) -> pd.DataFrame:
    suffixes = {f"_{end}": f" {label}" for end, label in zip("ab", pair.labels, strict=True)}
    return results.rename(
        columns=lambda name: name[:-2] + suffixes[name[-2:]] if name[-2:] in suffixes else name
    )
