"""The section on hyperparameters: importance, marginal effects, pairs, and the learning rate."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from suite.analysis.findings import MAX_TRIALS_ANALYSED, Findings
from suite.analysis.importance import Importance, bin_centres
from suite.analysis.published_results import PUBLISHED_SHARES
from suite.analysis.trial_statistics import is_scored
from suite.report import figures
from suite.report.formatting import format_share, hyperparameter_label, variant_name
from suite.report.parts import Figure, Heading, Part, Section, Table, TableColumn, Text
from suite.report.rendering import unique_slugs
from suite.report.sections.tasks import score_axis_label, trial_titles
from suite.space import Range

IMPORTANCE_TEXT = (
    "Importance is computed by functional analysis of variance: a forest of regression trees learns to "
    "predict the test score from the hyperparameters (Hutter, Hoos and Leyton-Brown, 2014). A search needs "
    "at least 20 scored trials. Scores more than three interquartile ranges above the upper quartile are "
    "replaced by the highest score below that limit."
)
SHARES_CAPTION = (
    "Shares of the variance of the test score, by functional analysis of variance: each hyperparameter "
    "alone, all pairs together, and the rest (interactions of three or more, and noise). The values of "
    "Greff et al. are those printed in their figure 5, where interactions of all orders are one share."
)
MARGINALS_CAPTION = (
    "Mean test score of {} against one hyperparameter, averaged over all values of the others; below it, "
    "where known, the mean multiply–adds per trial. The band shows the spread between parts of the forest."
)
INTERACTIONS_CAPTION = (
    "Below the diagonal: the mean test score of {} for each pair of hyperparameters. Above the diagonal: "
    "the interaction alone, which is what the pair adds to the two single effects; blue is better. Check "
    "the scale of the interaction: if it is small, the pattern is noise."
)
LEARNING_RATE_CAPTION = (
    "Each point is a trial; the best tenth on validation is orange. Crosses along the top are trials that "
    "are off the scale or have no score. Move the pointer over a point to see its trial."
)

SINGLE_TREES = "single trees"  # the estimate that the paper used


def build(findings: Findings) -> list[Section]:
    """Return the section on the hyperparameters; none if no trial has a score."""
    parts: list[Part] = []
    data: list[Table] = []
    for task, slug in unique_slugs(findings.config.tasks).items():
        task_parts = [*importance_parts(findings, task, slug), *learning_rate_figures(findings, task, slug)]
        if task_parts:
            parts += [Heading(findings.record.titles[task]), *task_parts]
            data += effect_tables(findings, task, slug)
    if not parts:
        return []
    if findings.importances:
        text = IMPORTANCE_TEXT
        if findings.has_long_searches:
            text += (
                f" Importances and comparisons of variants use only the first {MAX_TRIALS_ANALYSED} trials "
                "of each search."
            )
        parts.insert(0, Text(text))
    return [Section("hyperparameters", "Hyperparameters", parts, data)]


def importance_parts(findings: Findings, task: str, slug: str) -> list[Part]:
    """Return the importances on one task as figures and a table; nothing if no search has any."""
    important, ranges = findings.importances_of_task(task), findings.varied_ranges
    if not important:
        return []
    title, label = findings.record.titles[task], score_axis_label(findings.record.tasks[task].unit)
    name, own = variant_name(findings.baseline), important.get(findings.baseline)
    alt = f"Shares of the variance of the test score on {title} by hyperparameter, one bar for each variant."
    drawing = figures.importance_bars(
        important, list(ranges), PUBLISHED_SHARES.get(task), baseline=findings.baseline
    )
    parts: list[Part] = [Figure(f"{slug}-shares", drawing, alt, SHARES_CAPTION, f"{slug}-importance")]
    if own:
        operations = findings.operation_importances.get(task)
        drawing = figures.marginal_plots(own, operations, findings.baseline_ranges, label)
        quantities = "score and operations" if operations else "score"
        alt = f"Mean {quantities} of the trials of {name} on {title} against each hyperparameter."
        caption = MARGINALS_CAPTION.format(name)
        parts.append(Figure(f"{slug}-marginals", drawing, alt, caption, f"{slug}-marginals"))
        if len(ranges) > 1:
            drawing = figures.interaction_heatmaps(own, findings.baseline_ranges, label)
            alt = f"Heat maps of the mean score of {name} on {title} over each pair of hyperparameters."
            caption = INTERACTIONS_CAPTION.format(name)
            parts.append(Figure(f"{slug}-pairs", drawing, alt, caption, f"{slug}-pairs"))
    return [*parts, importance_table(important, list(ranges), findings.baseline, f"{slug}-importance")]


def learning_rate_figures(findings: Findings, task: str, slug: str) -> list[Figure]:
    """Return a plot of the scores of one task against the learning rate, if the learning rate varies."""
    trials = findings.trials[task]
    if "learning_rate" not in findings.varied_ranges or not is_scored(trials).any():
        return []
    info, scale = findings.record.tasks[task], findings.config.space["learning_rate"].scale
    cells, label = list(findings.config.cells), score_axis_label(info.unit)
    titles = trial_titles(findings, task)
    drawing = figures.hyperparameter_scatter(
        trials, cells, "learning_rate", scale, label, baseline=findings.baseline
    )
    alt = f"Test score of each trial on {info.title} against its learning rate, one panel for each variant."
    return [
        Figure(
            f"{slug}-learning-rate",
            drawing,
            alt,
            LEARNING_RATE_CAPTION,
            f"{slug}-trials",
            trial_titles=titles,
        )
    ]


def importance_table(
    importances: Mapping[str, Importance], names: list[str], baseline: str, table_name: str
) -> Table:
    """Return the share of the variance of the test score that each hyperparameter has, by variant.

    The line below that of the baseline has the paper's estimate for the baseline.
    """
    lines: list[dict[str, Any]] = []
    for cell, importance in importances.items():
        spreads = {f"{name} spread": importance.share_sd[(j,)] for j, name in enumerate(names)}
        chance = importance.permutation_null[1] if cell == baseline else math.nan
        other_columns = {"rest": importance.residual_share, "chance": chance}
        shares = _named_shares(importance.shares, names)
        lines.append({"cell": cell, "estimate": "forest", **shares, **spreads, **other_columns})
        if cell == baseline:
            single = importance.single_tree_shares
            other_columns = {"rest": 1 - sum(single.values())}
            shares = _named_shares(single, names)
            lines.append({"cell": cell, "estimate": SINGLE_TREES, **shares, **other_columns})
    columns = [TableColumn("variant", "cell", show_row=_estimate_text)]
    columns += [
        TableColumn(
            hyperparameter_label(name),
            name,
            show_row=_share_text(name),
        )
        for name in names
    ]
    columns += [TableColumn(label, label, format_share) for label in ("pairs", "rest")]
    columns.append(TableColumn("by chance up to", "chance", format_share))
    caption = (
        "Shares of the variance of the test score, ± the spread between parts of a forest. The line “single "
        "trees” is the estimate of Hutter et al. (2014), which Greff et al. used, from the same scores of "
        f"{baseline}. A single tree mistakes noise for interactions, and its “rest” is interactions of three "
        "or more. The claims are decided by the forest. “By chance up to” is the largest share of a "
        "hyperparameter if none had an effect: the scores are permuted. A lower share beside a large one may "
        "still be an effect."
    )
    return Table(table_name, caption, pd.DataFrame(lines), columns)


def effect_tables(findings: Findings, task: str, slug: str) -> list[Table]:
    """Return the data of the figures of marginal effects and pairs; it is only written as CSV."""
    own, ranges = findings.importances.get((task, findings.baseline)), findings.baseline_ranges
    if not own:
        return []
    effects = {"test": own}
    if task in findings.operation_importances:
        effects["operations"] = findings.operation_importances[task]
    tables = [Table(f"{slug}-marginals", "", _marginals_frame(effects, ranges))]
    if len(ranges) > 1:
        tables.append(Table(f"{slug}-pairs", "", _interactions_frame(own, ranges)))
    return tables


def _estimate_text(row: dict) -> str:
    """Return the variant of a row, with the estimate of its shares if the forest did not make it."""
    return f"{row['cell']}, {SINGLE_TREES}" if row["estimate"] == SINGLE_TREES else row["cell"]


def _share_text(name: str) -> Callable[[dict], str]:
    return lambda row: format_share(row[name], row[f"{name} spread"])


def _named_shares(shares: Mapping[tuple[int, ...], float], names: list[str]) -> dict[str, float]:
    """Return the shares of hyperparameters and of each pair by name, and of all `pairs` together."""
    named = {" × ".join(names[j] for j in effect): share for effect, share in shares.items()}
    return named | {"pairs": sum(share for effect, share in shares.items() if len(effect) == 2)}


def _marginals_frame(effects: Mapping[str, Importance], ranges: Mapping[str, Range]) -> pd.DataFrame:
    frames = []
    for column, importance in effects.items():
        for j, (name, bounds) in enumerate(ranges.items()):
            mean, spread = importance.marginal(j)
            columns = {"of": column, "hyperparameter": name, "value": bounds.value(bin_centres())}
            frames.append(pd.DataFrame(columns | {"mean": mean, "spread": spread}))
    return pd.concat(frames)


def _interactions_frame(importance: Importance, ranges: Mapping[str, Range]) -> pd.DataFrame:
    frames, names = [], list(ranges)
    for j, k in (effect for effect in importance.effects if len(effect) == 2):
        first, second = (np.round(ranges[names[i]].value(bin_centres()), 9) for i in (j, k))
        columns: dict[str, Any] = {"hyperparameter": names[j], "other": names[k]}
        columns |= {"value": np.repeat(first, len(second)), "other_value": np.tile(second, len(first))}
        surfaces = {"mean": importance.surface(j, k), "interaction": importance.interaction(j, k)}
        values = {key: np.round(surface.ravel(), 6) for key, surface in surfaces.items()}
        frames.append(pd.DataFrame(columns | values))
    return pd.concat(frames)
