"""The section on the cost of trials: time and arithmetic."""

import pandas as pd

from suite.analysis.findings import Findings
from suite.report.formatting import format_si
from suite.report.parts import Section, Table, TableColumn
from suite.text import format_count, format_duration


def build(findings: Findings) -> list[Section]:
    """Return the section on the cost."""
    return [Section("cost", "Cost", [cost_table(findings)])]


def cost_table(findings: Findings) -> Table:
    """Return a table of the core time of every variant, and the time and operations per trial."""
    summaries, titles = findings.summaries, findings.record.titles
    frame = pd.DataFrame({"cell": findings.config.cells})
    columns = [TableColumn("variant", "cell")]
    for task, summary in summaries.items():
        frame[f"{task} seconds"] = 3600 * summary["hours"]
        if len(summaries) > 1:
            columns.append(TableColumn(titles[task], f"{task} seconds", format_duration))
    counts = {task: summary["trials"] for task, summary in summaries.items()}
    trials = pd.DataFrame(counts).sum(axis=1)
    operations = pd.DataFrame(
        {task: summary["operations"].fillna(0) * counts[task] for task, summary in summaries.items()}
    ).sum(axis=1)
    frame["total seconds"] = frame.drop(columns="cell").sum(axis=1)
    frame["seconds a trial"] = frame["total seconds"] / trials
    columns.append(TableColumn("core time", "total seconds", format_duration))
    columns.append(TableColumn("time per trial", "seconds a trial", format_duration))
    if operations.any():  # results folders of older versions have none
        frame["operations a trial"] = operations / trials
        columns.append(TableColumn("multiply–adds per trial", "operations a trial", format_si))
    total = format_duration(frame["total seconds"].sum())
    caption = (
        f"Training {format_count(int(trials.sum()), 'trial')} took {total} in total on one core or device. "
        "The time of a trial depends on the device and on the trials that are trained beside it; its "
        "multiply–adds do not (k, M, G, T: thousand, million, 10⁹, 10¹²)."
    )
    return Table("cost", caption, frame, columns)
