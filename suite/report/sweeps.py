"""The tables of a comparison of sweeps.

`labels` are those of sweep a, which the other is compared with, and of sweep b; the columns of
`suite.analysis.agreement` that end in _a and _b end in them here.
"""

import math
from collections.abc import Callable

import pandas as pd

from suite.analysis.agreement import FEWEST_UNITS, SEARCH, TIE, TOLERANCE
from suite.analysis.stats import STATUSES
from suite.report import words
from suite.report.tables import PROTOCOL, Column, Table

HOUR = 3600
SEARCHED = [Column("variant", "cell", lambda row: row["cell"] or "all searches"), Column("task", "task")]
DATA = ("train", "valid", "test", "steps", "unit")  # of `about`, on which the scores of a task depend


def sizes(kept: dict[str, pd.DataFrame]) -> Table:
    """Return how much each sweep did, by label, in the searches that are compared: `kept` are their rows."""
    lines = []
    for label, rows in kept.items():
        ends = {status: int((rows["status"] == status).sum()) for status in STATUSES}
        seconds = rows["seconds"].sum()
        lines.append(
            {"sweep": label, "searches": rows.groupby(SEARCH).ngroups, "trials": len(rows), **ends}
            | {"seconds": seconds / len(rows), "rate": HOUR * len(rows) / seconds if seconds else math.nan}
            | {"hours": seconds / HOUR}
        )
    columns = [
        Column("sweep", "sweep"),
        *(Column(key, key, _text(key)) for key in ("searches", "trials", *STATUSES)),
        Column("seconds a trial", "seconds", _text("seconds")),
        Column("trials an hour", "rate", _text("rate")),
        Column("hours", "hours", _text("hours")),
    ]
    caption = "What is compared. Seconds, trials an hour and hours are those of one worker."
    return Table("sweeps", caption, pd.DataFrame(lines), columns)


def agreement(found: pd.DataFrame, labels: tuple[str, str], prefix: str) -> Table:
    """Return how the same trials agree; `found` is of `suite.analysis.agreement.agreement`."""
    columns = [
        *SEARCHED,
        Column("same trials", "trials", _text("trials")),
        Column("agree", "agree", _text("agree")),
        Column("median apart", "median", _text("median", percent)),
        Column("farthest", "largest", _text("largest", percent)),
        Column("rank correlation", "ranks", _text("ranks")),
        Column("other status", "status", _text("status")),
        Column("ties", "ties", _text("ties")),
        Column(f"lower in {labels[1]}", "lower", _text("lower")),
        Column(f"higher in {labels[1]}", "higher", _text("higher")),
        Column("adjusted p", "adjusted", _text("adjusted")),
    ]
    caption = (
        f"The same trials, one by one. Test scores agree that are at most {percent(TOLERANCE)} of the larger "
        f"one apart. Those no more than {percent(TIE)} apart are ties, as rounding alone may have it. p is "
        "of the test of all other pairs by signed ranks, adjusted by Holm over searches."
    )
    return Table(f"{prefix}agreement", caption, found, columns)


def distributions(found: pd.DataFrame, labels: tuple[str, str], prefix: str) -> Table:
    """Return how all trials compare; `found` is of `suite.analysis.agreement.distributions`."""
    a, b = labels
    columns = [
        *SEARCHED,
        *(Column(f"trials, {label}", f"trials {label}", _text(f"trials {label}")) for label in labels),
        *(
            Column(f"median, {label}", f"median {label}", _text(f"median {label}", words.score))
            for label in labels
        ),
        Column(f"{b} is better in", "probability", lambda row: within(row, "probability", 100, " %")),
        Column("adjusted p", "adjusted", _text("adjusted")),
    ]
    caption = (
        f"All trials of each search as distributions of test scores: in how many pairs of a trial of {b} and "
        f"one of {a} that of {b} is lower, with its 95 % interval. p is of a permutation test of ranks, "
        "adjusted by Holm over searches; neither is there for trials that were chosen by their scores."
    )
    return Table(f"{prefix}distributions", caption, _named(found, labels), columns)


def speed(found: pd.DataFrame, labels: tuple[str, str], prefix: str) -> Table:
    """Return what the same trials took; `found` is of `suite.analysis.agreement.speed`."""
    a, b = labels
    keys = [
        (f"{what} {label}", f"{what} a trial, {label}") for what in ("seconds", "epochs") for label in labels
    ]
    columns = [
        *SEARCHED,
        Column("same trials", "trials", _text("trials")),
        Column(f"{b} ÷ {a}, seconds", "ratio", lambda row: within(row, "ratio")),
        Column("an epoch", "epoch", _text("epoch")),
        *(Column(label, key, _text(key)) for key, label in keys),
    ]
    caption = (
        f"Seconds of {b} over those of {a}, for the same trials that failed in neither; then the same an "
        "epoch. Trials that were trained side by side share the seconds of their unit, so the 95 % interval "
        f"is of a bootstrap of whole units of work; there is none where units are unknown, or fewer than "
        f"{FEWEST_UNITS}."
    )
    return Table(f"{prefix}speed", caption, _named(found, labels), columns)


def pairs(found: pd.DataFrame, labels: tuple[str, str], prefix: str) -> Table:
    """Return the same trials, as `suite.analysis.agreement.same` gives them. No page shows it."""
    return Table(f"{prefix}trials", "", _named(found, labels), [])


def asked(sweeps: dict[str, dict]) -> Table:
    """Return what each sweep was asked, by label: the settings, the space, the data of each task."""
    return _beside("asked", "setting", "What was asked.", {label: _asked(of) for label, of in sweeps.items()})


def makers(kept: dict[str, pd.DataFrame]) -> Table:
    """Return what made the trials of each sweep, by label."""
    return _beside(
        "makers", "maker", "What made the trials.", {label: _makers(rows) for label, rows in kept.items()}
    )


def differing(table: Table) -> list[str]:
    """Return the lines of `asked` or `makers` in which sweeps differ."""
    return table.frame.loc[table.frame["differs"] == "yes", "what"].tolist()


def percent(share: float) -> str:
    """Return a share as percent: 98 %; 0.0012 %."""
    if math.isinf(share):
        return "no score"
    return words.NONE if math.isnan(share) else f"{words.number(100 * share)} %"


def within(row: dict, key: str, scale: float = 1, unit: str = "") -> str:
    """Return a value of a row and its interval: 0.52 (0.5–0.55), 48 % (37.1–59 %)."""
    value, low, high = (words.number(scale * row[name]) for name in (key, "low", "high"))
    return f"{value}{unit}" if low == words.NONE else f"{value}{unit} ({low}–{high}{unit})"


def _asked(of: dict) -> dict[str, str]:
    said = {name: str(of[name]) for name in PROTOCOL if name in of}
    for name, drawn in of["space"].items():
        said[name.replace("_", " ")] = f"{drawn['low']:g} to {drawn['high']:g}, {drawn['scale']}"
    for task in of["tasks"]:
        about = of["about"]["tasks"][task]
        said[f"data of {about['title']}"] = ", ".join(f"{key} {about[key]}" for key in DATA)
    return said


def _makers(rows: pd.DataFrame) -> dict[str, str]:
    columns = {"device": "device", "backend": "backend", "commit": "git_commit"}
    found: dict[str, set] = {key: set(rows[column].dropna()) for key, column in columns.items()}
    if suite := {code["suite"] for code in rows.get("code", []) if code}:
        found["code"] = suite
    for text in rows["versions"].unique():
        for part in filter(None, text.split(", ")):
            package, _, version = part.rpartition(" ")
            found.setdefault(package, set()).add(version)
    return {key: ", ".join(sorted(values)) for key, values in found.items()}


def _beside(name: str, head: str, caption: str, said: dict[str, dict[str, str]]) -> Table:
    """Return what is said of each sweep, a line for each thing, and whether they differ in it."""
    keys = list(dict.fromkeys(key for of in said.values() for key in of))
    frame = pd.DataFrame({"what": keys})
    for label, of in said.items():
        frame[f"in {label}"] = [of.get(key) or words.NONE for key in keys]
    frame["differs"] = ["yes" if len({of.get(key) for of in said.values()}) > 1 else "" for key in keys]
    shown = [Column(label, f"in {label}") for label in said]
    return Table(name, caption, frame, [Column(head, "what"), Column("differs", "differs"), *shown])


def _named(found: pd.DataFrame, labels: tuple[str, str]) -> pd.DataFrame:
    ends = {f"_{end}": f" {label}" for end, label in zip("ab", labels, strict=True)}
    return found.rename(columns=lambda name: name[:-2] + ends[name[-2:]] if name[-2:] in ends else name)


def _text(key: str, how: Callable = words.number) -> Callable[[dict], str]:
    return lambda row: how(row[key])
