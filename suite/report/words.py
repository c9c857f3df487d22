"""The words and numbers of a report, made from its summaries (`suite.analysis.stats.summary`)."""

import math
import re
from collections.abc import Callable, Iterable

import pandas as pd

from suite import store
from suite.analysis.stats import STATUSES, VANILLA

NONE = "–"
ORACLES = {"random": "random search", "bayesian": "Bayesian search", "hyperband": "Hyperband"}


def score(value: float) -> str:
    """Return a score to four digits: 8.550, 0.1700, 1.200e-5."""
    if pd.isna(value):
        return NONE
    if math.isinf(value):
        return "no score"
    return _tidy(f"{value:#.4g}".rstrip("."))


def spread(mean: float, sd: float) -> str:
    """Return a mean and the standard deviation about it, to the same decimals: 8.550 ± 0.060."""
    return score(mean) if pd.isna(mean) or pd.isna(sd) else f"{score(mean)} ± {_beside(sd, mean)}"


def difference(value: float, mean: float) -> str:
    """Return a difference with its sign, to the decimals of the mean that it is of: +0.040."""
    if pd.isna(value) or value == 0:
        return NONE if pd.isna(value) else "0"
    return ("+" if value > 0 else "−") + _beside(abs(value), mean)


def number(value: float, digits: int = 3) -> str:
    """Return a count or a quantity: 1,234; 0.0123."""
    if pd.isna(value):
        return NONE
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else _tidy(f"{value:.{digits}g}")


def count(value: int, noun: str) -> str:
    """Return a number and what is counted: 1 trial, 5,400 trials."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def listed(names: Iterable[str]) -> str:
    """Return names as a sentence has them: a, b and c."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def called(cell: str) -> str:
    """Return the name of a variant in a sentence."""
    return f"vanilla {cell}" if cell == VANILLA else cell


def progress(rows: pd.DataFrame, asked: dict) -> str:
    """Return how many of the trials asked are there, and how they ended."""
    wanted = len(asked["tasks"]) * len(asked["cells"]) * store.trials_a_search(asked)
    ends = {status: int((rows["status"] == status).sum()) for status in STATUSES}
    how = ", ".join(f"{n:,} {status}" for status, n in ends.items() if n)
    if len(rows) >= wanted:
        return f"All {count(wanted, 'trial')} asked are here: {how}."
    share = math.floor(1000 * len(rows) / wanted) / 10
    there = f"{len(rows):,} of the {count(wanted, 'trial')} asked ({share} %)"
    return f"This sweep is unfinished: {there} are here: {how}."


def overall(summaries: dict[str, pd.DataFrame]) -> str:
    """Return on how many tasks each variant has the best tenth; `summaries` are by task."""
    scored = [table.dropna(subset="tenth_mean") for table in summaries.values()]
    scored = [table for table in scored if len(table)]
    if not scored:
        return "No trial has a score yet, so nothing can be said."
    winners = pd.Series([_lowest(table)["cell"] for table in scored]).value_counts(sort=False)
    if len(scored) == 1:
        return f"The best tenth of {called(winners.index[0])} has the lowest mean score on test."
    shares = [f"{called(cell)} on {n}" for cell, n in winners.items()]
    tasks = count(len(scored), "task")
    return f"The lowest mean test score of a best tenth, over {tasks}: {listed(shares)}."


def answer(table: pd.DataFrame, unit: str) -> str:
    """Return the answer for one task: the lowest best tenth, and how far from it vanilla is."""
    known = table.dropna(subset="tenth_mean")
    if known.empty:
        return "no trial has a score yet."
    first, others = _lowest(known), known.sort_values("tenth_mean", kind="stable").iloc[1:]
    mean = f"{spread(first['tenth_mean'], first['tenth_sd'])} {unit}".rstrip()
    said = [f"the best tenth of {called(first['cell'])} is lowest, {mean}."]
    vanilla = known[known["cell"] == VANILLA]
    if others.empty:
        return f"{said[0]} No other variant has a score yet."
    if vanilla.empty:
        said.append(f"No trial of {called(VANILLA)} is here to compare with.")
    elif first["cell"] == VANILLA:
        said.append(f"Next is {_behind(others.iloc[0], first)}.")
    else:
        said.append(f"{called(VANILLA).capitalize()} is at {_behind(vanilla.iloc[0], first, spread)}.")
    last = others.iloc[-1]
    if len(others) > 1 and last["cell"] != VANILLA:
        said.append(f"Farthest is {_behind(last, first)}.")
    return " ".join(said)


def _lowest(table: pd.DataFrame) -> pd.Series:
    return table.loc[table["tenth_mean"].idxmin()]


def _behind(row: pd.Series, first: pd.Series, show: Callable | None = None) -> str:
    mean = row["tenth_mean"]
    gap = f"{_beside(mean - first['tenth_mean'], mean)} higher"
    return f"{show(mean, row['tenth_sd'])}, {gap}" if show else f"{row['cell']}, {gap}"


def _beside(value: float, mean: float) -> str:
    """Return a value ≥ 0 to the decimals that `score` gives the mean, or one digit where that shows none."""
    text = f"{mean:#.4g}"
    if "e" not in text:
        decimals = len(text.partition(".")[2])
        if value == 0 or value >= 0.5 * 10**-decimals:
            return f"{value:.{decimals}f}"
    return _tidy(f"{value:.1g}")


def _tidy(text: str) -> str:
    return re.sub(r"e([+-])0*", lambda e: "e−" if e[1] == "-" else "e", text).replace("-", "−")
