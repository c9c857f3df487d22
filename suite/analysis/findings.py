"""All that the rows of a sweep are found to say, computed once: what its report is written from.

Most of it takes the trials of a search for independent draws: comparisons of variants, with their p-values
and intervals, the expected best of n trials, importances, and the claims that rest on these. Where an oracle
chose trials by the scores of others there is none of it. What is left describes: best trials, best tenths and
medians. Average ranks stay, for they have one number of each search, and searches are independent.

Of a search with more than `MOST` trials, what compares distributions is computed of the first that many: a
random search's first trials are as good as any, and the time and memory of these methods grow with the
square of trials.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from suite import seeds, store
from suite.analysis.claims import comparisons, judge
from suite.analysis.compare import ALPHA, Standing, standing
from suite.analysis.differences import compared
from suite.analysis.importance import FEWEST, Importance, fanova
from suite.analysis.stats import VANILLA, expected_best, independent, scored, summary
from suite.analysis.verdicts import Verdict
from suite.space import Range

DRAWS = 9_999  # of a permutation test
MOST = 500  # trials of a search
SEARCHES = 60  # of a sweep: where there are more, importance, half a second each, is vanilla's alone
FAR = 3.0  # interquartile ranges above the upper quartile, beyond which a score is "far out" (Tukey, 1977)


@dataclass(frozen=True)
class Findings:
    """What is found in a sweep, by task, and by (task, cell) for a search.

    `independent` says whether trials are independent draws; where they are not, all but `summaries` and
    `standing` is empty, and no claim is tested. `compared` is what `suite.analysis.differences.compared`
    returns of every comparison of the sweep, `differences` are those with vanilla, a line a variant.
    `importances` are of test scores and `operations` of the operations of vanilla's trials, where enough of
    them have both. `standing` is over the tasks on which all variants have a score.
    """

    independent: bool
    summaries: Mapping[str, pd.DataFrame]
    compared: pd.DataFrame
    differences: Mapping[str, pd.DataFrame]
    expected: Mapping[tuple[str, str], pd.DataFrame]
    importances: Mapping[tuple[str, str], Importance]
    operations: Mapping[str, Importance]
    standing: Standing
    verdicts: list[Verdict]

    @property
    def many(self) -> bool:
        """Whether a sweep has too many searches to look at each closely."""
        return sum((table["trials"] > 0).sum() for table in self.summaries.values()) > SEARCHES

    def significant(self, task: str) -> frozenset[str]:
        """Return the variants that differ significantly from vanilla on a task."""
        table = self.differences[task]
        return frozenset(table.loc[table["adjusted"] < ALPHA, "cell"])

    def important(self, task: str) -> dict[str, Importance]:
        """Return the importances of one task by variant."""
        return {cell: of for (where, cell), of in self.importances.items() if where == task}


def find(rows: pd.DataFrame, asked: dict) -> Findings:
    """Return what is found in rows, one a trial; `asked` is the sweep's TOML."""
    tasks, cells, seed = asked["tasks"], asked["cells"], asked.get("seed", 0)
    drawn = independent(asked["oracle"])
    few = rows.groupby(["task", "cell"], sort=False).head(MOST if drawn else 0)
    searches = {key: trials for key, trials in few.groupby(["task", "cell"], sort=False)}
    by_task = {task: rows[rows["task"] == task] for task in tasks}
    summaries = {task: summary(trials, cells) for task, trials in by_task.items()}
    importances, operations = {}, {}
    for (task, cell), trials in searches.items():
        own = seeds.seed(seed, task, cell, "importance")
        if cell == VANILLA or len(searches) <= SEARCHES:
            importances[task, cell] = importance(trials, "test", asked["space"], own)
        if cell == VANILLA:
            operations[task] = importance(trials, "operations", asked["space"], own)
    importances, operations = ({k: v for k, v in found.items() if v} for found in (importances, operations))
    pairwise = compared(few, comparisons(few, asked), seed, DRAWS)
    means = {task: table.set_index("cell")["tenth_mean"] for task, table in summaries.items()}
    return Findings(
        drawn,
        summaries,
        pairwise,
        differences(pairwise, asked),
        {key: expected_best(of, seeds.seed(seed, *key, "expected")) for key, of in searches.items()},
        importances,
        operations,
        standing(pd.DataFrame(means).T.dropna()),
        judge(
            few,
            asked | {"trials": min(store.trials_a_search(asked), MOST)},
            importances,
            pairwise,
            seed,
        ),
    )


def differences(table: pd.DataFrame, asked: dict) -> dict[str, pd.DataFrame]:
    """Return of all comparisons those of each variant with vanilla, by task, with NaN where there is none."""
    others = pd.DataFrame({"cell": [cell for cell in asked["cells"] if cell != VANILLA]}, dtype=object)
    table = table[table["against"] == VANILLA]
    return {
        task: others.merge(table[table["task"] == task], on="cell", how="left") for task in asked["tasks"]
    }


def varied(space: Mapping[str, Mapping]) -> dict[str, Range]:
    """Return the ranges of a sweep's TOML that hold more than one value, in their order."""
    return {name: Range(**ends) for name, ends in space.items() if ends["low"] < ends["high"]}


def importance(trials: pd.DataFrame, values: str, space: Mapping, seed: int) -> Importance | None:
    """Return the importance of hyperparameters for a column of the scored trials of a search that have it.

    A value that is far out counts as the farthest that is not: a single exploded score would have all of the
    variance. None where too few trials are scored, or nothing varies.
    """
    ranges, trials = varied(space), trials[scored(trials) & trials[values].notna()]
    if not ranges or len(trials) < FEWEST or np.ptp(trials[values]) == 0:
        return None
    points = [asked.position(trials[name].to_numpy(float)) for name, asked in ranges.items()]
    lower, upper = trials[values].quantile([0.25, 0.75])
    near = trials[values].clip(upper=upper + FAR * (upper - lower))
    if np.ptp(near) == 0:
        return None
    return fanova(np.clip(np.stack(points, axis=-1), 0, 1), near.to_numpy(float), seed=seed)
