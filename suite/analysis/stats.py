"""Statistics of searches: functions on frames of rows, one row a trial; lower scores are better.

A trial is *scored* when its scores on valid and on test are both finite. One that is not (it failed, or
diverged before its first score) ranks below every scored trial, is left out of means, and counts as
infinitely bad in medians.
"""

import math

import numpy as np
import pandas as pd

VANILLA = "lstm"  # the variant that the others are compared with
STATUSES = ("done", "diverged", "failed")


def scored(rows: pd.DataFrame) -> pd.Series:
    """Return which trials have scores, (trials,)."""
    return np.isfinite(rows["valid"]) & np.isfinite(rows["test"])


def ranked(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of one search, (trials,), best on validation first; equals in order of trial."""
    valid = rows["valid"].where(scored(rows), np.inf)
    return rows.iloc[np.lexsort([rows["trial"], valid])]


def best_tenth(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the best tenth of the trials of one search on validation, rounded up, best first."""
    return ranked(rows).head(math.ceil(len(rows) / 10))


def median(scores: pd.Series) -> float:
    """Return the median of scores, (trials,), a missing one counting as infinitely bad; NaN without any."""
    return float(np.median(scores.fillna(np.inf))) if len(scores) else math.nan


def summary(rows: pd.DataFrame, cells: list[str]) -> pd.DataFrame:
    """Return one row a variant, (cells,), in the order of `cells`, of the trials of one task.

    `trials` and their `done`, `diverged`, `failed`; the trial that is `best` on validation with its scores
    `best_valid` and `best_test`; of the `tenth` trials of the best tenth, how many are scored
    (`tenth_scored`), the mean and standard deviation (n − 1) of their test scores, and the difference of
    that mean from vanilla's; the `median` test score of all trials; the median `parameters` of the best
    tenth; the median `epochs`, the mean `seconds` of a trial, and the `hours` of all.
    """
    groups = dict(iter(rows.groupby("cell", sort=False)))
    table = pd.DataFrame([_summary(cell, groups.get(cell, rows.head(0))) for cell in cells])
    vanilla = table.loc[table["cell"] == VANILLA, "tenth_mean"]
    difference = table["tenth_mean"] - (vanilla.iloc[0] if len(vanilla) else math.nan)
    table.insert(table.columns.get_loc("tenth_sd") + 1, "difference", difference)
    return table.astype({"best": "Int64"})


def _summary(cell: str, rows: pd.DataFrame) -> dict:
    tenth = best_tenth(rows)
    best, test = tenth[scored(tenth)].head(1), tenth.loc[scored(tenth), "test"]
    return {
        "cell": cell,
        "trials": len(rows),
        **{status: int((rows["status"] == status).sum()) for status in STATUSES},
        "best": best["trial"].iloc[0] if len(best) else None,
        "best_valid": best["valid"].mean(),
        "best_test": best["test"].mean(),
        "tenth": len(tenth),
        "tenth_scored": len(test),
        "tenth_mean": test.mean(),
        "tenth_sd": test.std(),
        "median": median(rows["test"].where(scored(rows))),
        "parameters": tenth["parameters"].median(),
        "epochs": rows["epochs"].median(),
        "seconds": rows["seconds"].mean(),
        "hours": rows["seconds"].sum() / 3600,
    }
