"""How much each of the compared sweeps did, and in what time."""

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
        "The seconds of a trial are its share of the time of the worker that trained it: the time of each of "
        "its epochs, training and validation, over the number of trials that the worker trained side by "
        "side. Compiling, the scores on test and waiting are not in it. A worker is one core of a CPU or one "
        "GPU (with --workers 0, the process of the sweep), so a machine makes as many times the trials an "
        "hour as it has workers."
    )
    return [Section("compared", "What is compared", [text, sweep_size_table(findings.rows)])]


def sweep_size_table(rows_by_label: Mapping[str, pd.DataFrame]) -> Table:
    """Return how much each sweep did in the searches that are compared."""
    lines = []
    for label, rows in rows_by_label.items():
        ends = {status: int((rows["status"] == status).sum()) for status in TRIAL_STATUSES}
        seconds = rows["seconds"].sum()
        counts = {"sweep": label, "searches": rows.groupby(SEARCH_COLUMNS).ngroups, "trials": len(rows)}
        rate = SECONDS_PER_HOUR * len(rows) / seconds if seconds else math.nan
        times = {"seconds": seconds / len(rows), "rate": rate, "hours": seconds / SECONDS_PER_HOUR}
        lines.append(counts | ends | times)
    headings = {"seconds": "seconds a trial", "rate": "trials an hour"}
    columns = [TableColumn(headings.get(key, key), key) for key in lines[0]]
    caption = "What is compared. Seconds, trials an hour and hours are those of one worker."
    return Table("sweeps", caption, pd.DataFrame(lines), columns)
