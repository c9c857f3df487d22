"""Where the numbers come from: how trials ended, their seeds, and the software that ran them."""

import pandas as pd

from suite.analysis.findings import Findings
from suite.analysis.trial_statistics import TRIAL_STATUSES
from suite.report.parts import Link, Part, Section, Table, TableColumn, Text
from suite.report.rendering import unique_slugs


def build(findings: Findings) -> list[Section]:
    """Return the section on provenance."""
    done, diverged, failed = ((findings.rows["status"] == status).sum() for status in TRIAL_STATUSES)
    runs: list[str | Link] = [
        f"{done:,} trials are done, {diverged:,} diverged and {failed:,} failed. Every random draw starts "
        f"from the sweep’s seed, {findings.config.seed}; the tables of trials hold the seed of each trial:  "
    ]
    slugs, titles = unique_slugs(findings.config.tasks), findings.record.titles
    for task, slug in slugs.items():
        separator = ", " if len(runs) > 1 else ""
        runs += [separator, Link(titles[task], f"tables/{slug}-trials.csv")]
    parts: list[Part] = [Text([*runs, "."]), provenance_table(findings.rows)]
    if failed:
        parts.append(failure_table(findings.rows))
    return [Section("provenance", "Provenance", parts)]


def provenance_table(rows: pd.DataFrame) -> Table:
    """Return a table of the software and hardware of trials; its caption names searches that mix versions."""
    codes = rows["code"] if "code" in rows else pd.Series([{}] * len(rows), rows.index)
    keys = ["device", "backend", "versions", "git_commit", "code"]
    makers = rows.assign(code=[code.get("suite", "") for code in codes])[keys]
    counted = makers.fillna("").groupby(keys).size().rename("trials").reset_index()
    columns = [TableColumn(key.removeprefix("git_"), key) for key in [*keys, "trials"]]
    distinct = (
        codes.map(lambda code: tuple(sorted(code.items()))).groupby([rows["cell"], rows["task"]]).nunique()
    )
    mixed = [f"{cell} on {task}" for cell, task in distinct.index[distinct > 1]]
    change = f" Code or data changed between the trials of {', '.join(mixed)}." if mixed else ""
    caption = f"The software and hardware of the trials; code is a hash of the suite’s source files.{change}"
    return Table("provenance", caption, counted, columns)


def failure_table(rows: pd.DataFrame) -> Table:
    """Return a table of the errors of failed trials, one line for each distinct error of a search."""
    failed = rows[rows["status"] == "failed"]
    failed = failed.assign(error=failed["error"].map(_error_line))
    grouped = failed.groupby(["task", "cell", "error"], sort=False)["trial"]
    frame = grouped.agg(trials="size", first="min").reset_index()
    columns = [TableColumn("variant", "cell"), TableColumn("task", "task"), TableColumn("trials", "trials")]
    columns += [TableColumn("first", "first"), TableColumn("error", "error")]
    return Table("failures", "Trials that failed.", frame, columns)


def _error_line(error: object) -> str:
    """Return the most telling line of an error: the first, or the last of a traceback."""
    lines = error.strip().splitlines() if isinstance(error, str) else []
    if not lines:
        return "no message"
    return lines[-1 if lines[0].startswith("Traceback") else 0].strip()
