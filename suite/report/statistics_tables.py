"""The tables of what statistics find: differences, importances, claims and ranks."""

import math
from collections.abc import Callable, Mapping

import pandas as pd

from suite.analysis.importance import Importance
from suite.analysis.significance import ALPHA, AverageRanks
from suite.analysis.trial_statistics import VANILLA
from suite.analysis.verdicts import Verdict
from suite.report import formatting
from suite.report.tables import Table, TableColumn, hyperparameter_label, number_formatter


def difference_table(task: str, differences: pd.DataFrame) -> Table:
    """Return how every variant differs from vanilla on one task: all trials, and the paper's test beside."""
    columns = [
        TableColumn("variant", "cell"),
        TableColumn("better than vanilla", "probability", _interval_formatter("probability", "low", "high")),
        TableColumn("shift", "shift", _signed_formatter("shift")),
        TableColumn("p, all trials", "adjusted", _p_formatter("adjusted")),
        TableColumn("best tenth", "difference", _signed_formatter("difference")),
        TableColumn("p, best tenth", "welch", _p_formatter("welch")),
    ]
    caption = (
        "Against vanilla. Of all trials: the probability that a trial of the variant is the better of two "
        "(95 % interval), the median shift of its scores (Hodges and Lehmann), and p of a permutation test "
        "after Holm over all comparisons of this page and its claims. Of the best tenths: the difference of "
        "their means and p of Welch’s test after Bonferroni, as in the paper; it claims too much, for best "
        "tenths are no independent samples. An asterisk is p < .05."
    )
    return Table(f"{task}-differences", caption, differences, columns)


def pairwise_table(comparisons: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    """Return the comparison of every pair of variants, a line for each task and pair; `titles` are of tasks.

    `comparisons` are those of `suite.analysis.findings.Findings.pairwise`.
    """
    columns = [
        TableColumn("task", "task", lambda row: titles[row["task"]]),
        TableColumn("variant", "cell"),
        TableColumn("against", "against"),
        TableColumn("probability", "probability", _interval_formatter("probability", "low", "high")),
        TableColumn("shift", "shift", _signed_formatter("shift")),
        TableColumn("p", "adjusted", _p_formatter("adjusted")),
    ]
    caption = (
        "Every pair of variants, by all trials: the probability that a trial of the variant is better than "
        "one of the other (95 % interval), the median shift of its scores (Hodges–Lehmann estimate), "
        f"and p of a permutation test after Holm over the {len(comparisons):,} comparisons of this table. An "
        "asterisk is p < .05."
    )
    keys = ["task", "cell", "against", "trials", "probability", "low", "high", "shift", "p", "adjusted"]
    return Table("all-pairs", caption, comparisons[keys], columns)


def importance_table(task: str, importances: Mapping[str, Importance], names: list[str]) -> Table:
    """Return the share of the variance of the test score that each hyperparameter has, by variant.

    Below vanilla's, the paper's estimate of it.
    """
    lines = []
    for cell, of in importances.items():
        spreads = {f"{name} spread": of.share_sd[(j,)] for j, name in enumerate(names)}
        chance = of.permutation_null[1] if cell == VANILLA else math.nan
        lines.append(
            {"cell": cell}
            | _named_shares(of.shares, names)
            | spreads
            | {"rest": of.residual_share, "chance": chance}
        )
        if cell == VANILLA:
            theirs = of.single_tree_shares
            rest = 1 - sum(theirs.values())
            lines.append({"cell": f"{cell}, single trees"} | _named_shares(theirs, names) | {"rest": rest})
    columns = [TableColumn("variant", "cell")]
    columns += [
        TableColumn(hyperparameter_label(name), name, _share_formatter(name, f"{name} spread"))
        for name in names
    ]
    columns += [TableColumn(label, label, _share_formatter(label)) for label in ("pairs", "rest")]
    columns.append(TableColumn("by chance up to", "chance", _share_formatter("chance")))
    caption = (
        "Shares of the variance of the test score, ± the spread between parts of a forest. By single trees: "
        "the estimate of Hutter et al. (2014), which Greff et al. used, of the same scores of vanilla. A "
        "single tree takes noise for interactions, and its rest is those of three and more. Ours decides on "
        "claims."
    )
    return Table(f"{task}-importance", caption, pd.DataFrame(lines), columns)


def claim_table(verdicts: list[Verdict]) -> Table:
    """Return the verdict on every published claim, with what decides."""
    frame = pd.DataFrame(
        [
            (v.claim.id, v.verdict, v.claim.statement, v.claim.source, v.evidence, v.trials_needed)
            for v in verdicts
        ],
        columns=["id", "verdict", "claim", "source", "evidence", "trials_needed"],
    )
    columns = [
        TableColumn("claim", "claim"),
        TableColumn("verdict", "verdict"),
        TableColumn("source", "source"),
    ]
    return Table("claims", "Published claims, and what is found here.", frame, columns)


def claim_number_tables(verdicts: list[Verdict]) -> list[Table]:
    """Return the numbers that verdicts follow from, a table a claim that has any. No page shows them."""
    tested = [verdict for verdict in verdicts if len(verdict.numbers)]
    return [Table(f"claim-{verdict.claim.id}", "", verdict.numbers, []) for verdict in tested]


def average_rank_table(ranks: AverageRanks) -> Table:
    """Return the average ranks of variants over tasks."""
    frame = ranks.ranks.rename_axis("cell").rename("rank").reset_index()
    columns = [
        TableColumn("variant", "cell"),
        TableColumn("average rank", "rank", number_formatter("rank"), highlight_lowest=True),
    ]
    caption = "Average ranks of the mean of the best tenth, over the tasks on which all variants have one."
    return Table("ranks", caption, frame, columns)


def _signed_formatter(key: str) -> Callable[[dict], str]:
    def text(row: dict) -> str:
        shown = formatting.format_number(abs(row[key]))
        return shown if pd.isna(row[key]) or row[key] == 0 else f"{'+' if row[key] > 0 else '−'}{shown}"

    return text


def _interval_formatter(key: str, low: str, high: str) -> Callable[[dict], str]:
    return lambda row: (
        formatting.NO_VALUE if pd.isna(row[key]) else f"{row[key]:.2f} ({row[low]:.2f}–{row[high]:.2f})"
    )


def _p_formatter(key: str) -> Callable[[dict], str]:
    def text(row: dict) -> str:
        mark = " *" if row[key] < ALPHA else ""
        return formatting.NO_VALUE if pd.isna(row[key]) else f"{row[key]:.2g}{mark}"

    return text


def _named_shares(shares: Mapping[tuple[int, ...], float], names: list[str]) -> dict[str, float]:
    """Return the shares of hyperparameters and of each pair by name, and of all `pairs` together."""
    named = {" × ".join(names[j] for j in effect): share for effect, share in shares.items()}
    return named | {"pairs": sum(share for effect, share in shares.items() if len(effect) == 2)}


def _share_formatter(key: str, spread: str | None = None) -> Callable[[dict], str]:
    def text(row: dict) -> str:
        beside = f" ± {row[spread]:.3f}" if spread and not pd.isna(row[spread]) else ""
        return formatting.NO_VALUE if pd.isna(row[key]) else f"{row[key]:.3f}{beside}"

    return text
