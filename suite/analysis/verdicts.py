"""The types of a published claim, of the study that it is tested on, and of its verdict.

A verdict is "holds", "fails", "undecided" or "not tested", and has the numbers that it follows from. A claim
about several tasks or cells holds if every line of numbers shows it, and fails if one line refutes it. A
claim that is not shown is not necessarily false.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from suite.analysis.importance import Importance
from suite.config import VANILLA, SweepConfig
from suite.space import varied_ranges

MIN_CLAIM_TRIALS = 20  # the fewest trials of a search for a claim to be tested


@dataclass(frozen=True)
class Claim:
    """A published claim: its statement, its source, and the test of it.

    `pairs` are the cells that it compares, (cell, against); a claim without pairs is about the
    `hyperparameters` of vanilla. A claim is tested on those of its `tasks` that a sweep has, with any options
    (`adding@length=750`), or on all tasks of the sweep if it names none. Its cells are those without options.
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
        """The cells whose trials the claim needs."""
        return tuple(dict.fromkeys([VANILLA, *(cell for pair in self.pairs for cell in pair)]))


@dataclass(frozen=True)
class Study:
    """The data that claims are tested on: rows and configuration of a sweep, with their statistics.

    `importances` are by (task, cell). `comparisons` is what
    `suite.analysis.cell_claims.compare_cells` returns. `trivial_scores` are those of the best constant answer
    to each task, where it is known.
    """

    rows: pd.DataFrame
    config: SweepConfig
    importances: Mapping[tuple[str, str], Importance]
    comparisons: pd.DataFrame
    trivial_scores: Mapping[str, float]
    seed: int

    @property
    def varied_hyperparameters(self) -> list[str]:
        """The hyperparameters that were drawn from more than one value: the columns of an importance."""
        return list(varied_ranges(self.config.space))

    def search_rows(self, task: str, cell: str) -> pd.DataFrame:
        """Return the rows of one search."""
        return self.rows[(self.rows["task"] == task) & (self.rows["cell"] == cell)]


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim, its evidence in a sentence, and all numbers that it follows from.

    `trials_needed` is the order of magnitude of the total number of trials that each search needs to decide
    an undecided claim. It is NaN where that is unknown, and for other verdicts.
    """

    claim: Claim
    verdict: str
    evidence: str
    numbers: pd.DataFrame = field(default_factory=pd.DataFrame)
    trials_needed: float = math.nan


ClaimTest = Callable[[Study, Claim, list[str]], Verdict]  # of a claim, on some tasks of a study


def decide_claim(
    claim: Claim, lines: pd.DataFrame, evidence: str, numbers: pd.DataFrame | None = None
) -> Verdict:
    """Return the verdict on a claim from lines of numbers; each line is `shown`, `refuted` or neither.

    In a line, `trials` is the number of trials of each search, and `needed` is how many trials would decide a
    line that is neither shown nor refuted, or NaN. `numbers` replaces the lines as the numbers of the
    verdict, if given.
    """
    numbers = lines if numbers is None else numbers
    numbers = numbers.assign(needed=numbers["needed"].mask(numbers["shown"] | numbers["refuted"]))
    if lines["refuted"].any():
        return Verdict(claim, "fails", evidence, numbers)
    if lines["shown"].all():
        return Verdict(claim, "holds", evidence, numbers)
    undecided = lines[~lines["shown"]]
    if not math.isfinite(undecided["needed"].max(skipna=False)):
        return Verdict(claim, "undecided", evidence, numbers)
    present = undecided["trials"].max()
    needed = round_up_to_digit(max(undecided["needed"].max(), present + 1))
    evidence += f"; about {needed:,} trials of each search may decide it, it has {present:,}"
    return Verdict(claim, "undecided", evidence, numbers, needed)


def round_up_to_digit(count: float) -> int:
    """Return a number rounded up to one significant digit."""
    unit = 10 ** math.floor(math.log10(count))
    return math.ceil(count / unit) * unit
