"""Which trials solve their task, and how scores change on sequences longer than those of training."""

import re
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from suite.analysis.trial_statistics import best_tenth, distinct_trials, is_scored, ranked_trials

SOLVED_SUCCESS = 0.99  # at least, of a trial that solves its task, as in Martens & Sutskever (2011)
LONGER_TEST = re.compile(r"test_(\d+)x")  # the column of a test of longer sequences


def solved_trials(rows: pd.DataFrame, tasks: Iterable[str], cells: Iterable[str]) -> pd.DataFrame:
    """Return a line for each search whose task counts solved sequences: task, cell, trials, solved, success.

    `solved` is the number of trials that solve the task on test, `success` the share of solved sequences of
    the trial that is best on validation.
    """
    lines = []
    for task, cell, trials in searches(rows, "success", tasks=tasks, cells=cells):
        ranked = ranked_trials(trials)
        solved = int((trials["success"] >= SOLVED_SUCCESS).sum())
        lines.append((task, cell, len(trials), solved, ranked["success"].iloc[0]))
    return pd.DataFrame(lines, columns=["task", "cell", "trials", "solved", "success"])


def length_scores(rows: pd.DataFrame, tasks: Iterable[str], cells: Iterable[str]) -> pd.DataFrame:
    """Return the mean test scores of best tenths on longer sequences: task, cell, factor, score.

    `factor` is the length by that of the test with the lengths of training, which has the factor 1. The score
    of a trial that has none there, as its outputs are not finite, is infinitely bad.
    """
    found = {int(match[1]): match[0] for match in map(LONGER_TEST.fullmatch, map(str, rows)) if match}
    factors = {1: "test"} | {factor: found[factor] for factor in sorted(found)}
    lines = []
    for task, cell, trials in searches(rows, *found.values(), tasks=tasks, cells=cells):
        tenth = best_tenth(trials)
        for factor, name in factors.items():
            if rows.loc[rows["task"] == task, name].notna().any():
                lines.append((task, cell, factor, tenth[name].fillna(np.inf).mean()))
    return pd.DataFrame(lines, columns=["task", "cell", "factor", "score"])


def searches(
    rows: pd.DataFrame, *columns: str, tasks: Iterable[str], cells: Iterable[str]
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield (task, cell, its distinct scored trials) of the searches with a value in some of the columns."""
    present = [name for name in columns if name in rows]
    for task in tasks:
        for cell in cells:
            trials = rows[(rows["task"] == task) & (rows["cell"] == cell)]
            trials = distinct_trials(trials[is_scored(trials)])
            if trials[present].notna().any(axis=None):
                yield task, cell, trials
