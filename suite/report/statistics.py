"""The tables of what statistics find: differences, importances, claims and ranks."""

import math
from collections.abc import Callable, Mapping

import pandas as pd

from suite.analysis.compare import ALPHA, Standing
from suite.analysis.importance import Importance
from suite.analysis.stats import VANILLA
from suite.analysis.verdicts import Verdict
from suite.report import words
from suite.report.tables import Column, Table, number, plain


def differences(task: str, found: pd.DataFrame) -> Table:
    """Return how every variant differs from vanilla on one task: all trials, and the paper's test beside."""
    columns = [
        Column("variant", "cell"),
        Column("better than vanilla", "probability", _interval("probability", "low", "high")),
        Column("shift", "shift", _signed("shift")),
        Column("p, all trials", "adjusted", _p("adjusted")),
        Column("best tenth", "difference", _signed("difference")),
        Column("p, best tenth", "welch", _p("welch")),
    ]
    caption = (
        "Against vanilla. Of all trials: the probability that a trial of the variant is the better of two "
        "(95 % interval), the median shift of its scores (Hodges and Lehmann), and p of a permutation test "
        "after Holm over all comparisons of this page and its claims. Of the best tenths: the difference of "
        "their means and p of Welch’s test after Bonferroni, as in the paper; it claims too much, for best "
        "tenths are no independent samples. An asterisk is p < .05."
    )
    return Table(f"{task}-differences", caption, found, columns)


def importance(task: str, found: Mapping[str, Importance], names: list[str]) -> Table:
    """Return the share of the variance of the test score that each hyperparameter has, by variant.

    Below vanilla's, the paper's estimate of it.
    """
    lines = []
    for cell, of in found.items():
        spreads = {f"{name} spread": of.spread[(j,)] for j, name in enumerate(names)}
        chance = of.floor[1] if cell == VANILLA else math.nan
        lines.append(
            {"cell": cell} | _shares(of.shares, names) | spreads | {"rest": of.rest, "chance": chance}
        )
        if cell == VANILLA:
            theirs = of.single_tree_shares
            rest = 1 - sum(theirs.values())
            lines.append({"cell": f"{cell}, single trees"} | _shares(theirs, names) | {"rest": rest})
    columns = [Column("variant", "cell")]
    columns += [Column(plain(name), name, _share(name, f"{name} spread")) for name in names]
    columns += [Column(label, label, _share(label)) for label in ("pairs", "rest")]
    columns.append(Column("by chance up to", "chance", _share("chance")))
    caption = (
        "Shares of the variance of the test score, ± the spread between parts of a forest. By single trees: "
        "the estimate of Hutter et al. (2014), which Greff et al. used, of the same scores of vanilla. A "
        "single tree takes noise for interactions, and its rest is those of three and more. Ours decides on "
        "claims."
    )
    return Table(f"{task}-importance", caption, pd.DataFrame(lines), columns)


def claims(verdicts: list[Verdict]) -> Table:
    """Return the verdict on every published claim, with what decides."""
    frame = pd.DataFrame(
        [
            (v.claim.id, v.verdict, v.claim.statement, v.claim.source, v.evidence, v.trials_needed)
            for v in verdicts
        ],
        columns=["id", "verdict", "claim", "source", "evidence", "trials_needed"],
    )
    columns = [Column("claim", "claim"), Column("verdict", "verdict"), Column("source", "source")]
    return Table("claims", "Published claims, and what is found here.", frame, columns)


def numbers(verdicts: list[Verdict]) -> list[Table]:
    """Return the numbers that verdicts follow from, a table a claim that has any. No page shows them."""
    tested = [verdict for verdict in verdicts if len(verdict.numbers)]
    return [Table(f"claim-{verdict.claim.id}", "", verdict.numbers, []) for verdict in tested]


def standing(found: Standing) -> Table:
    """Return the average ranks of variants over tasks."""
    frame = found.ranks.rename_axis("cell").rename("rank").reset_index()
    columns = [Column("variant", "cell"), Column("average rank", "rank", number("rank"), lowest=True)]
    caption = "Average ranks of the mean of the best tenth, over the tasks on which all variants have one."
    return Table("ranks", caption, frame, columns)


def _signed(key: str) -> Callable[[dict], str]:
    def text(row: dict) -> str:
        shown = words.number(abs(row[key]))
        return shown if pd.isna(row[key]) or row[key] == 0 else f"{'+' if row[key] > 0 else '−'}{shown}"

    return text


def _interval(key: str, low: str, high: str) -> Callable[[dict], str]:
    return lambda row: words.NONE if pd.isna(row[key]) else f"{row[key]:.2f} ({row[low]:.2f}–{row[high]:.2f})"


def _p(key: str) -> Callable[[dict], str]:
    def text(row: dict) -> str:
        mark = " *" if row[key] < ALPHA else ""
        return words.NONE if pd.isna(row[key]) else f"{row[key]:.2g}{mark}"

    return text


def _shares(shares: Mapping[tuple[int, ...], float], names: list[str]) -> dict[str, float]:
    """Return the shares of hyperparameters and of each pair by name, and of all `pairs` together."""
    named = {" × ".join(names[j] for j in effect): share for effect, share in shares.items()}
    return named | {"pairs": sum(share for effect, share in shares.items() if len(effect) == 2)}


def _share(key: str, spread: str | None = None) -> Callable[[dict], str]:
    def text(row: dict) -> str:
        beside = f" ± {row[spread]:.3f}" if spread and not pd.isna(row[spread]) else ""
        return words.NONE if pd.isna(row[key]) else f"{row[key]:.3f}{beside}"

    return text
