"""The pages of a report, and everything beside them in its folder."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from suite import Refusal
from suite.analysis.findings import MOST, Findings, find, varied
from suite.analysis.stats import STATUSES, VANILLA, longest, ranked, scored
from suite.report import answers, evidence, figures, statistics, tables, words
from suite.report.evidence import Drawn
from suite.report.rendering import inline, place, render, slugs

NUMBERS = ("trial", "valid", "test", "epochs", "best_epoch", "seconds", "operations", "parameters")
Curves = Callable[[list[tuple[str, str, int]]], pd.DataFrame]  # of trials, by their keys


def none(keys: list) -> pd.DataFrame:
    """Return no curves."""
    return pd.DataFrame({"task": []})


def write(rows: pd.DataFrame, asked: dict, folder: Path, curves: Curves = none) -> Path:
    """Write the report of a sweep into a folder and return the path of its page.

    `rows` has a row a trial, `asked` is the sweep's TOML, `curves` returns those of some trials by their keys
    (`suite.store.load_curves`).
    The same rows in any order give the same bytes. Every file appears whole or not at all, index.html last.
    Refused: rows of which none was asked.
    """
    rows = prepare(rows, asked)
    return place(build(rows, asked, curves(best(rows))), folder)


def prepare(rows: pd.DataFrame, asked: dict) -> pd.DataFrame:
    """Return the rows that were asked, in report order, with numbers as numbers and versions as text."""
    tasks, cells = asked["tasks"], asked["cells"]
    if len(rows):
        rows = rows[rows["task"].isin(tasks) & rows["cell"].isin(cells)]
    if rows.empty:
        raise Refusal(f"report of {asked['name']}: expected trials that were asked, got none; run the sweep")
    numbers = {key: pd.to_numeric(rows[key]) for key in (*NUMBERS, *asked["space"])}
    rows = rows.assign(**numbers, versions=rows["versions"].map(_versions))
    order = np.lexsort([rows["trial"], rows["cell"].map(cells.index), rows["task"].map(tasks.index)])
    return rows.iloc[order].reset_index(drop=True)


def best(rows: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Return the key of the best trial of each search that has one with a score."""
    rows = longest(rows)
    found = [ranked(trials).iloc[0] for _, trials in rows[scored(rows)].groupby(["task", "cell"], sort=False)]
    return [(row["task"], row["cell"], int(row["trial"])) for row in found]


def build(rows: pd.DataFrame, asked: dict, curves: pd.DataFrame) -> dict[str, bytes]:
    """Return every file of the report by its name, pages last; `rows` as `prepare` gives them."""
    found, files = find(rows, asked), {}
    titles = {task: asked["about"]["tasks"][task]["title"] for task in asked["tasks"]}
    tasks = [
        _of_task(files, task, name, rows[rows["task"] == task], curves[curves["task"] == task], found, asked)
        for task, name in slugs(asked["tasks"]).items()
    ]
    page = {
        "name": asked["name"],
        "vanilla": VANILLA,
        "progress": words.progress(rows, asked),
        "lead": answers.lead(found, asked, titles),
        "overall": words.overall(found.summaries),
        "caution": answers.caution(found, asked),
        "independent": found.independent,
        "drawn": answers.DRAWN[asked["oracle"]],
        "tasks": tasks,
        "glance": tables.glance(found.summaries, asked),
        "verdicts": found.verdicts,
        "claims": statistics.claims(found.verdicts),
        "ranks": _placed(files, "all", evidence.of_all_tasks(found)),
        "standing": statistics.standing(found.standing),
        "asked": [tables.protocol(asked), tables.space(asked)],
        "data": tables.data(asked),
        "warning": answers.data(asked, titles),
        "cost": tables.cost(found.summaries, asked),
        "provenance": tables.provenance(rows),
        "failures": tables.failures(rows),
        "counts": {status: int((rows["status"] == status).sum()) for status in STATUSES},
        "seed": asked.get("seed"),
        "most": MOST if rows.groupby(["task", "cell"]).size().max() > MOST else None,
    }
    whole = ("glance", "claims", "standing", "data", "cost", "provenance", "failures")
    _filed(files, [*(page[key] for key in whole), *page["asked"], *statistics.numbers(found.verdicts)])
    return files | {name: render(f"{name}.j2", page) for name in ("report.md", "index.html")}


def _of_task(
    files: dict[str, bytes],
    task: str,
    name: str,
    rows: pd.DataFrame,
    curves: pd.DataFrame,
    found: Findings,
    asked: dict,
) -> dict:
    """Put the files of one task, called `name`, among others, and return what a page needs of it."""
    about, summary = asked["about"]["tasks"][task], found.summaries[task]
    trials = longest(rows)
    scores = [tables.scores(name, summary, asked), tables.best(name, rows, summary, asked)]
    if found.independent and len(found.differences[task]) and VANILLA in asked["cells"]:
        scores.insert(1, statistics.differences(name, found.differences[task]))
    important = found.important(task)
    shares = [statistics.importance(name, important, list(varied(asked["space"])))] if important else []
    hidden = [tables.trials(name, rows, asked), *evidence.drawn_from(task, name, curves, found, asked)]
    _filed(files, [*scores, *shares, *hidden])
    return {
        "slug": name,
        "title": about["title"],
        "answer": words.answer(summary, about["unit"]),
        "unscored": int((~scored(trials)).sum()),
        "trials": len(trials),
        "figures": _placed(files, name, evidence.of_scores(task, name, trials, curves, found, asked)),
        "tables": scores,
        "hyperparameters": _placed(
            files, name, evidence.of_hyperparameters(task, name, trials, found, asked)
        ),
        "importance": shares,
    }


def _filed(files: dict[str, bytes], found: list[tables.Table]) -> None:
    """Put the CSV files of tables among others."""
    files |= {f"tables/{table.name}.csv": table.csv() for table in found}


def _placed(files: dict[str, bytes], name: str, drawn: list[Drawn]) -> list[dict]:
    """Put the files of figures among others, and return what a page needs of each figure."""
    placed = []
    for of in drawn:
        path = f"figures/{name}-{of.kind}"
        files[f"{path}.svg"], files[f"{path}.png"] = figures.svg(of.figure), figures.png(of.figure)
        svg = inline(files[f"{path}.svg"], f"{name}-{of.kind}-", of.alt)
        placed.append({"name": path, "svg": svg, "alt": of.alt, "caption": of.caption, "csv": of.csv})
    return placed


def _versions(value: object) -> str:
    """Return versions, a dict or its JSON, as text: "jax 0.6, keras 3.11"."""
    found = json.loads(value) if isinstance(value, str) and value else value
    return ", ".join(f"{name} {found[name]}" for name in sorted(found)) if isinstance(found, dict) else ""
