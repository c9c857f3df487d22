"""The best tenths of all variants over all tasks, and their average ranks."""

from collections.abc import Callable, Iterable

import pandas as pd

from suite.analysis.findings import Findings
from suite.analysis.significance import AverageRanks
from suite.config import VANILLA
from suite.report import figures
from suite.report.formatting import (
    decimals_of,
    format_difference,
    format_mean_sd,
    format_score,
    join_names,
    variant_name,
)
from suite.report.parts import Figure, Part, Section, Table, TableColumn, Text
from suite.text import format_count

RANKS_CAPTION = (
    "Average ranks over tasks, best to the left; a bar joins variants that do not differ significantly "
    "(Friedman’s test and Nemenyi’s critical difference at the .05 level; Demšar, 2006)."
)


def build(findings: Findings) -> list[Section]:
    """Return the section on all tasks together; none for a sweep of one task."""
    ranks = average_rank_table(findings.average_ranks)
    if len(findings.config.tasks) == 1:
        return []
    parts: list[Part] = [Text(overall_sentence(findings))]
    if findings.has_independent_trials:
        parts.append(overview_table(findings))
    if findings.average_ranks.groups:
        alt = "Average ranks of variants over tasks, with the critical difference."
        drawing = figures.critical_difference_diagram(findings.average_ranks, baseline=findings.baseline)
        parts.append(Figure("all-ranks", drawing, alt, RANKS_CAPTION, "ranks"))
    return [Section("best-tenths", "Best tenths", parts, [ranks])]


def overall_sentence(findings: Findings) -> str:
    """Return a sentence that counts the tasks on which each variant has the lowest best tenth."""
    scored = [table.dropna(subset="tenth_mean") for table in findings.summaries.values()]
    scored = [table for table in scored if len(table)]
    if not scored:
        return "No trial has a score yet, so there is nothing to compare."
    winners = pd.concat([_lowest_means(table)["cell"] for table in scored]).value_counts(sort=False)
    if len(scored) == 1:
        return f"{_best_tenths_phrase(winners.index, 'has', 'have')} the lowest mean test score."
    shares = [f"{variant_name(cell)} on {n}" for cell, n in winners.items()]
    tasks = format_count(len(scored), "task")
    ties = " Equal ones are counted each." if winners.sum() > len(scored) else ""
    return f"Best tenths with the lowest mean test score, over {tasks}: {join_names(shares)}.{ties}"


def task_sentence(table: pd.DataFrame, unit: str, baseline: str = VANILLA) -> str:
    """Return the summary of one task: the lowest best tenth, and the baseline's distance from it."""
    scored = table.dropna(subset="tenth_mean")
    if scored.empty:
        return "No trial has a score yet."
    best = _lowest_means(scored)
    lowest, others = best.iloc[0], scored.drop(best.index).sort_values("tenth_mean", kind="stable")
    mean = _mean_of_trials(lowest, unit)
    if len(best) > 1:
        mean = f"equal at {format_score(lowest['tenth_mean'])} {unit}".rstrip()
    sentences = [f"{_best_tenths_phrase(best['cell'], 'is', 'are')} lowest, {mean}."]
    own_rows = scored[scored["cell"] == baseline]
    if len(scored) == 1:
        sentences.append("No other variant has a score yet.")
    elif own_rows.empty:
        sentences.append(f"There is no scored trial of {variant_name(baseline)} to compare with.")
    elif baseline not in set(best["cell"]):
        name = variant_name(baseline)
        sentences.append(
            f"{name[:1].upper()}{name[1:]} is at {_gap_phrase(own_rows.iloc[0], lowest, _mean_of_trials)}."
        )
    elif len(others):
        sentences.append(f"Next is {_gap_phrase(others.iloc[0], lowest)}.")
    highest = others[others["tenth_mean"] == others["tenth_mean"].max()]
    if len(others) > 1 and baseline not in set(highest["cell"]):
        verb = "is" if len(highest) == 1 else "are"
        gap = _gap_phrase(highest.iloc[-1], lowest, lambda _: join_names(highest["cell"]))
        sentences.append(f"Highest {verb} {gap}.")
    return " ".join(sentences)


def overview_table(findings: Findings) -> Table:
    """Return a table of the best tenth of every variant on every task, and its gap to the baseline."""
    record, frame = findings.record, pd.DataFrame({"cell": findings.config.cells})
    columns = [TableColumn("variant", "cell")]
    for task, summary in findings.summaries.items():
        mean, sd, gap, n = (f"{task} {key}" for key in ("mean", "sd", "difference", "n"))
        frame[[mean, sd, gap, n]] = summary[
            ["tenth_mean", "tenth_sd", "difference", "tenth_scored"]
        ].to_numpy()
        columns += [
            TableColumn(record.titles[task], mean, show_row=mean_sd_text(mean, sd), highlight_lowest=True),
            TableColumn("n", n),
            TableColumn(f"against {findings.baseline}", gap, show_row=difference_text(gap, mean)),
        ]
    frame["description"] = [record.cells[cell] for cell in findings.config.cells]
    caption = (
        "Test score of the best tenth (the 10 % of a variant’s trials with the lowest validation scores): "
        "mean ± standard deviation of its n trials; lower is better."
    )
    return Table("best-tenths", caption, frame, [*columns, TableColumn("what it is", "description")])


def average_rank_table(ranks: AverageRanks) -> Table:
    """Return a table of the average ranks of variants; it is only written as CSV."""
    frame = ranks.ranks.rename_axis("cell").rename("rank").reset_index()
    return Table("ranks", "", frame)


def mean_sd_text(mean: str, sd: str) -> Callable[[dict], str]:
    """Return a function that formats a mean ± standard deviation from the named columns of a row."""
    return lambda row: format_mean_sd(row[mean], row[sd])


def difference_text(gap: str, mean: str) -> Callable[[dict], str]:
    """Return a function that formats a difference from a row, with as many decimals as its mean."""
    return lambda row: format_difference(row[gap], row[mean])


def _lowest_means(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["tenth_mean"] == table["tenth_mean"].min()]


def _best_tenths_phrase(cells: Iterable[str], one: str, several: str) -> str:
    names = [variant_name(cell) for cell in cells]
    return (
        f"The best tenth{'s' * (len(names) > 1)} of {join_names(names)} {one if len(names) == 1 else several}"
    )


def _mean_of_trials(row: pd.Series, unit: str = "") -> str:
    """Return the mean of a best tenth and its number of trials as text."""
    mean = f"{format_mean_sd(row['tenth_mean'], row['tenth_sd'])} {unit}".rstrip()
    return f"{mean} (n = {row['tenth_scored']:,})"


def _gap_phrase(row: pd.Series, lowest: pd.Series, show: Callable | None = None) -> str:
    mean = row["tenth_mean"]
    gap = f"{decimals_of(mean - lowest['tenth_mean'], mean)} higher"
    return f"{show(row)}, {gap}" if show else f"{row['cell']}, {gap}"
