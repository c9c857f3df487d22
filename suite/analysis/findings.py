"""All that the rows of a sweep are found to say, computed once: what its report is written from.

Most of it takes the trials of a search for independent draws: comparisons of variants, with their p-values
and intervals, the expected best of n trials, importances, and the claims that rest on these. Where an oracle
chose trials by the scores of others there is none of it. What is left describes: best trials, best tenths and
medians. Average ranks stay, for they have one number of each search, and searches are independent.

Of a search with more than `MAX_TRIALS_ANALYSED` trials, what compares distributions is computed of the first
that many: a random search's first trials are as good as any, and the time and memory of these methods grow
with the square of trials.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from suite import seeds, store
from suite.analysis.cell_claims import compare_cells
from suite.analysis.claims import all_pair_comparisons, judge_claims, planned_comparisons
from suite.analysis.importance import MIN_IMPORTANCE_TRIALS, Importance, fanova
from suite.analysis.significance import ALPHA, AverageRanks, average_ranks
from suite.analysis.trial_statistics import (
    expected_best_scores,
    has_independent_trials,
    is_scored,
    variant_summary,
)
from suite.analysis.verdicts import Verdict
from suite.config import VANILLA, default_baseline
from suite.space import Range

PERMUTATION_RESAMPLES = 9_999  # of a permutation test
MAX_TRIALS_ANALYSED = 500  # trials of a search
MAX_DETAILED_SEARCHES = (
    60  # of a sweep: where there are more, importance, half a second each, is vanilla's alone
)
FAR_OUT_IQRS = (
    3.0  # interquartile ranges above the upper quartile, beyond which a score is "far out" (Tukey, 1977)
)


@dataclass(frozen=True)
class Findings:
    """What is found in a sweep, by task, and by (task, cell) for a search.

    `has_independent_trials` says whether trials are independent draws; where they are not, all but
    `summaries` and `average_ranks` is empty, and no claim is tested. `comparisons` is what
    `suite.analysis.cell_claims.compare_cells` returns of every comparison of the sweep,
    `differences` are those with the `baseline`, a line a variant. `importances` are of test scores and
    `operation_importances` of the operations of the baseline's trials, where enough of them have both.
    `average_ranks` is over the tasks on which all variants have a score. `pairwise` are the comparisons of
    every pair of variants, on request, with p adjusted over all of them; else it is empty.
    """

    baseline: str
    has_independent_trials: bool
    summaries: Mapping[str, pd.DataFrame]
    comparisons: pd.DataFrame
    differences: Mapping[str, pd.DataFrame]
    expected_best: Mapping[tuple[str, str], pd.DataFrame]
    importances: Mapping[tuple[str, str], Importance]
    operation_importances: Mapping[str, Importance]
    average_ranks: AverageRanks
    verdicts: list[Verdict]
    pairwise: pd.DataFrame

    @property
    def has_many_searches(self) -> bool:
        """Whether a sweep has too many searches to look at each closely."""
        return sum((table["trials"] > 0).sum() for table in self.summaries.values()) > MAX_DETAILED_SEARCHES

    def significant_variants(self, task: str) -> frozenset[str]:
        """Return the variants that differ significantly from the baseline on a task."""
        table = self.differences[task]
        return frozenset(table.loc[table["adjusted"] < ALPHA, "cell"])

    def importances_of_task(self, task: str) -> dict[str, Importance]:
        """Return the importances of one task by variant."""
        return {cell: of for (where, cell), of in self.importances.items() if where == task}


def compute_findings(rows: pd.DataFrame, config: dict, all_pairs: bool = False) -> Findings:
    """Return what is found in rows, one a trial; `config` is the sweep's TOML.

    With `all_pairs` every pair of variants is compared too.
    """
    tasks, cells, seed = config["tasks"], config["cells"], config.get("seed", 0)
    baseline = config.get("baseline") or default_baseline(cells)
    drawn = has_independent_trials(config["oracle"])
    few = rows.groupby(["task", "cell"], sort=False).head(MAX_TRIALS_ANALYSED if drawn else 0)
    grouped = few.groupby(["task", "cell"], sort=False)
    searches = {(str(task), str(cell)): trials for (task, cell), trials in grouped}
    by_task = {task: rows[rows["task"] == task] for task in tasks}
    summaries = {task: variant_summary(trials, cells, baseline) for task, trials in by_task.items()}
    importances: dict[tuple[str, str], Importance | None] = {}
    operations: dict[str, Importance | None] = {}
    for (task, cell), trials in searches.items():
        own = seeds.derive_seed(seed, task, cell, "importance")
        if cell in (VANILLA, baseline) or len(searches) <= MAX_DETAILED_SEARCHES:
            importances[task, cell] = search_importance(trials, "test", config["space"], own)
        if cell == baseline:
            operations[task] = search_importance(trials, "operations", config["space"], own)
    known_importances = {key: value for key, value in importances.items() if value}
    comparisons = compare_cells(few, planned_comparisons(few, config), seed, PERMUTATION_RESAMPLES)
    pairs = all_pair_comparisons(few, config) if all_pairs else []
    means = {task: table.set_index("cell")["tenth_mean"] for task, table in summaries.items()}
    return Findings(
        baseline,
        drawn,
        summaries,
        comparisons,
        differences_from_baseline(comparisons, tasks, cells, baseline),
        {
            key: expected_best_scores(of, seeds.derive_seed(seed, *key, "expected"))
            for key, of in searches.items()
        },
        known_importances,
        {task: value for task, value in operations.items() if value},
        average_ranks(pd.DataFrame(means).T.dropna()),
        judge_claims(
            few,
            config | {"trials": min(store.trials_per_search(config), MAX_TRIALS_ANALYSED)},
            known_importances,
            comparisons,
            seed,
        ),
        compare_cells(few, pairs, seed, PERMUTATION_RESAMPLES),
    )


def differences_from_baseline(
    comparisons: pd.DataFrame, tasks: Iterable[str], cells: Iterable[str], baseline: str
) -> dict[str, pd.DataFrame]:
    """Return the comparisons of each variant with the baseline, by task; NaN where there is none."""
    others = pd.DataFrame({"cell": [cell for cell in cells if cell != baseline]}, dtype=object)
    comparisons = comparisons[comparisons["against"] == baseline]
    return {
        task: others.merge(comparisons[comparisons["task"] == task], on="cell", how="left") for task in tasks
    }


def varied_ranges(space: Mapping[str, Mapping]) -> dict[str, Range]:
    """Return the ranges of a sweep's TOML that hold more than one value, in their order."""
    return {name: Range(**ends) for name, ends in space.items() if ends["low"] < ends["high"]}


def search_importance(
    trials: pd.DataFrame, value_column: str, space: Mapping, seed: int
) -> Importance | None:
    """Return the importance of hyperparameters for a column of the scored trials of a search that have it.

    A value that is far out counts as the farthest that is not: a single exploded score would have all of the
    variance. None where too few trials are scored, or nothing varies.
    """
    ranges, trials = varied_ranges(space), trials[is_scored(trials) & trials[value_column].notna()]
    if not ranges or len(trials) < MIN_IMPORTANCE_TRIALS or np.ptp(trials[value_column]) == 0:
        return None
    points = [asked.position(trials[name].to_numpy(float)) for name, asked in ranges.items()]
    lower, upper = trials[value_column].quantile([0.25, 0.75])
    near = trials[value_column].clip(upper=upper + FAR_OUT_IQRS * (upper - lower))
    if np.ptp(near) == 0:
        return None
    return fanova(np.clip(np.stack(points, axis=-1), 0, 1), near.to_numpy(float), seed=seed)
