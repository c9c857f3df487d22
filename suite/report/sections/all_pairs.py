"""The section that compares every pair of variants, on request (`--all-pairs`)."""

from suite.analysis.findings import Findings
from suite.report.formatting import format_p, format_probability, format_signed
from suite.report.parts import Section, Table, TableColumn
from suite.text import format_count


def build(findings: Findings) -> list[Section]:
    """Return the section of all pairs; none unless requested and trials are independent draws."""
    if findings.pairwise.empty:
        return []
    return [Section("all-pairs", "All pairs of variants", [pairwise_table(findings)])]


def pairwise_table(findings: Findings) -> Table:
    """Return a table that compares every pair of variants, with one line for each task and pair."""
    titles = findings.record.titles
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
        f"the {format_count(len(findings.pairwise), 'comparison')} of this table. An asterisk marks p < .05."
    )
    keys = ["task", "cell", "against", "trials", "probability", "low", "high", "shift", "p", "adjusted"]
    return Table("all-pairs", caption, findings.pairwise[keys], columns)
