"""The number of trials and the time of each compared sweep."""

import math
from collections.abc import Mapping

import pandas as pd

from suite.analysis.agreement import SEARCH_COLUMNS
from suite.analysis.sweep_comparison import ComparisonFindings
from suite.analysis.trial_statistics import TRIAL_STATUSES
from suite.report.parts import Section, Table, TableColumn, Text

SECONDS_PER_HOUR = 3600


def build(findings: ComparisonFindings) -> list[Section]:
    """Return the section of the sizes of sweeps."""
    text = Text(
        "The seconds of a trial are its share of the worker’s time: the time of each epoch (training and "
        "validation), divided by the number of trials that the worker trained side by side. They do not "
        "include compiling, scoring on test, or waiting. A worker is one CPU core or one GPU (with "
        "--workers 0, the process of the sweep). A machine with n workers trains n times as many trials per "
        "hour."
    )
    return [Section("compared", "What is compared", [text, sweep_size_table(findings.rows)])]


def sweep_size_table(rows_by_label: Mapping[str, pd.DataFrame]) -> Table:
    """Return a table of trials and time of each sweep, over the searches that all sweeps have."""
    lines = []
    for label, rows in rows_by_label.items():
        status_counts = {status: int((rows["status"] == status).sum()) for status in TRIAL_STATUSES}
        seconds = rows["seconds"].sum()
        counts = {"sweep": label, "searches": rows.groupby(SEARCH_COLUMNS).ngroups, "trials": len(rows)}
        rate = SECONDS_PER_HOUR * len(rows) / seconds if seconds else math.nan
        times = {"seconds": seconds / len(rows), "rate": rate, "hours": seconds / SECONDS_PER_HOUR}
        lines.append(counts | status_counts | times)
    headings = {"seconds": "seconds per trial", "rate": "trials per hour"}
    columns = [TableColumn(headings.get(key, key), key) for key in lines[0]]
    caption = "The size of each sweep. Seconds, trials per hour and hours are those of one worker."
    return Table("sweeps", caption, pd.DataFrame(lines), columns)
