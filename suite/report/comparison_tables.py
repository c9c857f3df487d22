"""The tables of a comparison of sweeps.

`labels` are those of sweep a, which the other is compared with, and of sweep b; the columns of
`suite.analysis.agreement` that end in _a and _b end in them here.
"""

import math
from collections.abc import Callable

import pandas as pd

from suite.analysis.agreement import MIN_UNIT_GROUPS, SCORE_TOLERANCE, SEARCH_COLUMNS, TIE_TOLERANCE
from suite.analysis.trial_statistics import TRIAL_STATUSES
from suite.report import formatting
from suite.report.tables import PROTOCOL_KEYS, Table, TableColumn

SECONDS_PER_HOUR = 3600
SEARCH_TABLE_COLUMNS = [
    TableColumn("variant", "cell", lambda row: row["cell"] or "all searches"),
    TableColumn("task", "task"),
]
TASK_DATA_KEYS = (
    "train",
    "valid",
    "test",
    "steps",
    "unit",
)  # of `about`, on which the scores of a task depend


def sweep_size_table(rows_by_label: dict[str, pd.DataFrame]) -> Table:
    """Return how much each sweep did in the searches that are compared; `rows_by_label` has their rows."""
    lines = []
    for label, rows in rows_by_label.items():
        ends = {status: int((rows["status"] == status).sum()) for status in TRIAL_STATUSES}
        seconds = rows["seconds"].sum()
        lines.append(
            {"sweep": label, "searches": rows.groupby(SEARCH_COLUMNS).ngroups, "trials": len(rows), **ends}
            | {
                "seconds": seconds / len(rows),
                "rate": SECONDS_PER_HOUR * len(rows) / seconds if seconds else math.nan,
            }
            | {"hours": seconds / SECONDS_PER_HOUR}
        )
    columns = [
        TableColumn("sweep", "sweep"),
        *(TableColumn(key, key, _column_formatter(key)) for key in ("searches", "trials", *TRIAL_STATUSES)),
        TableColumn("seconds a trial", "seconds", _column_formatter("seconds")),
        TableColumn("trials an hour", "rate", _column_formatter("rate")),
        TableColumn("hours", "hours", _column_formatter("hours")),
    ]
    caption = "What is compared. Seconds, trials an hour and hours are those of one worker."
    return Table("sweeps", caption, pd.DataFrame(lines), columns)


def agreement_table(results: pd.DataFrame, labels: tuple[str, str], prefix: str) -> Table:
    """Return how the same trials agree; `results` is of `suite.analysis.agreement.score_agreement`."""
    columns = [
        *SEARCH_TABLE_COLUMNS,
        TableColumn("same trials", "trials", _column_formatter("trials")),
        TableColumn("agree", "agree", _column_formatter("agree")),
        TableColumn("median apart", "median", _column_formatter("median", format_percent)),
        TableColumn("farthest", "largest", _column_formatter("largest", format_percent)),
        TableColumn("rank correlation", "ranks", _column_formatter("ranks")),
        TableColumn("other status", "status", _column_formatter("status")),
        TableColumn("ties", "ties", _column_formatter("ties")),
        TableColumn(f"lower in {labels[1]}", "lower", _column_formatter("lower")),
        TableColumn(f"higher in {labels[1]}", "higher", _column_formatter("higher")),
        TableColumn("adjusted p", "adjusted", _column_formatter("adjusted")),
    ]
    caption = (
        "The same trials, one by one. Test scores agree that are at most "
        f"{format_percent(SCORE_TOLERANCE)} of the larger "
        f"one apart. Those no more than {format_percent(TIE_TOLERANCE)} apart are ties, as rounding "
        "alone may have it. p is "
        "of the test of all other pairs by signed ranks, adjusted by Holm over searches."
    )
    return Table(f"{prefix}agreement", caption, results, columns)


def distribution_table(results: pd.DataFrame, labels: tuple[str, str], prefix: str) -> Table:
    """Return how all trials compare; `results` is of `suite.analysis.agreement.distribution_comparison`."""
    a, b = labels
    columns = [
        *SEARCH_TABLE_COLUMNS,
        *(
            TableColumn(f"trials, {label}", f"trials {label}", _column_formatter(f"trials {label}"))
            for label in labels
        ),
        *(
            TableColumn(
                f"median, {label}",
                f"median {label}",
                _column_formatter(f"median {label}", formatting.format_score),
            )
            for label in labels
        ),
        TableColumn(
            f"{b} is better in", "probability", lambda row: format_interval(row, "probability", 100, " %")
        ),
        TableColumn("adjusted p", "adjusted", _column_formatter("adjusted")),
    ]
    caption = (
        f"All trials of each search as distributions of test scores: in how many pairs of a trial of {b} and "
        f"one of {a} that of {b} is lower, with its 95 % interval. p is of a permutation test of ranks, "
        "adjusted by Holm over searches; neither is there for trials that were chosen by their scores."
    )
    return Table(f"{prefix}distributions", caption, _label_columns(results, labels), columns)


def speed_table(results: pd.DataFrame, labels: tuple[str, str], prefix: str) -> Table:
    """Return what the same trials took; `results` is of `suite.analysis.agreement.speed_comparison`."""
    a, b = labels
    keys = [
        (f"{what} {label}", f"{what} a trial, {label}") for what in ("seconds", "epochs") for label in labels
    ]
    columns = [
        *SEARCH_TABLE_COLUMNS,
        TableColumn("same trials", "trials", _column_formatter("trials")),
        TableColumn(f"{b} ÷ {a}, seconds", "ratio", lambda row: format_interval(row, "ratio")),
        TableColumn("an epoch", "epoch", _column_formatter("epoch")),
        *(TableColumn(label, key, _column_formatter(key)) for key, label in keys),
    ]
    caption = (
        f"Seconds of {b} over those of {a}, for the same trials that failed in neither; then the same an "
        "epoch. Trials that were trained side by side share the seconds of their unit, so the 95 % interval "
        f"is of a bootstrap of whole units of work; there is none where units are unknown, or fewer than "
        f"{MIN_UNIT_GROUPS}."
    )
    return Table(f"{prefix}speed", caption, _label_columns(results, labels), columns)


def matched_trial_table(results: pd.DataFrame, labels: tuple[str, str], prefix: str) -> Table:
    """Return the same trials, as `suite.analysis.agreement.matched_trials` gives them. No page shows it."""
    return Table(f"{prefix}trials", "", _label_columns(results, labels), [])


def config_table(configs: dict[str, dict]) -> Table:
    """Return what each sweep was asked, by label: the settings, the space, the data of each task."""
    return _side_by_side_table(
        "asked", "setting", "What was asked.", {label: _config_settings(of) for label, of in configs.items()}
    )


def sweep_provenance_table(rows_by_label: dict[str, pd.DataFrame]) -> Table:
    """Return what made the trials of each sweep, by label."""
    return _side_by_side_table(
        "makers",
        "maker",
        "What made the trials.",
        {label: _provenance_settings(rows) for label, rows in rows_by_label.items()},
    )


def differing_settings(table: Table) -> list[str]:
    """Return the lines of `config_table` or `sweep_provenance_table` in which sweeps differ."""
    return table.frame.loc[table.frame["differs"] == "yes", "what"].tolist()


def format_percent(share: float) -> str:
    """Return a share as percent: 98 %; 0.0012 %."""
    if math.isinf(share):
        return "no score"
    return formatting.NO_VALUE if math.isnan(share) else f"{formatting.format_number(100 * share)} %"


def format_interval(row: dict, key: str, scale: float = 1, unit: str = "") -> str:
    """Return a value of a row and its interval: 0.52 (0.5–0.55), 48 % (37.1–59 %)."""
    value, low, high = (formatting.format_number(scale * row[name]) for name in (key, "low", "high"))
    return f"{value}{unit}" if low == formatting.NO_VALUE else f"{value}{unit} ({low}–{high}{unit})"


def _config_settings(of: dict) -> dict[str, str]:
    said = {name: str(of[name]) for name in PROTOCOL_KEYS if name in of}
    for name, drawn in of["space"].items():
        said[name.replace("_", " ")] = f"{drawn['low']:g} to {drawn['high']:g}, {drawn['scale']}"
    for task in of["tasks"]:
        about = of["about"]["tasks"][task]
        said[f"data of {about['title']}"] = ", ".join(f"{key} {about[key]}" for key in TASK_DATA_KEYS)
    return said


def _provenance_settings(rows: pd.DataFrame) -> dict[str, str]:
    columns = {"device": "device", "backend": "backend", "commit": "git_commit"}
    found: dict[str, set] = {key: set(rows[column].dropna()) for key, column in columns.items()}
    if suite := {code["suite"] for code in rows.get("code", []) if code}:
        found["code"] = suite
    for text in rows["versions"].unique():
        for part in filter(None, text.split(", ")):
            package, _, version = part.rpartition(" ")
            found.setdefault(package, set()).add(version)
    return {key: ", ".join(sorted(values)) for key, values in found.items()}


def _side_by_side_table(name: str, head: str, caption: str, said: dict[str, dict[str, str]]) -> Table:
    """Return what is said of each sweep, a line for each thing, and whether they differ in it."""
    keys = list(dict.fromkeys(key for of in said.values() for key in of))
    frame = pd.DataFrame({"what": keys})
    for label, of in said.items():
        frame[f"in {label}"] = [of.get(key) or formatting.NO_VALUE for key in keys]
    frame["differs"] = ["yes" if len({of.get(key) for of in said.values()}) > 1 else "" for key in keys]
    shown = [TableColumn(label, f"in {label}") for label in said]
    return Table(name, caption, frame, [TableColumn(head, "what"), TableColumn("differs", "differs"), *shown])


def _label_columns(results: pd.DataFrame, labels: tuple[str, str]) -> pd.DataFrame:
    ends = {f"_{end}": f" {label}" for end, label in zip("ab", labels, strict=True)}
    return results.rename(columns=lambda name: name[:-2] + ends[name[-2:]] if name[-2:] in ends else name)


def _column_formatter(key: str, how: Callable = formatting.format_number) -> Callable[[dict], str]:
    return lambda row: how(row[key])
