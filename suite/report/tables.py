"""The tables of a report: a frame with every digit, which becomes a CSV file, and how a page shows it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from pandas.api.types import is_numeric_dtype

from suite import store
from suite.analysis.trial_statistics import TRIAL_STATUSES, best_tenth, distinct_trials
from suite.report import formatting

PROTOCOL_KEYS = ("trials", "oracle", "epochs", "patience", "batch", "optimiser", "seed")
SCALE_DESCRIPTIONS = {
    "log": "uniform in log(x)",
    "linear": "uniform in x",
    "one minus log": "uniform in log(1 − x)",
}


@dataclass(frozen=True)
class TableColumn:
    """A column of a page: its heading, the column of the frame it sorts by, and its text for a row.

    `highlight_lowest` marks the lowest value of the column.
    """

    label: str
    key: str
    formatter: Callable[[dict], str] | None = None
    highlight_lowest: bool = False


@dataclass(frozen=True)
class TableCell:
    """What a page shows in one place: `value` is what the column sorts by, "" where there is none."""

    text: str
    value: object
    numeric: bool
    highlighted: bool


@dataclass(frozen=True)
class Table:
    """A table: the name of its CSV file, its caption, its frame, and the columns that a page shows."""

    name: str
    caption: str
    frame: pd.DataFrame
    columns: list[TableColumn]

    def to_csv(self) -> bytes:
        """Return the frame as CSV, every digit of it."""
        return self.frame.to_csv(index=False, lineterminator="\n").encode()

    def head(self) -> list[tuple[str, bool]]:
        """Return the headings, and whether numbers stand below them."""
        return [(column.label, is_numeric_dtype(self.frame[column.key])) for column in self.columns]

    def body(self) -> list[list[TableCell]]:
        """Return the lines of the page's table."""
        rows = self.frame.to_dict("records")
        return [[self._cell(column, row) for column in self.columns] for row in rows]

    def _cell(self, column: TableColumn, row: dict) -> TableCell:
        value, values = row[column.key], self.frame[column.key]
        text = (
            column.formatter(row)
            if column.formatter
            else formatting.NO_VALUE
            if pd.isna(value)
            else str(value)
        )
        marked = column.highlight_lowest and len(values) > 1 and value == values.min()
        known = not pd.isna(value) and value not in (math.inf, -math.inf)
        return TableCell(text, value if known else "", is_numeric_dtype(values), bool(marked and known))


def overview_table(summaries: dict[str, pd.DataFrame], config: dict) -> Table:
    """Return the best tenth of every variant on every task, and its difference from vanilla."""
    about, frame = config["about"], pd.DataFrame({"cell": config["cells"]})
    columns = [TableColumn("variant", "cell")]
    for task, summary in summaries.items():
        mean, sd, gap = f"{task} mean", f"{task} sd", f"{task} difference"
        frame[[mean, sd, gap]] = summary[["tenth_mean", "tenth_sd", "difference"]].to_numpy()
        title = about["tasks"][task]["title"]
        columns.append(TableColumn(title, mean, _mean_sd_formatter(mean, sd), highlight_lowest=True))
        columns.append(TableColumn("against vanilla", gap, _difference_formatter(gap, mean)))
    frame["title"] = [about["cells"][cell] for cell in config["cells"]]
    caption = "Test score of the best tenth, mean ± standard deviation; lower is better."
    return Table("answer", caption, frame, [*columns, TableColumn("what it is", "title")])


def protocol_table(config: dict) -> Table:
    """Return what every search was given."""
    held = config | {"trials": store.trials_per_search(config)}
    kept = [(name, held[name]) for name in PROTOCOL_KEYS if name in held]
    frame = pd.DataFrame([(name, str(value)) for name, value in kept], columns=["setting", "value"])
    shown = [TableColumn("setting", "setting"), TableColumn("value", "value")]
    return Table("protocol", "What every search was given; trials are per variant and task.", frame, shown)


def space_table(config: dict) -> Table:
    """Return the hyperparameters and the ranges they are drawn from."""
    frame = pd.DataFrame(
        [(name, d["low"], d["high"], d["scale"]) for name, d in config["space"].items()],
        columns=["hyperparameter", "low", "high", "scale"],
    )
    columns = [
        TableColumn(
            "hyperparameter", "hyperparameter", lambda row: hyperparameter_label(row["hyperparameter"])
        ),
        TableColumn("from", "low", number_formatter("low")),
        TableColumn("to", "high", number_formatter("high")),
        TableColumn("drawn", "scale", lambda row: SCALE_DESCRIPTIONS.get(row["scale"], row["scale"])),
    ]
    return Table("space", "The space that trials are drawn from.", frame, columns)


def data_table(config: dict) -> Table:
    """Return the tasks and what their data are."""
    keys = ["title", "train", "valid", "test", "steps", "unit", "source"]
    about = config["about"]["tasks"]
    lines = [{"task": task} | {key: about[task][key] for key in keys} for task in config["tasks"]]
    frame = pd.DataFrame(lines)
    columns = [TableColumn("task", "title")]
    columns += [TableColumn(key, key, number_formatter(key)) for key in ("train", "valid", "test")]
    columns += [
        TableColumn("steps in train", "steps", number_formatter("steps")),
        TableColumn("score in", "unit"),
    ]
    columns += [TableColumn("source", "source")]
    return Table("data", "Sequences of each split.", frame, columns)


def score_table(task: str, summary: pd.DataFrame, config: dict) -> Table:
    """Return the scores of every variant on one task."""
    wanted = store.trials_per_search(config)
    columns = [
        TableColumn("variant", "cell"),
        TableColumn(
            "best tenth, test",
            "tenth_mean",
            _mean_sd_formatter("tenth_mean", "tenth_sd"),
            highlight_lowest=True,
        ),
        TableColumn(
            "of trials", "tenth_scored", lambda row: _part_of_whole(row["tenth_scored"], row["tenth"])
        ),
        TableColumn("against vanilla", "difference", _difference_formatter("difference", "tenth_mean")),
        TableColumn("best trial, test", "best_test", _score_formatter("best_test"), highlight_lowest=True),
        TableColumn("its valid", "best_valid", _score_formatter("best_valid")),
        TableColumn("median of all", "median", _score_formatter("median"), highlight_lowest=True),
        TableColumn("trials", "trials", lambda row: _part_of_whole(row["trials"], wanted)),
        *(TableColumn(status, status, number_formatter(status)) for status in TRIAL_STATUSES),
        TableColumn("parameters", "parameters", number_formatter("parameters")),
        TableColumn("epochs", "epochs", number_formatter("epochs")),
    ]
    if summary["operations"].notna().any():  # rows of older folders have none
        columns.append(TableColumn("multiply–adds a trial", "operations", _si_formatter("operations")))
    caption = (
        "Scores by variant. Best trial and best tenth are chosen on validation and shown on test (mean ± "
        "standard deviation); parameters are the median of the best tenth, epochs the median and "
        "multiply–adds the mean of all trials."
    )
    return Table(f"{task}-scores", caption, summary, columns)


def best_trial_table(task: str, rows: pd.DataFrame, summary: pd.DataFrame, config: dict) -> Table:
    """Return the best trial of every variant on one task, with its hyperparameters."""
    names = list(config["space"])
    keys = ["cell", "trial", "valid", "test", *names, "parameters", "best_epoch", "epochs"]
    chosen = summary[["cell", "best"]].dropna().rename(columns={"best": "trial"}).astype({"trial": int})
    frame = chosen.merge(rows, on=["cell", "trial"], how="left")[keys]
    columns = [
        TableColumn("variant", "cell"),
        TableColumn("trial", "trial"),
        TableColumn("test", "test", _score_formatter("test"), highlight_lowest=True),
        TableColumn("valid", "valid", _score_formatter("valid"), highlight_lowest=True),
        *(TableColumn(hyperparameter_label(name), name, number_formatter(name, 4)) for name in names),
        *(
            TableColumn(hyperparameter_label(key), key, number_formatter(key))
            for key in ("parameters", "best_epoch", "epochs")
        ),
    ]
    caption = "The best trial of each variant, chosen on validation."
    return Table(f"{task}-best", caption, frame, columns)


def trial_table(task: str, rows: pd.DataFrame, config: dict) -> Table:
    """Return every trial of one task: what the figures are drawn from. No page shows it."""
    searches = distinct_trials(rows).groupby("cell", sort=False)
    tenth = [i for _, group in searches for i in best_tenth(group).index]
    keys = ["cell", "trial", "seed", "status", "valid", "test", "best_tenth", *config["space"]]
    keys += ["parameters", "epochs", "best_epoch", "operations", "seconds"]
    return Table(f"{task}-trials", "", rows.assign(best_tenth=rows.index.isin(tenth))[keys], [])


def cost_table(summaries: dict[str, pd.DataFrame], config: dict) -> Table:
    """Return the core-hours of every variant on every task, those of all tasks, and what a trial took."""
    frame = pd.DataFrame({"cell": config["cells"]})
    columns = [TableColumn("variant", "cell")]
    for task, summary in summaries.items():
        frame[task] = summary["hours"]
        columns.append(TableColumn(config["about"]["tasks"][task]["title"], task, number_formatter(task)))
    frame["total"] = frame[list(summaries)].sum(axis=1)
    trials = sum(summary["trials"] for summary in summaries.values())
    frame["seconds"] = 3600 * frame["total"] / trials
    columns += [TableColumn("all tasks", "total", number_formatter("total"))]
    columns += [TableColumn("seconds a trial", "seconds", number_formatter("seconds"))]
    counted = formatting.format_count(trials.sum(), "trial")
    spent = f"{counted} took {formatting.format_number(frame['total'].sum())} in all"
    caption = (
        f"Core-hours by variant and task; {spent}. The seconds of a trial depend on the trials beside it, "
        "its multiply–adds do not."
    )
    return Table("cost", caption, frame, columns)


def provenance_table(rows: pd.DataFrame) -> Table:
    """Return what made the trials, a line for each distinct maker; say which searches mix code or data."""
    codes = rows["code"] if "code" in rows else pd.Series([{}] * len(rows), rows.index)
    keys = ["device", "backend", "versions", "git_commit", "code"]
    makers = rows.assign(code=[code.get("suite", "") for code in codes])[keys]
    counted = makers.fillna("").groupby(keys).size().rename("trials").reset_index()
    columns = [TableColumn(key.removeprefix("git_"), key) for key in keys]
    columns.append(TableColumn("trials", "trials", number_formatter("trials")))
    distinct = (
        codes.map(lambda code: tuple(sorted(code.items()))).groupby([rows["cell"], rows["task"]]).nunique()
    )
    mixed = [f"{cell} on {task}" for cell, task in distinct.index[distinct > 1]]
    said = f" Code or data changed between the trials of {', '.join(mixed)}." if mixed else ""
    caption = f"What made the trials; code is a hash of the suite’s source files.{said}"
    return Table("provenance", caption, counted, columns)


def failure_table(rows: pd.DataFrame) -> Table:
    """Return the errors of failed trials, a line for each distinct one of a variant on a task."""
    failed = rows[rows["status"] == "failed"]
    failed = failed.assign(error=failed["error"].map(_error_line))
    grouped = failed.groupby(["task", "cell", "error"], sort=False)["trial"]
    frame = grouped.agg(trials="size", first="min").reset_index()
    columns = [TableColumn("task", "task"), TableColumn("variant", "cell"), TableColumn("trials", "trials")]
    columns += [TableColumn("first", "first"), TableColumn("error", "error")]
    return Table("failures", "Trials that failed.", frame, columns)


def _error_line(error: object) -> str:
    """Return the line of an error that says what went wrong: its first, or a traceback's last."""
    lines = str(error).strip().splitlines() if isinstance(error, str) else []
    if not lines:
        return "no message"
    return lines[-1 if lines[0].startswith("Traceback") else 0].strip()


def _score_formatter(key: str) -> Callable[[dict], str]:
    return lambda row: formatting.format_score(row[key])


def _mean_sd_formatter(mean: str, sd: str) -> Callable[[dict], str]:
    return lambda row: formatting.format_mean_sd(row[mean], row[sd])


def _difference_formatter(gap: str, mean: str) -> Callable[[dict], str]:
    return lambda row: formatting.format_difference(row[gap], row[mean])


def _si_formatter(key: str) -> Callable[[dict], str]:
    return lambda row: formatting.format_si(row[key])


def number_formatter(key: str, digits: int = 3) -> Callable[[dict], str]:
    """Return the text of a column of numbers."""
    return lambda row: formatting.format_number(row[key], digits)


def _part_of_whole(part: int, whole: int) -> str:
    return f"{part:,}" if part == whole else f"{part:,} of {whole:,}"


def hyperparameter_label(name: str) -> str:
    """Return the name of a hyperparameter as words."""
    return name.replace("_", " ")
