"""The pages of a report, and everything beside them in its folder."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from suite import Refusal
from suite.analysis.findings import MAX_TRIALS_ANALYSED, Findings, compute_findings, varied_ranges
from suite.analysis.trial_statistics import TRIAL_STATUSES, distinct_trials, is_scored, ranked_trials
from suite.report import answers, evidence, figures, formatting, statistics_tables, tables
from suite.report.evidence import CaptionedFigure
from suite.report.rendering import inline_svg, render_template, unique_slugs, write_files

NUMERIC_COLUMNS = ("trial", "valid", "test", "epochs", "best_epoch", "seconds", "operations", "parameters")
CurveLoader = Callable[[list[tuple[str, str, int]]], pd.DataFrame]  # of trials, by their keys


def no_curves(keys: list) -> pd.DataFrame:
    """Return no curves."""
    return pd.DataFrame({"task": []})


def write_report(
    rows: pd.DataFrame,
    config: dict,
    folder: Path,
    curves: CurveLoader = no_curves,
    all_pairs: bool = False,
) -> Path:
    """Write the report of a sweep into a folder and return the path of its page.

    `rows` has a row a trial, `config` is the sweep's TOML, `curves` returns those of some trials by their
    keys (`suite.store.load_curves`). With `all_pairs` every pair of variants is compared too. The same rows
    in any order give the same bytes. Every file appears whole or not at all, index.html last. Refused: rows
    of which none was asked.
    """
    rows = prepare_rows(rows, config)
    return write_files(build_report(rows, config, curves(best_trial_keys(rows)), all_pairs), folder)


def prepare_rows(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Return the rows that were asked, in report order, with numbers as numbers and versions as text."""
    tasks, cells = config["tasks"], config["cells"]
    if len(rows):
        rows = rows[rows["task"].isin(tasks) & rows["cell"].isin(cells)]
    if rows.empty:
        raise Refusal(f"report of {config['name']}: expected trials that were asked, got none; run the sweep")
    numbers = {key: pd.to_numeric(rows[key]) for key in (*NUMERIC_COLUMNS, *config["space"])}
    rows = rows.assign(**numbers, versions=rows["versions"].map(_versions_text))
    order = np.lexsort([rows["trial"], rows["cell"].map(cells.index), rows["task"].map(tasks.index)])
    return rows.iloc[order].reset_index(drop=True)


def best_trial_keys(rows: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Return the key of the best trial of each search that has one with a score."""
    rows = distinct_trials(rows)
    found = [
        ranked_trials(trials).iloc[0]
        for _, trials in rows[is_scored(rows)].groupby(["task", "cell"], sort=False)
    ]
    return [(row["task"], row["cell"], int(row["trial"])) for row in found]


def build_report(
    rows: pd.DataFrame, config: dict, curves: pd.DataFrame, all_pairs: bool = False
) -> dict[str, bytes]:
    """Return every file of the report by its name, pages last; `rows` as `prepare_rows` gives them."""
    found, files = compute_findings(rows, config, all_pairs), {}
    titles = {task: config["about"]["tasks"][task]["title"] for task in config["tasks"]}
    tasks = [
        _build_task_section(
            files, task, name, rows[rows["task"] == task], curves[curves["task"] == task], found, config
        )
        for task, name in unique_slugs(config["tasks"]).items()
    ]
    page = {
        "name": config["name"],
        "vanilla": found.baseline,
        "progress": formatting.progress_sentence(rows, config),
        "lead": answers.answer_sentences(found, config, titles),
        "overall": formatting.overall_sentence(found.summaries),
        "caution": answers.caution_sentences(found, config),
        "independent": found.has_independent_trials,
        "drawn": answers.ORACLE_DESCRIPTIONS[config["oracle"]],
        "tasks": tasks,
        "glance": tables.overview_table(found.summaries, config),
        "verdicts": found.verdicts,
        "claims": statistics_tables.claim_table(found.verdicts),
        "ranks": _add_figures(files, "all", evidence.rank_figures(found)),
        "standing": statistics_tables.average_rank_table(found.average_ranks),
        "asked": [tables.protocol_table(config), tables.space_table(config)],
        "data": tables.data_table(config),
        "warning": answers.data_sentences(config, titles),
        "cost": tables.cost_table(found.summaries, config),
        "provenance": tables.provenance_table(rows),
        "failures": tables.failure_table(rows),
        "counts": {status: int((rows["status"] == status).sum()) for status in TRIAL_STATUSES},
        "seed": config.get("seed"),
        "most": MAX_TRIALS_ANALYSED
        if rows.groupby(["task", "cell"]).size().max() > MAX_TRIALS_ANALYSED
        else None,
    }
    whole = ("glance", "claims", "standing", "data", "cost", "provenance", "failures")
    _add_tables(
        files,
        [
            *(page[key] for key in whole),
            *page["asked"],
            *statistics_tables.claim_number_tables(found.verdicts),
        ],
    )
    if len(found.pairwise):
        _add_tables(files, [statistics_tables.pairwise_table(found.pairwise, titles)])
    return files | {name: render_template(f"{name}.j2", page) for name in ("report.md", "index.html")}


def _build_task_section(
    files: dict[str, bytes],
    task: str,
    name: str,
    rows: pd.DataFrame,
    curves: pd.DataFrame,
    findings: Findings,
    config: dict,
) -> dict:
    """Put the files of one task, called `name`, among others, and return what a page needs of it."""
    about, summary = config["about"]["tasks"][task], findings.summaries[task]
    trials = distinct_trials(rows)
    scores = [tables.score_table(name, summary, config), tables.best_trial_table(name, rows, summary, config)]
    if findings.has_independent_trials and len(findings.differences[task]):
        scores.insert(1, statistics_tables.difference_table(name, findings.differences[task]))
    important = findings.importances_of_task(task)
    shares = (
        [statistics_tables.importance_table(name, important, list(varied_ranges(config["space"])))]
        if important
        else []
    )
    hidden = [
        tables.trial_table(name, rows, config),
        *evidence.figure_data_tables(task, name, curves, findings, config),
    ]
    _add_tables(files, [*scores, *shares, *hidden])
    return {
        "slug": name,
        "title": about["title"],
        "answer": formatting.task_sentence(summary, about["unit"]),
        "unscored": int((~is_scored(trials)).sum()),
        "trials": len(trials),
        "figures": _add_figures(
            files, name, evidence.score_figures(task, name, trials, curves, findings, config)
        ),
        "tables": scores,
        "hyperparameters": _add_figures(
            files, name, evidence.hyperparameter_figures(task, name, trials, findings, config)
        ),
        "importance": shares,
    }


def _add_tables(files: dict[str, bytes], added_tables: list[tables.Table]) -> None:
    """Put the CSV files of tables among others."""
    files |= {f"tables/{table.name}.csv": table.to_csv() for table in added_tables}


def _add_figures(files: dict[str, bytes], name: str, drawn: list[CaptionedFigure]) -> list[dict]:
    """Put the files of figures among others, and return what a page needs of each figure."""
    placed = []
    for of in drawn:
        path = f"figures/{name}-{of.kind}"
        files[f"{path}.svg"], files[f"{path}.png"] = figures.to_svg(of.figure), figures.to_png(of.figure)
        svg = inline_svg(files[f"{path}.svg"], f"{name}-{of.kind}-", of.alt)
        placed.append({"name": path, "svg": svg, "alt": of.alt, "caption": of.caption, "csv": of.table_name})
    return placed


def _versions_text(value: object) -> str:
    """Return versions, a dict or its JSON, as text: "jax 0.6, keras 3.11"."""
    found = json.loads(value) if isinstance(value, str) and value else value
    return ", ".join(f"{name} {found[name]}" for name in sorted(found)) if isinstance(found, dict) else ""
