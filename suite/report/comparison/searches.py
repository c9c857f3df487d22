"""How each sweep compares with the first, search by search: scores of the same trials, distributions, time.

Columns of `suite.analysis.agreement` that end in _a and _b end in the labels of the two sweeps here.
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
            "Trials are the same if task, variant, number, seed and hyperparameters are. Training is "
            "chaotic: what rounds otherwise, on another device or backend, ends elsewhere in single trials, "
            "while their distributions stay the same."
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
    """Return the scores of the same trials, of one sweep against the other."""
    a, b = pair.labels
    return Figure(
        f"{prefix}scores",
        agreement_scatter(pair.pairs, pair.labels),
        f"Test score of each same trial in {b} against that in {a}. {agreement_sentence(pair)}",
        "Each point is the same trial in both; on the line, scores are equal; in orange, they are more than "
        f"{format_percent(SCORE_TOLERANCE)} apart. Crosses at an end are beyond it, or without a score.",
        f"{prefix}trials",
        natural_size=True,
    )


def agreement_table(pair: PairwiseFindings, prefix: str) -> Table:
    """Return how the same trials agree."""
    b = pair.labels[1]
    headings = {"trials": "same trials", "agree": "agree", "median": "median apart", "largest": "farthest"}
    headings |= {"ranks": "rank correlation", "status": "other status", "ties": "ties"}
    headings |= {"lower": f"lower in {b}", "higher": f"higher in {b}", "adjusted": "adjusted p"}
    shows = dict.fromkeys(("median", "largest"), format_percent)
    columns = [TableColumn(heading, key, shows.get(key)) for key, heading in headings.items()]
    caption = (
        f"The same trials, one by one. Test scores agree that are at most {format_percent(SCORE_TOLERANCE)} "
        f"of the larger one apart. Those no more than {format_percent(TIE_TOLERANCE)} apart are ties, as "
        "rounding alone may have it. p is of the test of all other pairs by signed ranks, adjusted by Holm "
        "over searches."
    )
    return Table(f"{prefix}agreement", caption, pair.agreement, [*SEARCH_HEADINGS, *columns])


def distribution_table(pair: PairwiseFindings, prefix: str) -> Table:
    """Return how all trials of both sweeps compare, search by search."""
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
        f"All trials of each search as distributions of test scores: in how many pairs of a trial of {b} and "
        f"one of {a} that of {b} is lower, with its 95 % interval. p is of a permutation test of ranks, "
        "adjusted by Holm over searches; neither is there for trials that were chosen by their scores."
    )
    return Table(f"{prefix}distributions", caption, _label_columns(pair.distributions, pair), columns)


def speed_table(pair: PairwiseFindings, prefix: str) -> Table:
    """Return what the same trials took."""
    a, b = pair.labels
    columns = [
        *SEARCH_HEADINGS,
        TableColumn("same trials", "trials"),
        TableColumn(f"{b} ÷ {a}, seconds", "ratio", show_row=lambda row: format_interval(row, "ratio")),
        TableColumn("an epoch", "epoch"),
        *(
            TableColumn(f"{quantity} a trial, {label}", f"{quantity} {label}")
            for quantity in ("seconds", "epochs")
            for label in pair.labels
        ),
    ]
    caption = (
        f"Seconds of {b} over those of {a}, for the same trials that failed in neither; then the same an "
        "epoch. Trials that were trained side by side share the seconds of their unit, so the 95 % interval "
        f"is of a bootstrap of whole units of work; there is none where units are unknown, or fewer than "
        f"{MIN_UNIT_GROUPS}."
    )
    return Table(f"{prefix}speed", caption, _label_columns(pair.speed, pair), columns)


def matched_trial_table(pair: PairwiseFindings, prefix: str) -> Table:
    """Return the same trials of both sweeps; no page shows it."""
    return Table(f"{prefix}trials", "", _label_columns(pair.pairs, pair))


def search_count(findings: ComparisonFindings) -> str:
    """Return how many searches are compared, in words."""
    searches = findings.rows[findings.first].groupby(SEARCH_COLUMNS).ngroups
    return "one search" if searches == 1 else f"{searches:,} searches"


def _label_columns(results: pd.DataFrame, pair: PairwiseFindings) -> pd.DataFrame:
    ends = {f"_{end}": f" {label}" for end, label in zip("ab", pair.labels, strict=True)}
    return results.rename(columns=lambda name: name[:-2] + ends[name[-2:]] if name[-2:] in ends else name)
