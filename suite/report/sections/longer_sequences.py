"""The section on solved tasks, and on tests of sequences that are longer than those of training."""

from collections.abc import Callable

import pandas as pd

from suite.analysis.findings import Findings
from suite.analysis.longer_sequences import SOLVED_SUCCESS
from suite.report import figures
from suite.report.formatting import NO_VALUE, format_percent, format_score
from suite.report.parts import Figure, Part, Section, Table, TableColumn
from suite.report.rendering import unique_slugs
from suite.report.sections.tasks import score_axis_label

LENGTHS_CAPTION = (
    "Mean test score of the best tenths (chosen on validation) on {}, by the length of the sequences; 1 is "
    "the length in training. A low and level curve shows that a variant has learned the rule of the task."
)


def build(findings: Findings) -> list[Section]:
    """Return the section; none for a sweep whose tasks count no solved sequences and have one length."""
    parts: list[Part] = []
    if len(findings.solved):
        parts.append(solved_table(findings))
    for task, slug in unique_slugs(findings.config.tasks).items():
        scores = findings.length_scores[findings.length_scores["task"] == task]
        if len(scores):
            parts += [length_figure(findings, task, slug), length_table(findings, task, slug)]
    return [Section("longer-sequences", "Solved tasks and longer sequences", parts)] if parts else []


def solved_table(findings: Findings) -> Table:
    """Return a table of how many trials of each variant solve each task, and the success of the best one."""
    frame, columns = pd.DataFrame({"cell": findings.config.cells}), [TableColumn("variant", "cell")]
    for task, lines in findings.solved.groupby("task", sort=False):
        success, solved, trials = (f"{task} {key}" for key in ("success", "solved", "trials"))
        own = lines.set_index("cell").reindex(findings.config.cells)
        frame[[success, solved, trials]] = own[["success", "solved", "trials"]].to_numpy(float)
        columns += [
            TableColumn(f"{findings.record.titles[str(task)]}: solved sequences", success, format_percent),
            TableColumn("trials that solve the task", solved, show_row=part_text(solved, trials)),
        ]
    caption = (
        "A sequence of test is solved if all its answers are right; numbers may differ from their targets by "
        "the tolerance of the task. For each task: the share of sequences that the best trial on validation "
        f"solves, and how many trials solve at least {format_percent(SOLVED_SUCCESS)} of the sequences."
    )
    return Table("solved", caption, frame, columns)


def part_text(part: str, whole: str) -> Callable[[dict], str]:
    """Return a function that formats a part of a whole from the named columns of a row: 3 of 24."""
    return lambda row: NO_VALUE if pd.isna(row[whole]) else f"{row[part]:,.0f} of {row[whole]:,.0f}"


def length_figure(findings: Findings, task: str, slug: str) -> Figure:
    """Return the figure of the scores of one task by length."""
    scores = findings.length_scores[findings.length_scores["task"] == task]
    info = findings.record.tasks[task]
    label = score_axis_label(info.unit)
    drawing = figures.length_curves(scores, list(findings.config.cells), label, baseline=findings.baseline)
    alt = f"Test scores on {info.title} by the length of the sequences, a curve for each variant."
    return Figure(f"{slug}-lengths", drawing, alt, LENGTHS_CAPTION.format(info.title), f"{slug}-lengths")


def length_table(findings: Findings, task: str, slug: str) -> Table:
    """Return the table of the scores of one task by length, a line for each variant."""
    scores = findings.length_scores[findings.length_scores["task"] == task]
    frame = scores.pivot_table(index="cell", columns="factor", values="score")
    frame = frame.reindex([cell for cell in findings.config.cells if cell in frame.index])
    factors = list(frame.columns)
    frame.columns = [f"{factor}x" for factor in factors]
    columns = [TableColumn(f"{f} ×", f"{f}x", format_score, highlight_lowest=True) for f in factors]
    caption = f"Mean test scores of the best tenths on {findings.record.titles[task]}, by length."
    return Table(f"{slug}-lengths", caption, frame.reset_index(), [TableColumn("variant", "cell"), *columns])
