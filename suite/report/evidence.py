"""The figures of a report with what stands around them, and the tables that they are drawn from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from suite.analysis.findings import Findings, varied
from suite.analysis.importance import Importance, centres
from suite.analysis.published import FIGURE_3, FIGURE_5
from suite.analysis.stats import VANILLA, scored
from suite.report import figures
from suite.report.tables import Table


@dataclass(frozen=True)
class Drawn:
    """A figure, its alternative text, its caption, and the name of the table that it is drawn from."""

    kind: str
    figure: Figure
    alt: str
    caption: str
    csv: str


def of_scores(
    task: str, name: str, trials: pd.DataFrame, curves: pd.DataFrame, found: Findings, asked: dict
) -> list[Drawn]:
    """Return the figures of one task: of its `trials` and the `curves` of the best; `name` is in files."""
    if not scored(trials).any():
        return []
    cells, about = asked["cells"], asked["about"]["tasks"][task]
    title, label = about["title"], labelled(about["unit"])
    theirs, significant = FIGURE_3.get(task), found.significant(task)
    parameters = found.summaries[task].set_index("cell")["parameters"].to_dict()
    beside = (
        " In green the best tenths of Greff et al.: range, median (tick), mean (diamond)." if theirs else ""
    )
    drawn = [
        Drawn(
            "boxes",
            figures.boxes(trials, cells, label, significant, theirs, parameters),
            f"Box plots of test scores on {title}, by variant.",
            BOXES + (MARKED if found.independent else "") + beside,
            f"{name}-trials",
        )
    ]
    if found.many:
        return drawn
    expected = {cell: found.expected[task, cell] for cell in cells if (task, cell) in found.expected}
    expected = {cell: table for cell, table in expected.items() if table["expected"].notna().any()}
    if max(map(len, expected.values()), default=0) > 1:
        alt = f"Expected test score of the best of n trials on {title}, a panel a variant."
        drawn.append(
            Drawn("expected", figures.expected_best(expected, label), alt, EXPECTED, f"{name}-expected")
        )
    alt = f"Test scores of the best tenths on {title} against what a trial costs."
    drawn.append(Drawn("sizes", figures.sizes(trials, cells, label), alt, SIZES, f"{name}-trials"))
    if len(curves):
        figure = figures.learning_curves(curves, trials, cells, labelled(about["unit"], "valid"))
        alt = f"Learning curves of the best trial of each variant on {title}."
        drawn.append(Drawn("curves", figure, alt, CURVES, f"{name}-curves"))
    return drawn


def of_hyperparameters(
    task: str, name: str, trials: pd.DataFrame, found: Findings, asked: dict
) -> list[Drawn]:
    """Return the figures of the hyperparameters on one task; `name` is in files."""
    cells, about, space = asked["cells"], asked["about"]["tasks"][task], asked["space"]
    title, label, ranges = about["title"], labelled(about["unit"]), varied(space)
    drawn = []
    important = found.important(task)
    if important:
        figure = figures.shares(important, list(ranges), FIGURE_5.get(task))
        alt = f"Shares of the variance of the test score on {title} by hyperparameter, a bar a variant."
        drawn.append(Drawn("shares", figure, alt, SHARES, f"{name}-importance"))
    if VANILLA in important:
        figure = figures.marginals(important[VANILLA], found.operations.get(task), ranges, label)
        of = "score and operations" if task in found.operations else "score"
        alt = f"Mean {of} of vanilla’s trials on {title} against each hyperparameter."
        drawn.append(Drawn("marginals", figure, alt, MARGINALS, f"{name}-marginals"))
        if len(ranges) > 1:
            figure = figures.pairs(important[VANILLA], ranges, label)
            alt = f"Heat maps of vanilla’s mean score on {title} over each pair of hyperparameters."
            drawn.append(Drawn("pairs", figure, alt, PAIRS, f"{name}-pairs"))
    if "learning_rate" in ranges and scored(trials).any():
        figure = figures.against(trials, cells, "learning_rate", space["learning_rate"]["scale"], label)
        alt = f"Test score of each trial on {title} against its learning rate, a panel a variant."
        drawn.append(Drawn("learning-rate", figure, alt, RATES, f"{name}-trials"))
    return drawn


def of_all_tasks(found: Findings) -> list[Drawn]:
    """Return the figures over all tasks."""
    if not found.standing.groups:
        return []
    alt = "Average ranks of variants over tasks, with the critical difference."
    return [Drawn("ranks", figures.ranks(found.standing), alt, RANKS, "ranks")]


def drawn_from(task: str, name: str, curves: pd.DataFrame, found: Findings, asked: dict) -> list[Table]:
    """Return the tables that figures of one task are drawn from and no page shows."""
    kept = [
        found.expected[task, cell].assign(cell=cell)
        for cell in asked["cells"]
        if (task, cell) in found.expected
    ]
    kept = [pd.concat(kept)[["cell", "trials", "expected", "low", "high", "none"]]] if kept else []
    files = [Table(f"{name}-expected", "", frame, []) for frame in kept]
    if len(curves):
        files.append(Table(f"{name}-curves", "", curves.drop(columns="task"), []))
    if (task, VANILLA) in found.importances:
        vanilla, ranges = found.importances[task, VANILLA], varied(asked["space"])
        effects = {"test": vanilla}
        effects |= {"operations": found.operations[task]} if task in found.operations else {}
        files.append(Table(f"{name}-marginals", "", _marginals(effects, ranges), []))
        if len(ranges) > 1:
            files.append(Table(f"{name}-pairs", "", _pairs(vanilla, ranges), []))
    return files


def labelled(unit: str, split: str = "test") -> str:
    """Return the label of an axis of scores."""
    return f"{split} score ({unit})" if unit else f"{split} score"


def _marginals(effects: dict[str, Importance], ranges: dict) -> pd.DataFrame:
    frames = []
    for what, found in effects.items():
        for j, (name, asked) in enumerate(ranges.items()):
            mean, spread = found.marginal(j)
            place = {"of": what, "hyperparameter": name, "value": asked.value(centres())}
            frames.append(pd.DataFrame(place | {"mean": mean, "spread": spread}))
    return pd.concat(frames)


def _pairs(found: Importance, ranges: dict) -> pd.DataFrame:
    frames, names = [], list(ranges)
    for j, k in (effect for effect in found.effects if len(effect) == 2):
        first, second = (np.round(ranges[names[i]].value(centres()), 9) for i in (j, k))
        place = {"hyperparameter": names[j], "other": names[k]}
        place |= {"value": np.repeat(first, len(second)), "other_value": np.tile(second, len(first))}
        surfaces = {"mean": found.surface(j, k), "interaction": found.interaction(j, k)}
        frames.append(pd.DataFrame(place | {key: np.round(of.ravel(), 6) for key, of in surfaces.items()}))
    return pd.concat(frames)


BOXES = (
    "Lower is better. A box spans the quartiles with the median inside, whiskers reach 1.5 of its length; "
    "the dashed line is vanilla’s median; +n counts trials off the scale. Fewer than five scores get no box."
)
MARKED = (
    " A variant with an asterisk and a darker box differs significantly from vanilla, by the permutation "
    "test of all trials."
)
EXPECTED = (
    "The test score to expect of the best of n trials, chosen on validation, with its 95 % interval up to a "
    "tenth of the trials; vanilla’s, dashed, in every panel."
)
SIZES = (
    "The best tenths: a small point a trial, a mark the mean score of a variant at the median of what its "
    "trials cost: parameters and, where known, multiply–adds. Lower and farther left is better."
)
CURVES = (
    "The best trial of each variant, chosen on validation; a point marks its best epoch. Noise on the input "
    "is in the training loss only."
)
SHARES = (
    "Shares of the variance of the test score, by functional analysis of variance: each hyperparameter "
    "alone, all pairs together, and the rest, which is higher orders and noise. Of "
    "Greff et al. it is what their figure 5 prints, interactions of every order together."
)
MARGINALS = (
    "Vanilla’s mean test score, and below it, where known, the mean multiply–adds of a trial, where one "
    "hyperparameter is what the axis says and all others are anything; the band is the spread between parts "
    "of the forest."
)
PAIRS = (
    "Vanilla’s mean test score over each pair of hyperparameters, below the diagonal; above it what the pair "
    "adds to the effects of its two, blue where that is better. Mind its scale: where nothing is, it shows "
    "noise."
)
RATES = (
    "Each point is a trial, the best tenth on validation in orange; crosses along the top are trials off the "
    "scale or without a score."
)
RANKS = (
    "Average ranks over tasks, best to the left; a bar joins variants that do not differ significantly "
    "(Friedman’s test and Nemenyi’s critical difference at .05, after Demšar, 2006)."
)
