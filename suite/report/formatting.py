"""The words and numbers of a report, made from summaries (`suite.analysis.trial_statistics`)."""

import itertools
import math
import re
from collections.abc import Callable, Iterable

import pandas as pd

from suite import store
from suite.analysis.trial_statistics import TRIAL_STATUSES, VANILLA
from suite.text import format_count

NO_VALUE = "–"
ORACLE_NAMES = {"random": "random search", "bayesian": "Bayesian search", "hyperband": "Hyperband"}
SI_PREFIXES = ("", "k", "M", "G", "T", "P", "E")  # of powers of a thousand


def format_score(value: float) -> str:
    """Return a score to four digits: 8.550, 0.1700, 1.200e-5."""
    if pd.isna(value):
        return NO_VALUE
    if math.isinf(value):
        return "no score"
    return _typeset_number(f"{value:#.4g}".rstrip("."))


def format_mean_sd(mean: float, sd: float) -> str:
    """Return a mean and the standard deviation about it, to the same decimals: 8.550 ± 0.060."""
    return (
        format_score(mean)
        if pd.isna(mean) or pd.isna(sd)
        else f"{format_score(mean)} ± {_format_to_decimals(sd, mean)}"
    )


def format_difference(value: float, mean: float) -> str:
    """Return a difference with its sign, to the decimals of the mean that it is of: +0.040."""
    if pd.isna(value) or value == 0:
        return NO_VALUE if pd.isna(value) else "0"
    return ("+" if value > 0 else "−") + _format_to_decimals(abs(value), mean)


def format_number(value: float, digits: int = 3) -> str:
    """Return a count or a quantity: 1,234; 0.0123; ∞."""
    if pd.isna(value):
        return NO_VALUE
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) < 1e9 and (value == round(value) or abs(value) >= 1000):
        return f"{value:,.0f}"
    return _typeset_number(f"{value:.{digits}g}")


def format_si(value: float) -> str:
    """Return a number of operations to three digits with its prefix: 0, 950, 1.2 M, 3.45 T."""
    if pd.isna(value):
        return NO_VALUE
    thousands = 0 if value == 0 else math.floor(math.log10(float(f"{abs(value):.2e}")) / 3)
    step = min(max(thousands, 0), len(SI_PREFIXES) - 1)
    return f"{_typeset_number(f'{value / 1000**step:.3g}')} {SI_PREFIXES[step]}".rstrip()


def join_names(names: Iterable[str]) -> str:
    """Return names as a sentence has them: a, b and c."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def unique_short_names(names: Iterable[str], shorten: Callable[[str], str], numbered: str) -> dict[str, str]:
    """Return each name shortened, no two alike: `numbered` is how a number is put to those that agree."""
    found: dict[str, str] = {}
    for name in names:
        short = free = shorten(name)
        numbers = itertools.count(2)
        while free in found.values():
            free = numbered.format(short, next(numbers))
        found[name] = free
    return found


def variant_name(cell: str) -> str:
    """Return the name of a variant in a sentence."""
    return f"vanilla {cell}" if cell == VANILLA else cell


def progress_sentence(rows: pd.DataFrame, config: dict) -> str:
    """Return how many of the trials asked are there, and how they ended."""
    wanted = len(config["tasks"]) * len(config["cells"]) * store.trials_per_search(config)
    ends = {status: int((rows["status"] == status).sum()) for status in TRIAL_STATUSES}
    how = ", ".join(f"{n:,} {status}" for status, n in ends.items() if n)
    if len(rows) >= wanted:
        return f"All {format_count(wanted, 'trial')} asked are here: {how}."
    share = math.floor(1000 * len(rows) / wanted) / 10
    there = f"{len(rows):,} of the {format_count(wanted, 'trial')} asked ({share} %)"
    return f"This sweep is unfinished: {there} are here: {how}."


def overall_sentence(summaries: dict[str, pd.DataFrame]) -> str:
    """Return on how many tasks each variant has the best tenth; `summaries` are by task."""
    scored = [table.dropna(subset="tenth_mean") for table in summaries.values()]
    scored = [table for table in scored if len(table)]
    if not scored:
        return "No trial has a score yet, so nothing can be said."
    winners = pd.concat([_lowest_means(table)["cell"] for table in scored]).value_counts(sort=False)
    if len(scored) == 1:
        return f"{_best_tenths_phrase(winners.index, 'has', 'have')} the lowest mean score on test."
    shares = [f"{variant_name(cell)} on {n}" for cell, n in winners.items()]
    tasks = format_count(len(scored), "task")
    return f"The lowest mean test score of a best tenth, over {tasks}: {join_names(shares)}."


def task_sentence(table: pd.DataFrame, unit: str) -> str:
    """Return the answer for one task: the lowest best tenth, and how far from it vanilla is."""
    known = table.dropna(subset="tenth_mean")
    if known.empty:
        return "no trial has a score yet."
    best = _lowest_means(known)
    first, others = best.iloc[0], known.drop(best.index).sort_values("tenth_mean", kind="stable")
    mean = f"{format_mean_sd(first['tenth_mean'], first['tenth_sd'])} {unit}".rstrip()
    if len(best) > 1:
        mean = f"equal at {format_score(first['tenth_mean'])} {unit}".rstrip()
    lead = _best_tenths_phrase(best["cell"], "is", "are")
    said = [f"{lead[0].lower()}{lead[1:]} lowest, {mean}."]
    vanilla = known[known["cell"] == VANILLA]
    if len(known) == 1:
        said.append("No other variant has a score yet.")
    elif vanilla.empty:
        said.append(f"No trial of {variant_name(VANILLA)} is here to compare with.")
    elif VANILLA not in set(best["cell"]):
        said.append(
            f"{variant_name(VANILLA).capitalize()} is at "
            f"{_gap_phrase(vanilla.iloc[0], first, format_mean_sd)}."
        )
    elif len(others):
        said.append(f"Next is {_gap_phrase(others.iloc[0], first)}.")
    if len(others) > 1 and others.iloc[-1]["cell"] != VANILLA:
        said.append(f"Farthest is {_gap_phrase(others.iloc[-1], first)}.")
    return " ".join(said)


def _lowest_means(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["tenth_mean"] == table["tenth_mean"].min()]


def _best_tenths_phrase(cells: Iterable[str], one: str, several: str) -> str:
    names = [variant_name(cell) for cell in cells]
    return (
        f"The best tenth{'s' * (len(names) > 1)} of {join_names(names)} {one if len(names) == 1 else several}"
    )


def _gap_phrase(row: pd.Series, first: pd.Series, show: Callable | None = None) -> str:
    mean = row["tenth_mean"]
    gap = f"{_format_to_decimals(mean - first['tenth_mean'], mean)} higher"
    return f"{show(mean, row['tenth_sd'])}, {gap}" if show else f"{row['cell']}, {gap}"


def _format_to_decimals(value: float, mean: float) -> str:
    """Return a value ≥ 0 to the decimals that `format_score` gives the mean, or to one digit."""
    text = f"{mean:#.4g}"
    if "e" not in text:
        decimals = len(text.partition(".")[2])
        if value == 0 or value >= 0.5 * 10**-decimals:
            return f"{value:.{decimals}f}"
    return _typeset_number(f"{value:.1g}")


def _typeset_number(text: str) -> str:
    return re.sub(r"e([+-])0*", lambda e: "e−" if e[1] == "-" else "e", text).replace("-", "−")
