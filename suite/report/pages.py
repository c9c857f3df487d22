"""The pages of a report, and everything beside them in its folder."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from suite import Refusal
from suite.analysis.findings import MOST, find, varied
from suite.analysis.stats import STATUSES, VANILLA, ranked, scored
from suite.report import answers, evidence, figures, statistics, tables, words
from suite.report.evidence import Drawn
from suite.report.rendering import inline, place, render, slug

NUMBERS = ("trial", "valid", "test", "epochs", "best_epoch", "seconds", "parameters")
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
    found = [ranked(trials).iloc[0] for _, trials in rows[scored(rows)].groupby(["task", "cell"], sort=False)]
    return [(row["task"], row["cell"], int(row["trial"])) for row in found]


def build(rows: pd.DataFrame, asked: dict, curves: pd.DataFrame) -> dict[str, bytes]:
    """Return every file of the report by its name, pages last; `rows` as `prepare` gives them."""
    found, about = find(rows, asked), asked["about"]["tasks"]
    titles = {task: about[task]["title"] for task in asked["tasks"]}
    files, tasks, shown = {}, [], []
    for task in asked["tasks"]:
        name, trials = slug(task), rows[rows["task"] == task]
        own = curves[curves["task"] == task]
        every = tables.trials(name, trials, asked)
        for table in (every, *evidence.drawn_from(task, name, own, found, asked)):
            files[f"tables/{table.name}.csv"] = table.csv()
        scores = [tables.scores(name, found.summaries[task], asked)]
        if len(asked["cells"]) > 1 and VANILLA in asked["cells"]:
            scores.append(statistics.differences(name, found.differences[task]))
        scores.append(tables.best(name, trials, found.summaries[task], asked))
        important = {cell: found.importances.get((task, cell)) for cell in asked["cells"]}
        important = {cell: of for cell, of in important.items() if of}
        shares = [statistics.importance(name, important, list(varied(asked["space"])))] if important else []
        shown += [*scores, *shares]
        tasks.append(
            {
                "slug": name,
                "title": titles[task],
                "answer": words.answer(found.summaries[task], about[task]["unit"]),
                "unscored": int((~scored(trials)).sum()),
                "trials": len(trials),
                "figures": _placed(files, name, evidence.of_scores(task, name, trials, own, found, asked)),
                "tables": scores,
                "hyperparameters": _placed(
                    files, name, evidence.of_hyperparameters(task, name, trials, found, asked)
                ),
                "importance": shares,
            }
        )
    ranks = (
        [Drawn("ranks", figures.ranks(found.standing), RANKS, RANKS, "ranks")]
        if found.standing.groups
        else []
    )
    for verdict in found.verdicts:
        if len(verdict.numbers):
            table = tables.Table(f"claim-{verdict.claim.id}", "", verdict.numbers, [])
            files[f"tables/{table.name}.csv"] = table.csv()
    page = {
        "name": asked["name"],
        "vanilla": VANILLA,
        "progress": words.progress(rows, asked),
        "lead": [
            *answers.differing(found, titles),
            *answers.mattering(found, asked, titles),
            answers.claimed(found),
        ],
        "overall": words.overall(found.summaries),
        "caution": answers.caution(found),
        "tasks": tasks,
        "glance": tables.glance(found.summaries, asked),
        "verdicts": found.verdicts,
        "claims": statistics.claims(found.verdicts),
        "ranks": _placed(files, "all", ranks),
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
    for table in (*(page[key] for key in whole), *page["asked"], *shown):
        files[f"tables/{table.name}.csv"] = table.csv()
    return files | {name: render(f"{name}.j2", page) for name in ("report.md", "index.html")}


RANKS = (
    "Average ranks over tasks, best to the left; a bar joins variants that do not differ significantly "
    "(Friedman’s test and Nemenyi’s critical difference at .05, after Demšar, 2006)."
)


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
