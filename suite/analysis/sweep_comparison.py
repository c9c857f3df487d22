"""Everything that a comparison of sweeps says, computed once from their rows."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from suite import Refusal
from suite.analysis import agreement
from suite.analysis.agreement import SEARCH_COLUMNS
from suite.analysis.findings import prepare_rows
from suite.analysis.trial_statistics import distinct_trials, has_independent_trials
from suite.config import SweepRecord


@dataclass(frozen=True)
class PairwiseFindings:
    """The comparison of a sweep with the first one; `labels` are those of the first and of this sweep.

    `pairs` are the same trials of both (`suite.analysis.agreement.matched_trials`), `agreement`,
    `distributions` and `speed` the frames of `score_agreement`, `distribution_comparison` and
    `speed_comparison` there. `mean_seconds` is that of a trial in each. `dependent_oracles` are those whose
    trials are not independent draws.
    """

    labels: tuple[str, str]
    pairs: pd.DataFrame
    agreement: pd.DataFrame
    distributions: pd.DataFrame
    speed: pd.DataFrame
    mean_seconds: tuple[float, float]
    dependent_oracles: list[str]


@dataclass(frozen=True)
class ComparisonFindings:
    """The comparison of several sweeps, by their labels; all others are compared with the first.

    `rows` are those of the searches that all of the sweeps have.
    """

    records: Mapping[str, SweepRecord]
    rows: Mapping[str, pd.DataFrame]
    others: list[PairwiseFindings]

    @property
    def first_label(self) -> str:
        """The label of the sweep that the others are compared with."""
        return next(iter(self.rows))


def compute_comparison(sweeps: Mapping[str, tuple[pd.DataFrame, SweepRecord]]) -> ComparisonFindings:
    """Return the comparison of sweeps; `sweeps` holds the rows and the record of each sweep by label.

    Refuses sweeps without trials, or without a search that all of them have.
    """
    rows = common_searches(sweeps)
    records = {label: record for label, (_, record) in sweeps.items()}
    first, *others = rows
    seed = records[first].config.seed
    return ComparisonFindings(
        records, rows, [_compare_pair((first, other), records, rows, seed) for other in others]
    )


def common_searches(
    sweeps: Mapping[str, tuple[pd.DataFrame, SweepRecord]],
) -> dict[str, pd.DataFrame]:
    """Return, for each label, the rows of the searches that all sweeps have, in report order."""
    for label, (rows, _) in sweeps.items():
        if rows.empty:
            raise Refusal(f"{label}: expected trials to compare, got none; run that sweep first")
    prepared = {label: prepare_rows(*sweep) for label, sweep in sweeps.items()}
    keys = {label: pd.MultiIndex.from_frame(rows[SEARCH_COLUMNS]) for label, rows in prepared.items()}
    common = set.intersection(*map(set, keys.values()))
    if not common:
        present = [f"{label} has {_search_list(index)}" for label, index in keys.items()]
        raise Refusal(
            f"expected a cell and a task that all sweeps have, got none: {'; '.join(present)}; name other "
            "folders"
        )
    return {label: rows[keys[label].isin(common)].reset_index(drop=True) for label, rows in prepared.items()}


def _compare_pair(
    labels: tuple[str, str],
    records: Mapping[str, SweepRecord],
    rows: Mapping[str, pd.DataFrame],
    seed: int,
) -> PairwiseFindings:
    oracles = dict.fromkeys(records[label].config.oracle for label in labels)
    dependent = [oracle for oracle in oracles if not has_independent_trials(oracle)]
    a, b = (rows[label] for label in labels)
    trials = distinct_trials(a)
    pairs = agreement.matched_trials(trials, b)
    return PairwiseFindings(
        labels=labels,
        pairs=pairs,
        agreement=agreement.score_agreement(pairs, seed),
        distributions=agreement.distribution_comparison(
            trials, distinct_trials(b), seed, independent_trials=not dependent
        ),
        speed=agreement.speed_comparison(agreement.matched_trials(a, b), seed),
        mean_seconds=(a["seconds"].mean(), b["seconds"].mean()),
        dependent_oracles=dependent,
    )


def _search_list(index: pd.MultiIndex) -> str:
    """Return text on the searches of an index of (task, cell): up to four names, or their number."""
    names = sorted(f"{cell} on {task}" for task, cell in set(index))
    return ", ".join(names) if len(names) <= 4 else f"{len(names):,} searches"
