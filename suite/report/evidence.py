"""The figures of a report with what stands around them, and the tables that they are drawn from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from suite.analysis.findings import Findings, varied_ranges
from suite.analysis.importance import Importance, bin_centres
from suite.analysis.published_results import PUBLISHED_BOXES, PUBLISHED_SHARES
from suite.analysis.trial_statistics import is_scored
from suite.report import figures
from suite.report.tables import Table


@dataclass(frozen=True)
class CaptionedFigure:
    """A figure, its alternative text, its caption, and the name of the table that it is drawn from."""

    kind: str
    figure: Figure
    alt: str
    caption: str
    table_name: str


def score_figures(
    task: str, name: str, trials: pd.DataFrame, curves: pd.DataFrame, findings: Findings, config: dict
) -> list[CaptionedFigure]:
    """Return the figures of one task: of its `trials` and the `curves` of the best; `name` is in files."""
    if not is_scored(trials).any():
        return []
    cells, about = config["cells"], config["about"]["tasks"][task]
    title, label = about["title"], score_axis_label(about["unit"])
    theirs, significant = PUBLISHED_BOXES.get(task), findings.significant_variants(task)
    parameters = findings.summaries[task].set_index("cell")["parameters"].to_dict()
    beside = (
        " In green the best tenths of Greff et al.: range, median (tick), mean (diamond)." if theirs else ""
    )
    drawn = [
        CaptionedFigure(
            "boxes",
            figures.score_boxplots(trials, cells, label, significant, theirs, parameters),
            f"Box plots of test scores on {title}, by variant.",
            BOXPLOT_CAPTION + (SIGNIFICANCE_CAPTION if findings.has_independent_trials else "") + beside,
            f"{name}-trials",
        )
    ]
    if findings.has_many_searches:
        return drawn
    expected = {
        cell: findings.expected_best[task, cell] for cell in cells if (task, cell) in findings.expected_best
    }
    expected = {cell: table for cell, table in expected.items() if table["expected"].notna().any()}
    if max(map(len, expected.values()), default=0) > 1:
        alt = f"Expected test score of the best of n trials on {title}, a panel a variant."
        drawn.append(
            CaptionedFigure(
                "expected",
                figures.expected_best_curves(expected, label),
                alt,
                EXPECTED_BEST_CAPTION,
                f"{name}-expected",
            )
        )
    alt = f"Test scores of the best tenths on {title} against what a trial costs."
    drawn.append(
        CaptionedFigure(
            "sizes", figures.cost_scatter(trials, cells, label), alt, COST_CAPTION, f"{name}-trials"
        )
    )
    if len(curves):
        figure = figures.learning_curves(curves, trials, cells, score_axis_label(about["unit"], "valid"))
        alt = f"Learning curves of the best trial of each variant on {title}."
        drawn.append(CaptionedFigure("curves", figure, alt, LEARNING_CURVES_CAPTION, f"{name}-curves"))
    return drawn


def hyperparameter_figures(
    task: str, name: str, trials: pd.DataFrame, findings: Findings, config: dict
) -> list[CaptionedFigure]:
    """Return the figures of the hyperparameters on one task; `name` is in files."""
    cells, about, space = config["cells"], config["about"]["tasks"][task], config["space"]
    title, label, ranges = about["title"], score_axis_label(about["unit"]), varied_ranges(space)
    drawn = []
    important = findings.importances_of_task(task)
    if important:
        figure = figures.importance_bars(important, list(ranges), PUBLISHED_SHARES.get(task))
        alt = f"Shares of the variance of the test score on {title} by hyperparameter, a bar a variant."
        drawn.append(CaptionedFigure("shares", figure, alt, SHARES_CAPTION, f"{name}-importance"))
    if findings.baseline in important:
        figure = figures.marginal_plots(
            important[findings.baseline], findings.operation_importances.get(task), ranges, label
        )
        of = "score and operations" if task in findings.operation_importances else "score"
        alt = f"Mean {of} of {findings.baseline}’s trials on {title} against each hyperparameter."
        drawn.append(CaptionedFigure("marginals", figure, alt, MARGINALS_CAPTION, f"{name}-marginals"))
        if len(ranges) > 1:
            figure = figures.interaction_heatmaps(important[findings.baseline], ranges, label)
            alt = (
                f"Heat maps of {findings.baseline}’s mean score on {title} over each pair of hyperparameters."
            )
            drawn.append(CaptionedFigure("pairs", figure, alt, INTERACTIONS_CAPTION, f"{name}-pairs"))
    if "learning_rate" in ranges and is_scored(trials).any():
        figure = figures.hyperparameter_scatter(
            trials, cells, "learning_rate", space["learning_rate"]["scale"], label
        )
        alt = f"Test score of each trial on {title} against its learning rate, a panel a variant."
        drawn.append(CaptionedFigure("learning-rate", figure, alt, LEARNING_RATE_CAPTION, f"{name}-trials"))
    return drawn


def rank_figures(findings: Findings) -> list[CaptionedFigure]:
    """Return the figures over all tasks."""
    if not findings.average_ranks.groups:
        return []
    alt = "Average ranks of variants over tasks, with the critical difference."
    return [
        CaptionedFigure(
            "ranks", figures.critical_difference_diagram(findings.average_ranks), alt, RANKS_CAPTION, "ranks"
        )
    ]


def figure_data_tables(
    task: str, name: str, curves: pd.DataFrame, findings: Findings, config: dict
) -> list[Table]:
    """Return the tables that figures of one task are drawn from and no page shows."""
    kept = [
        findings.expected_best[task, cell].assign(cell=cell)
        for cell in config["cells"]
        if (task, cell) in findings.expected_best
    ]
    kept = [pd.concat(kept)[["cell", "trials", "expected", "low", "high", "none"]]] if kept else []
    files = [Table(f"{name}-expected", "", frame, []) for frame in kept]
    if len(curves):
        files.append(Table(f"{name}-curves", "", curves.drop(columns="task"), []))
    if (task, findings.baseline) in findings.importances:
        ranges = varied_ranges(config["space"])
        importance = findings.importances[task, findings.baseline]
        effects = {"test": importance}
        effects |= (
            {"operations": findings.operation_importances[task]}
            if task in findings.operation_importances
            else {}
        )
        files.append(Table(f"{name}-marginals", "", _marginals_frame(effects, ranges), []))
        if len(ranges) > 1:
            files.append(Table(f"{name}-pairs", "", _interactions_frame(importance, ranges), []))
    return files


def score_axis_label(unit: str, split: str = "test") -> str:
    """Return the label of an axis of scores."""
    return f"{split} score ({unit})" if unit else f"{split} score"


def _marginals_frame(effects: dict[str, Importance], ranges: dict) -> pd.DataFrame:
    frames = []
    for what, found in effects.items():
        for j, (name, asked) in enumerate(ranges.items()):
            mean, spread = found.marginal(j)
            place = {"of": what, "hyperparameter": name, "value": asked.value(bin_centres())}
            frames.append(pd.DataFrame(place | {"mean": mean, "spread": spread}))
    return pd.concat(frames)


def _interactions_frame(importance: Importance, ranges: dict) -> pd.DataFrame:
    frames, names = [], list(ranges)
    for j, k in (effect for effect in importance.effects if len(effect) == 2):
        first, second = (np.round(ranges[names[i]].value(bin_centres()), 9) for i in (j, k))
        place = {"hyperparameter": names[j], "other": names[k]}
        place |= {"value": np.repeat(first, len(second)), "other_value": np.tile(second, len(first))}
        surfaces = {"mean": importance.surface(j, k), "interaction": importance.interaction(j, k)}
        frames.append(pd.DataFrame(place | {key: np.round(of.ravel(), 6) for key, of in surfaces.items()}))
    return pd.concat(frames)


BOXPLOT_CAPTION = (
    "Lower is better. A box spans the quartiles with the median inside, whiskers reach 1.5 of its length; "
    "the dashed line is vanilla’s median; +n counts trials off the scale. Fewer than five scores get no box."
)
SIGNIFICANCE_CAPTION = (
    " A variant with an asterisk and a darker box differs significantly from vanilla, by the permutation "
    "test of all trials."
)
EXPECTED_BEST_CAPTION = (
    "The test score to expect of the best of n trials, chosen on validation, with its 95 % interval up to a "
    "tenth of the trials; vanilla’s, dashed, in every panel."
)
COST_CAPTION = (
    "The best tenths: a small point a trial, a mark the mean score of a variant at the median of what its "
    "trials cost: parameters and, where known, multiply–adds. Lower and farther left is better."
)
LEARNING_CURVES_CAPTION = (
    "The best trial of each variant, chosen on validation; a point marks its best epoch. Noise on the input "
    "is in the training loss only."
)
SHARES_CAPTION = (
    "Shares of the variance of the test score, by functional analysis of variance: each hyperparameter "
    "alone, all pairs together, and the rest, which is higher orders and noise. Of "
    "Greff et al. it is what their figure 5 prints, interactions of every order together."
)
MARGINALS_CAPTION = (
    "Vanilla’s mean test score, and below it, where known, the mean multiply–adds of a trial, where one "
    "hyperparameter is what the axis says and all others are anything; the band is the spread between parts "
    "of the forest."
)
INTERACTIONS_CAPTION = (
    "Vanilla’s mean test score over each pair of hyperparameters, below the diagonal; above it what the pair "
    "adds to the effects of its two, blue where that is better. Mind its scale: where nothing is, it shows "
    "noise."
)
LEARNING_RATE_CAPTION = (
    "Each point is a trial, the best tenth on validation in orange; crosses along the top are trials off the "
    "scale or without a score."
)
RANKS_CAPTION = (
    "Average ranks over tasks, best to the left; a bar joins variants that do not differ significantly "
    "(Friedman’s test and Nemenyi’s critical difference at .05, after Demšar, 2006)."
)
