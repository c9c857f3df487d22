"""Everything that a report says about a sweep, computed once from its rows.

Most of it assumes that the trials of a search are independent draws: comparisons of variants, with their
p-values and intervals, the expected best of n trials, importances, and the claims that rest on these. If an
oracle chose trials by the scores of others, all of this is left out. Best trials, best tenths and medians
remain as descriptions. Average ranks remain too, because they use one number per search, and searches are
independent.

In a search with more than `MAX_TRIALS_ANALYSED` trials, comparisons of distributions use only that many first
trials: the first trials of a random search are as good a sample as any others, and the time and memory of
these methods grow with the square of the number of trials.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from suite import Refusal, seeds
from suite.analysis.cell_claims import compare_cells
from suite.analysis.claims import all_pair_comparisons, judge_claims, planned_comparisons
from suite.analysis.importance import MIN_IMPORTANCE_TRIALS, Importance, fanova
from suite.analysis.longer_sequences import length_scores, solved_trials
from suite.analysis.significance import ALPHA, AverageRanks, average_ranks
from suite.analysis.trial_statistics import (
    distinct_trials,
    expected_best_scores,
    has_independent_trials,
    is_scored,
    ranked_trials,
    variant_summary,
)
from suite.analysis.verdicts import Verdict
from suite.config import VANILLA, SweepConfig, SweepRecord
from suite.space import Range, Space, varied_ranges

PERMUTATION_RESAMPLES = 9_999  # of a permutation test
MAX_TRIALS_ANALYSED = 500  # trials of a search
MAX_DETAILED_SEARCHES = (
    60  # searches of a sweep; with more, only the baseline gets importances (half a second each)
)
FAR_OUT_IQRS = 3.0  # above the upper quartile: a score beyond is "far out" (Tukey, 1977)
NUMERIC_COLUMNS = ("trial", "valid", "test", "epochs", "best_epoch", "seconds", "operations", "parameters")

TrialKey = tuple[str, str, int]  # task, cell, number
CurveLoader = Callable[[list[TrialKey]], pd.DataFrame]  # `suite.store.load_curves` of one folder


@dataclass(frozen=True)
class Findings:
    """The findings of a sweep, by task, and by (task, cell) for a search.

    `rows` are all trials of the sweep in report order, `trials` the distinct ones of each task
    (`suite.analysis.trial_statistics.distinct_trials`), `curves` the learning curves of the best trial of
    each search. `baseline` is the variant that the others are compared with. `comparisons` is what
    `suite.analysis.cell_claims.compare_cells` returns of every comparison of the sweep; `differences` are
    those with the baseline, one line per variant. `importances` are of test scores and
    `operation_importances` of the operations of the baseline's trials, where enough of them have both.
    `average_ranks` is over the tasks on which all variants have a score. `pairwise` are the comparisons of
    every pair of variants, with p adjusted over all of them; None if they were not requested. `solved` and
    `length_scores` are those of `suite.analysis.longer_sequences`. Where trials are not independent draws,
    comparisons, expected bests and importances are empty, and no claim is tested.
    """

    record: SweepRecord
    baseline: str
    rows: pd.DataFrame
    trials: Mapping[str, pd.DataFrame]
    curves: pd.DataFrame
    summaries: Mapping[str, pd.DataFrame]
    comparisons: pd.DataFrame
    differences: Mapping[str, pd.DataFrame]
    expected_best: Mapping[tuple[str, str], pd.DataFrame]
    importances: Mapping[tuple[str, str], Importance]
    operation_importances: Mapping[str, Importance]
    average_ranks: AverageRanks
    verdicts: list[Verdict]
    pairwise: pd.DataFrame | None
    solved: pd.DataFrame
    length_scores: pd.DataFrame

    @property
    def config(self) -> SweepConfig:
        """The configuration of the sweep."""
        return self.record.config

    @property
    def has_independent_trials(self) -> bool:
        """Whether trials are independent draws, as statistical tests assume."""
        return has_independent_trials(self.config.oracle)

    @property
    def has_scores(self) -> bool:
        """Whether any trial has a score."""
        return any(table["tenth_mean"].notna().any() for table in self.summaries.values())

    @property
    def has_many_searches(self) -> bool:
        """Whether a sweep has too many searches for detailed figures of each."""
        return sum((table["trials"] > 0).sum() for table in self.summaries.values()) > MAX_DETAILED_SEARCHES

    @property
    def has_long_searches(self) -> bool:
        """Whether some search has more trials than are analysed (`MAX_TRIALS_ANALYSED`)."""
        return bool(self.rows.groupby(["task", "cell"]).size().max() > MAX_TRIALS_ANALYSED)

    @property
    def varied_ranges(self) -> dict[str, Range]:
        """The ranges that hold more than one value, in order: the columns of an importance."""
        return varied_ranges(self.config.space)

    @property
    def baseline_ranges(self) -> dict[str, Range]:
        """The same hyperparameters with the ranges of the baseline, which may be its own."""
        return varied_ranges(self.config.shared_space_of(self.baseline))

    def is_tested(self, task: str) -> bool:
        """Return whether a task has a scored trial and a variant that is compared with the baseline."""
        scored = self.summaries[task]["tenth_mean"].notna().any()
        return bool(scored and self.differences[task]["p"].notna().any())

    def significant_variants(self, task: str) -> frozenset[str]:
        """Return the variants that differ significantly from the baseline on a task."""
        table = self.differences[task]
        return frozenset(table.loc[table["adjusted"] < ALPHA, "cell"])

    def importances_of_task(self, task: str) -> dict[str, Importance]:
        """Return the importances of one task by variant."""
        return {cell: importance for (other, cell), importance in self.importances.items() if other == task}


def compute_findings(
    rows: pd.DataFrame,
    record: SweepRecord,
    load_curves: CurveLoader | None = None,
    all_pairs: bool = False,
) -> Findings:
    """Return the findings of a sweep from its rows, one per trial, in any order.

    `load_curves` returns the learning curves of some trials. With `all_pairs`, every pair of variants is also
    compared. Rows without any trial of the sweep are refused.
    """
    config, rows = record.config, prepare_rows(rows, record)
    tasks, cells, seed, baseline = config.tasks, list(config.cells), config.seed, config.baseline_variant
    independent = has_independent_trials(config.oracle)
    analysed = rows.groupby(["task", "cell"], sort=False).head(MAX_TRIALS_ANALYSED if independent else 0)
    grouped = analysed.groupby(["task", "cell"], sort=False)
    searches = {(str(task), str(cell)): trials for (task, cell), trials in grouped}
    by_task = {task: rows[rows["task"] == task] for task in tasks}
    summaries = {task: variant_summary(trials, cells, baseline) for task, trials in by_task.items()}
    importances: dict[tuple[str, str], Importance | None] = {}
    operations: dict[str, Importance | None] = {}
    for (task, cell), trials in searches.items():
        space = config.shared_space_of(cell)
        own = seeds.derive_seed(seed, task, cell, "importance")
        if cell in (baseline, VANILLA) or len(searches) <= MAX_DETAILED_SEARCHES:
            importances[task, cell] = search_importance(trials, "test", space, own)
        if cell == baseline:
            operations[task] = search_importance(trials, "operations", space, own)
    known_importances = {key: value for key, value in importances.items() if value}
    claim_config = replace(config, trials=min(record.trials_per_search, MAX_TRIALS_ANALYSED))
    planned = planned_comparisons(analysed, claim_config)
    comparisons = compare_cells(analysed, planned, seed, PERMUTATION_RESAMPLES)
    pairwise = None
    if all_pairs:
        pairs = all_pair_comparisons(analysed, claim_config)
        pairwise = compare_cells(analysed, pairs, seed, PERMUTATION_RESAMPLES)
    means = {task: table.set_index("cell")["tenth_mean"] for task, table in summaries.items()}
    return Findings(
        record=record,
        baseline=baseline,
        rows=rows,
        trials={task: distinct_trials(trials) for task, trials in by_task.items()},
        curves=load_curves(best_trial_keys(rows)) if load_curves else pd.DataFrame({"task": []}),
        summaries=summaries,
        comparisons=comparisons,
        differences=differences_from_baseline(comparisons, tasks, cells, baseline),
        expected_best={
            key: expected_best_scores(trials, seeds.derive_seed(seed, *key, "expected"))
            for key, trials in searches.items()
        },
        importances=known_importances,
        operation_importances={task: value for task, value in operations.items() if value},
        average_ranks=average_ranks(pd.DataFrame(means).T.dropna()),
        verdicts=judge_claims(
            analysed, claim_config, known_importances, comparisons, record.trivial_scores, seed
        ),
        pairwise=pairwise,
        solved=solved_trials(rows, tasks, cells),
        length_scores=length_scores(rows, tasks, cells),
    )


def prepare_rows(rows: pd.DataFrame, record: SweepRecord) -> pd.DataFrame:
    """Return the rows of a sweep in report order, with numbers as numbers and versions as text."""
    config = record.config
    tasks, cells = config.tasks, config.cells
    if len(rows):
        rows = rows[rows["task"].isin(tasks) & rows["cell"].isin(cells)]
    if rows.empty:
        raise Refusal(f"report of {config.name}: expected trials of its searches, got none; run the sweep")
    if absent := set(config.hyperparameters) - set(rows):  # only variants without rows have them
        rows = rows.assign(**dict.fromkeys(absent, float("nan")))
    numeric = [name for name in config.hyperparameters if name not in config.text_hyperparameters]
    numbers = {key: pd.to_numeric(rows[key]) for key in (*NUMERIC_COLUMNS, *numeric)}
    rows = rows.assign(**numbers, versions=rows["versions"].map(_versions_text))
    order = np.lexsort([rows["trial"], rows["cell"].map(cells.index), rows["task"].map(tasks.index)])
    return rows.iloc[order].reset_index(drop=True)


def best_trial_keys(rows: pd.DataFrame) -> list[TrialKey]:
    """Return the key of the best trial of each search that has a scored trial."""
    rows = distinct_trials(rows)
    best = [
        ranked_trials(trials).iloc[0]
        for _, trials in rows[is_scored(rows)].groupby(["task", "cell"], sort=False)
    ]
    return [(row["task"], row["cell"], int(row["trial"])) for row in best]


def differences_from_baseline(
    comparisons: pd.DataFrame, tasks: Iterable[str], cells: Iterable[str], baseline: str
) -> dict[str, pd.DataFrame]:
    """Return the comparisons of each variant with the baseline, by task; NaN for missing comparisons."""
    variants = pd.DataFrame({"cell": [cell for cell in cells if cell != baseline]}, dtype=object)
    comparisons = comparisons[comparisons["against"] == baseline]
    return {
        task: variants.merge(comparisons[comparisons["task"] == task], on="cell", how="left")
        for task in tasks
    }


def search_importance(trials: pd.DataFrame, value_column: str, space: Space, seed: int) -> Importance | None:
    """Return the importance of hyperparameters for a column, over scored trials with a value in it.

    `space` has the hyperparameters of all variants; the effect of what only one variant has, such as all
    choices, is in the rest.

    Values that are far out are replaced by the highest value that is not, because a single exploded score
    would dominate the variance. None if too few trials are scored, or nothing varies.
    """
    ranges, trials = varied_ranges(space), trials[is_scored(trials) & trials[value_column].notna()]
    if not ranges or len(trials) < MIN_IMPORTANCE_TRIALS or np.ptp(trials[value_column]) == 0:
        return None
    points = [bounds.position(trials[name].to_numpy(float)) for name, bounds in ranges.items()]
    lower, upper = trials[value_column].quantile([0.25, 0.75])
    clipped = trials[value_column].clip(upper=upper + FAR_OUT_IQRS * (upper - lower))
    if np.ptp(clipped) == 0:
        return None
    return fanova(np.clip(np.stack(points, axis=-1), 0, 1), clipped.to_numpy(float), seed=seed)


def _versions_text(value: object) -> str:
    """Return versions, a dict or its JSON, as text: "jax 0.6, keras 3.11"."""
    versions = json.loads(value) if isinstance(value, str) and value else value
    if not isinstance(versions, dict):
        return ""
    return ", ".join(f"{name} {versions[name]}" for name in sorted(versions))
