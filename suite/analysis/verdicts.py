"""What a published claim is, what it is judged on, and how a verdict follows from numbers.

A verdict is "holds", "fails", "undecided" or "not tested", and carries the numbers it follows from. A claim
over several tasks or cells holds where each of its lines of numbers shows it, and fails where one refutes it.
What is not shown is not therefore false.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from suite.analysis.trial_statistics import VANILLA

MIN_CLAIM_TRIALS = 20  # trials, below which nothing is said


@dataclass(frozen=True)
class Claim:
    """A published claim: what it says, where, and what it takes to test it.

    `pairs` are the cells it compares; without any it is about vanilla's `hyperparameters`. It is tested on
    those of `tasks` that a sweep has, or on all tasks of the sweep if it names none.
    """

    id: str
    statement: str
    source: str
    test: Callable[["Study", "Claim", list[str]], "Verdict"]
    pairs: tuple[tuple[str, str], ...] = ()
    tasks: tuple[str, ...] = ()
    hyperparameters: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells whose trials it needs."""
        return tuple(dict.fromkeys([VANILLA, *(cell for pair in self.pairs for cell in pair)]))


@dataclass(frozen=True)
class Study:
    """What claims are judged on: the rows of a sweep, what was asked, and what was computed of both.

    `importances` are by (task, cell); `comparisons` is what `suite.analysis.cell_claims.compare_cells`
    returns.
    """

    rows: pd.DataFrame
    config: dict
    importances: Mapping
    comparisons: pd.DataFrame
    seed: int

    @property
    def varied_hyperparameters(self) -> list[str]:
        """The hyperparameters that were drawn from more than one value: the columns of an importance."""
        return [name for name, ends in self.config["space"].items() if ends["low"] < ends["high"]]

    def search_rows(self, task: str, cell: str) -> pd.DataFrame:
        """Return the rows of one search."""
        return self.rows[(self.rows["task"] == task) & (self.rows["cell"] == cell)]


@dataclass(frozen=True)
class Verdict:
    """What is to be said of a claim, in a sentence with the numbers that decide, and all the numbers.

    `trials_needed` is how many trials, in all, each search would need to decide a claim that is undecided: an
    order of magnitude. It is NaN where that cannot be said, and for other verdicts.
    """

    claim: Claim
    verdict: str
    evidence: str
    numbers: pd.DataFrame = field(default_factory=pd.DataFrame)
    trials_needed: float = math.nan


def decide_claim(
    claim: Claim, lines: pd.DataFrame, evidence: str, numbers: pd.DataFrame | None = None
) -> Verdict:
    """Return the verdict on lines of numbers, each `shown` or `refuted` or neither, of so many `trials`.

    `needed` is how many trials would decide a line that is neither, or NaN. The numbers are the lines, unless
    there are more.
    """
    numbers = lines if numbers is None else numbers
    numbers = numbers.assign(needed=numbers["needed"].mask(numbers["shown"] | numbers["refuted"]))
    if lines["refuted"].any():
        return Verdict(claim, "fails", evidence, numbers)
    if lines["shown"].all():
        return Verdict(claim, "holds", evidence, numbers)
    left = lines[~lines["shown"]]
    if not math.isfinite(left["needed"].max(skipna=False)):
        return Verdict(claim, "undecided", evidence, numbers)
    needed = round_up_to_digit(max(left["needed"].max(), left["trials"].max() + 1))
    there = left["trials"].max()
    evidence += f"; some {needed:,} trials of each search may decide, where there are {there:,}"
    return Verdict(claim, "undecided", evidence, numbers, needed)


def round_up_to_digit(count: float) -> int:
    """Return a number rounded up to one digit, for it is an order of magnitude."""
    unit = 10 ** math.floor(math.log10(count))
    return math.ceil(count / unit) * unit
