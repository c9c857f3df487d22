"""The tables of a report: a frame with every digit, which becomes a CSV file, and how a page shows it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from pandas.api.types import is_numeric_dtype

from suite import store
from suite.analysis.stats import STATUSES, best_tenth, longest
from suite.report import words

PROTOCOL = ("trials", "oracle", "epochs", "patience", "batch", "optimiser", "seed")
SCALES = {"log": "uniform in log(x)", "linear": "uniform in x", "one minus log": "uniform in log(1 − x)"}


@dataclass(frozen=True)
class Column:
    """A column of a page: its heading, the column of the frame it sorts by, and its text for a row.

    `lowest` marks the lowest value of the column.
    """

    label: str
    key: str
    text: Callable[[dict], str] | None = None
    lowest: bool = False


@dataclass(frozen=True)
class Cell:
    """What a page shows in one place: `value` is what the column sorts by, "" where there is none."""

    text: str
    value: object
    numeric: bool
    marked: bool


@dataclass(frozen=True)
class Table:
    """A table: the name of its CSV file, its caption, its frame, and the columns that a page shows."""

    name: str
    caption: str
    frame: pd.DataFrame
    columns: list[Column]

    def csv(self) -> bytes:
        """Return the frame as CSV, every digit of it."""
        return self.frame.to_csv(index=False, lineterminator="\n").encode()

    def head(self) -> list[tuple[str, bool]]:
        """Return the headings, and whether numbers stand below them."""
        return [(column.label, is_numeric_dtype(self.frame[column.key])) for column in self.columns]

    def body(self) -> list[list[Cell]]:
        """Return the lines of the page's table."""
        rows = self.frame.to_dict("records")
        return [[self._cell(column, row) for column in self.columns] for row in rows]

    def _cell(self, column: Column, row: dict) -> Cell:
        value, values = row[column.key], self.frame[column.key]
        text = column.text(row) if column.text else words.NONE if pd.isna(value) else str(value)
        marked = column.lowest and len(values) > 1 and value == values.min()
        known = not pd.isna(value) and value not in (math.inf, -math.inf)
        return Cell(text, value if known else "", is_numeric_dtype(values), bool(marked and known))


def glance(summaries: dict[str, pd.DataFrame], asked: dict) -> Table:
    """Return the best tenth of every variant on every task, and its difference from vanilla."""
    about, frame = asked["about"], pd.DataFrame({"cell": asked["cells"]})
    columns = [Column("variant", "cell")]
    for task, summary in summaries.items():
        mean, sd, gap = f"{task} mean", f"{task} sd", f"{task} difference"
        frame[[mean, sd, gap]] = summary[["tenth_mean", "tenth_sd", "difference"]].to_numpy()
        title = about["tasks"][task]["title"]
        columns.append(Column(title, mean, _spread(mean, sd), lowest=True))
        columns.append(Column("against vanilla", gap, _difference(gap, mean)))
    frame["title"] = [about["cells"][cell] for cell in asked["cells"]]
    caption = "Test score of the best tenth, mean ± standard deviation; lower is better."
    return Table("answer", caption, frame, [*columns, Column("what it is", "title")])


def protocol(asked: dict) -> Table:
    """Return what every search was given."""
    held = asked | {"trials": store.trials_a_search(asked)}
    kept = [(name, held[name]) for name in PROTOCOL if name in held]
    frame = pd.DataFrame([(name, str(value)) for name, value in kept], columns=["setting", "value"])
    shown = [Column("setting", "setting"), Column("value", "value")]
    return Table("protocol", "What every search was given; trials are per variant and task.", frame, shown)


def space(asked: dict) -> Table:
    """Return the hyperparameters and the ranges they are drawn from."""
    frame = pd.DataFrame(
        [(name, d["low"], d["high"], d["scale"]) for name, d in asked["space"].items()],
        columns=["hyperparameter", "low", "high", "scale"],
    )
    columns = [
        Column("hyperparameter", "hyperparameter", lambda row: plain(row["hyperparameter"])),
        Column("from", "low", number("low")),
        Column("to", "high", number("high")),
        Column("drawn", "scale", lambda row: SCALES.get(row["scale"], row["scale"])),
    ]
    return Table("space", "The space that trials are drawn from.", frame, columns)


def data(asked: dict) -> Table:
    """Return the tasks and what their data are."""
    keys = ["title", "train", "valid", "test", "steps", "unit", "source"]
    about = asked["about"]["tasks"]
    lines = [{"task": task} | {key: about[task][key] for key in keys} for task in asked["tasks"]]
    frame = pd.DataFrame(lines)
    columns = [Column("task", "title")]
    columns += [Column(key, key, number(key)) for key in ("train", "valid", "test")]
    columns += [Column("steps in train", "steps", number("steps")), Column("score in", "unit")]
    columns += [Column("source", "source")]
    return Table("data", "Sequences of each split.", frame, columns)


def scores(task: str, summary: pd.DataFrame, asked: dict) -> Table:
    """Return the scores of every variant on one task."""
    wanted = store.trials_a_search(asked)
    columns = [
        Column("variant", "cell"),
        Column("best tenth, test", "tenth_mean", _spread("tenth_mean", "tenth_sd"), lowest=True),
        Column("of trials", "tenth_scored", lambda row: _of(row["tenth_scored"], row["tenth"])),
        Column("against vanilla", "difference", _difference("difference", "tenth_mean")),
        Column("best trial, test", "best_test", _score("best_test"), lowest=True),
        Column("its valid", "best_valid", _score("best_valid")),
        Column("median of all", "median", _score("median"), lowest=True),
        Column("trials", "trials", lambda row: _of(row["trials"], wanted)),
        *(Column(status, status, number(status)) for status in STATUSES),
        Column("parameters", "parameters", number("parameters")),
        Column("epochs", "epochs", number("epochs")),
    ]
    if summary["operations"].notna().any():  # rows of older folders have none
        columns.append(Column("multiply–adds a trial", "operations", _quantity("operations")))
    caption = (
        "Scores by variant. Best trial and best tenth are chosen on validation and shown on test (mean ± "
        "standard deviation); parameters are the median of the best tenth, epochs the median and "
        "multiply–adds the mean of all trials."
    )
    return Table(f"{task}-scores", caption, summary, columns)


def best(task: str, rows: pd.DataFrame, summary: pd.DataFrame, asked: dict) -> Table:
    """Return the best trial of every variant on one task, with its hyperparameters."""
    names = list(asked["space"])
    keys = ["cell", "trial", "valid", "test", *names, "parameters", "best_epoch", "epochs"]
    chosen = summary[["cell", "best"]].dropna().rename(columns={"best": "trial"}).astype({"trial": int})
    frame = chosen.merge(rows, on=["cell", "trial"], how="left")[keys]
    columns = [
        Column("variant", "cell"),
        Column("trial", "trial"),
        Column("test", "test", _score("test"), lowest=True),
        Column("valid", "valid", _score("valid"), lowest=True),
        *(Column(plain(name), name, number(name, 4)) for name in names),
        *(Column(plain(key), key, number(key)) for key in ("parameters", "best_epoch", "epochs")),
    ]
    caption = "The best trial of each variant, chosen on validation."
    return Table(f"{task}-best", caption, frame, columns)


def trials(task: str, rows: pd.DataFrame, asked: dict) -> Table:
    """Return every trial of one task: what the figures are drawn from. No page shows it."""
    searches = longest(rows).groupby("cell", sort=False)
    tenth = [i for _, group in searches for i in best_tenth(group).index]
    keys = ["cell", "trial", "seed", "status", "valid", "test", "best_tenth", *asked["space"]]
    keys += ["parameters", "epochs", "best_epoch", "operations", "seconds"]
    return Table(f"{task}-trials", "", rows.assign(best_tenth=rows.index.isin(tenth))[keys], [])


def cost(summaries: dict[str, pd.DataFrame], asked: dict) -> Table:
    """Return the core-hours of every variant on every task, those of all tasks, and what a trial took."""
    frame = pd.DataFrame({"cell": asked["cells"]})
    columns = [Column("variant", "cell")]
    for task, summary in summaries.items():
        frame[task] = summary["hours"]
        columns.append(Column(asked["about"]["tasks"][task]["title"], task, number(task)))
    frame["total"] = frame[list(summaries)].sum(axis=1)
    trials = sum(summary["trials"] for summary in summaries.values())
    frame["seconds"] = 3600 * frame["total"] / trials
    columns += [Column("all tasks", "total", number("total"))]
    columns += [Column("seconds a trial", "seconds", number("seconds"))]
    spent = f"{words.count(trials.sum(), 'trial')} took {words.number(frame['total'].sum())} in all"
    caption = (
        f"Core-hours by variant and task; {spent}. The seconds of a trial depend on the trials beside it, "
        "its multiply–adds do not."
    )
    return Table("cost", caption, frame, columns)


def provenance(rows: pd.DataFrame) -> Table:
    """Return what made the trials, a line for each distinct maker; say which searches mix code or data."""
    codes = rows["code"] if "code" in rows else pd.Series([{}] * len(rows), rows.index)
    keys = ["device", "backend", "versions", "git_commit", "code"]
    makers = rows.assign(code=[code.get("suite", "") for code in codes])[keys]
    counted = makers.fillna("").groupby(keys).size().rename("trials").reset_index()
    columns = [Column(key.removeprefix("git_"), key) for key in keys]
    columns.append(Column("trials", "trials", number("trials")))
    distinct = (
        codes.map(lambda code: tuple(sorted(code.items()))).groupby([rows["cell"], rows["task"]]).nunique()
    )
    mixed = [f"{cell} on {task}" for cell, task in distinct.index[distinct > 1]]
    said = f" Code or data changed between the trials of {', '.join(mixed)}." if mixed else ""
    caption = f"What made the trials; code is a hash of the suite’s source files.{said}"
    return Table("provenance", caption, counted, columns)


def failures(rows: pd.DataFrame) -> Table:
    """Return the errors of failed trials, a line for each distinct one of a variant on a task."""
    failed = rows[rows["status"] == "failed"]
    failed = failed.assign(error=failed["error"].map(_line))
    grouped = failed.groupby(["task", "cell", "error"], sort=False)["trial"]
    frame = grouped.agg(trials="size", first="min").reset_index()
    columns = [Column("task", "task"), Column("variant", "cell"), Column("trials", "trials")]
    columns += [Column("first", "first"), Column("error", "error")]
    return Table("failures", "Trials that failed.", frame, columns)


def _line(error: object) -> str:
    """Return the line of an error that says what went wrong: its first, or a traceback's last."""
    lines = str(error).strip().splitlines() if isinstance(error, str) else []
    if not lines:
        return "no message"
    return lines[-1 if lines[0].startswith("Traceback") else 0].strip()


def _score(key: str) -> Callable[[dict], str]:
    return lambda row: words.score(row[key])


def _spread(mean: str, sd: str) -> Callable[[dict], str]:
    return lambda row: words.spread(row[mean], row[sd])


def _difference(gap: str, mean: str) -> Callable[[dict], str]:
    return lambda row: words.difference(row[gap], row[mean])


def _quantity(key: str) -> Callable[[dict], str]:
    return lambda row: words.quantity(row[key])


def number(key: str, digits: int = 3) -> Callable[[dict], str]:
    """Return the text of a column of numbers."""
    return lambda row: words.number(row[key], digits)


def _of(part: int, whole: int) -> str:
    return f"{part:,}" if part == whole else f"{part:,} of {whole:,}"


def plain(name: str) -> str:
    """Return the name of a hyperparameter as words."""
    return name.replace("_", " ")
