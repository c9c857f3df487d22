"""The pages of a report, and everything beside them in its folder."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from suite import Refusal
from suite.analysis.stats import STATUSES, VANILLA, scored, summary
from suite.report import figures, tables, words
from suite.report.rendering import inline, place, render, slug

NUMBERS = ("trial", "valid", "test", "epochs", "best_epoch", "seconds", "parameters")


def write(rows: pd.DataFrame, asked: dict, folder: Path) -> Path:
    """Write the report of a sweep into a folder and return the path of its page.

    `rows` has a row a trial, `asked` is the sweep's TOML.
    The same rows in any order give the same bytes. Every file appears whole or not at all, index.html last.
    Refused: rows of which none was asked.
    """
    return place(build(prepare(rows, asked), asked), folder)


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


def build(rows: pd.DataFrame, asked: dict) -> dict[str, bytes]:
    """Return every file of the report by its name, pages last; `rows` as `prepare` gives them."""
    files, tasks = {}, []
    about, cells, space = asked["about"]["tasks"], asked["cells"], asked["space"]
    by_task = {task: rows[rows["task"] == task] for task in asked["tasks"]}
    summaries = {task: summary(trials, cells) for task, trials in by_task.items()}
    for task, trials in by_task.items():
        short, unit, title = slug(task), about[task]["unit"], about[task]["title"]
        every, said = tables.trials(short, trials, asked), words.answer(summaries[task], unit)
        label = f"test score ({unit})" if unit else "test score"
        drawn = []
        if scored(trials).any():
            alt = f"Box plots of test scores on {title}, by variant: {said}"
            drawn.append(("boxes", figures.boxes(trials, cells, label), alt, BOXES))
            if "learning_rate" in space:
                scale = space["learning_rate"]["scale"]
                figure = figures.against(trials, cells, "learning_rate", scale, label)
                alt = f"Test score of each trial on {title} against its learning rate, a panel a variant."
                drawn.append(("learning-rate", figure, alt, RATES))
        shown = []
        for kind, figure, alt, caption in drawn:
            name = f"figures/{short}-{kind}"
            files[f"{name}.svg"], files[f"{name}.png"] = figures.svg(figure), figures.png(figure)
            svg = inline(files[f"{name}.svg"], f"{short}-{kind}-", alt)
            shown.append({"name": name, "svg": svg, "alt": alt, "caption": caption, "csv": every.name})
        files[f"tables/{every.name}.csv"] = every.csv()
        tasks.append(
            {
                "slug": short,
                "title": title,
                "answer": said,
                "unscored": int((~scored(trials)).sum()),
                "trials": len(trials),
                "figures": shown,
                "tables": [
                    tables.scores(short, summaries[task], asked),
                    tables.best(short, trials, summaries[task], asked),
                ],
            }
        )
    page = {
        "name": asked["name"],
        "vanilla": VANILLA,
        "progress": words.progress(rows, asked),
        "overall": words.overall(summaries),
        "caution": words.caution(summaries),
        "tasks": tasks,
        "glance": tables.glance(summaries, asked),
        "asked": [tables.protocol(asked), tables.space(asked)],
        "data": tables.data(asked),
        "cost": tables.cost(summaries, asked),
        "provenance": tables.provenance(rows),
        "failures": tables.failures(rows),
        "counts": {status: int((rows["status"] == status).sum()) for status in STATUSES},
        "seed": asked.get("seed"),
    }
    shown = [page["glance"], *page["asked"], page["data"], page["cost"], page["provenance"], page["failures"]]
    for table in (*shown, *(table for task in tasks for table in task["tables"])):
        files[f"tables/{table.name}.csv"] = table.csv()
    return files | {name: render(f"{name}.j2", page) for name in ("report.md", "index.html")}


BOXES = (
    "Lower is better. A box spans the quartiles with the median inside, whiskers reach 1.5 of its length; "
    "the dashed line is vanilla’s median; +n counts trials off the scale. Fewer than five scores get no box."
)
RATES = (
    "Each point is a trial, the best tenth on validation in orange; crosses along the top are trials off the "
    "scale or without a score."
)


def _versions(value: object) -> str:
    """Return versions, a dict or its JSON, as text: "jax 0.6, keras 3.11"."""
    found = json.loads(value) if isinstance(value, str) and value else value
    return ", ".join(f"{name} {found[name]}" for name in sorted(found)) if isinstance(found, dict) else ""
