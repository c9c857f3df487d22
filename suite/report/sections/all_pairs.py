"""The section that compares every pair of variants, on request (`--all-pairs`)."""

from collections.abc import Mapping

import pandas as pd

from suite.analysis.findings import Findings
from suite.report.formatting import format_p, format_probability, format_signed
from suite.report.parts import Part, Section, Table, TableColumn, Text
from suite.report.sections.answer import dependent_trials_sentence
from suite.text import format_count


def build(findings: Findings) -> list[Section]:
    """Return the section of all pairs if it was requested; without any comparison it says why."""
    if findings.pairwise is None:
        return []
    part: Part = pairwise_table(findings.pairwise, findings.record.titles)
    if findings.pairwise.empty:
        part = Text(f"Pairs of variants are not compared. {no_pairs_reason(findings)}")
    return [Section("all-pairs", "All pairs of variants", [part])]


def no_pairs_reason(findings: Findings) -> str:
    """Return a sentence on why a sweep has no comparisons of pairs."""
    if not findings.has_independent_trials:
        return dependent_trials_sentence(findings)
    return "There are no two variants with trials that can be compared."


def pairwise_table(pairwise: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    """Return a table of comparisons, one line for each task and pair; `titles` are those of the tasks."""
    columns = [
        TableColumn("variant", "cell"),
        TableColumn("against", "against"),
        TableColumn("task", "task", titles.__getitem__),
        TableColumn("probability", "probability", show_row=format_probability),
        TableColumn("shift", "shift", format_signed),
        TableColumn("p", "adjusted", format_p),
    ]
    caption = (
        "Every pair of variants, compared over all trials: the probability that a trial of the first "
        "variant is better than a trial of the second (95 % interval), the median shift of its scores "
        "(Hodges–Lehmann estimate), and the p-value of a permutation test, adjusted by Holm’s method for "
        f"the {format_count(len(pairwise), 'comparison')} of this table. An asterisk marks p < .05."
    )
    keys = ["task", "cell", "against", "trials", "probability", "low", "high", "shift", "p", "adjusted"]
    return Table("all-pairs", caption, pairwise[keys], columns)
