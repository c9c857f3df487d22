"""The section that shows best tenths beside those of Greff et al. (2017), on tasks with the paper's data."""

import math
from dataclasses import replace

import pandas as pd
from scipy.stats import norm

from suite import seeds
from suite.analysis.findings import Findings
from suite.analysis.published_results import BEST_TRIALS, PUBLISHED_BOXES
from suite.analysis.significance import ALPHA, welch_tests
from suite.analysis.trial_statistics import best_tenth_error
from suite.config import VANILLA, SweepConfig, SweepRecord
from suite.report.formatting import decimals_of, format_difference, format_score, join_names
from suite.report.parts import Heading, Part, Section, Table, TableColumn, Text
from suite.report.rendering import unique_slugs
from suite.report.sections.best_tenths import mean_sd_text
from suite.report.sections.protocol import protocol_settings, space_settings
from suite.text import format_count

CAPTION = (
    "Test scores of the best tenths (mean ± standard deviation of n trials), and the means of 20 trials each "
    "in figure 3 of Greff et al., read off the drawing to about ±0.01. The best trial of these variants, "
    "chosen on validation, has {} here ({}) and {:g} there ({})."
)
SIGNIFICANCE_CAPTION = (
    " “Different” means that the best tenth differs significantly from that of vanilla lstm in the test of "
    "the paper: Welch’s test with Bonferroni’s correction for these variants."
)


def build(findings: Findings) -> list[Section]:
    """Return the section; none for a sweep without a score of the paper's variants on the paper's data."""
    parts: list[Part] = []
    for task, slug in unique_slugs(findings.config.tasks).items():
        if scored_variants(findings, task):
            heading = Heading(findings.record.tasks[task].title)
            table = published_table(findings, task, slug)
            parts += [heading, Text(agreement_sentences(table.frame)), table]
    if sentence := protocol_sentence(findings):
        parts.insert(0, Text(sentence))
    return [Section("published", "Beside Greff et al. (2017)", parts)] if parts else []


def protocol_sentence(findings: Findings) -> str:
    """Return a sentence on how a sweep differs from the paper; "" if it does not, or shares no scores."""
    differences = protocol_differences(findings.record)
    if not differences or not any(scored_variants(findings, task) for task in findings.config.tasks):
        return ""
    return f"This sweep differs from the paper in {join_names(differences)}."


def protocol_differences(record: SweepRecord) -> list[str]:
    """Return the settings and ranges in which a sweep differs from the paper, with the values of both.

    Of the ranges of single variants, those of the paper's variants count.
    """
    paper = SweepConfig("paper")
    published = set().union(*PUBLISHED_BOXES.values())
    own = {
        variant: {name: entry for name, entry in space.items() if entry != paper.space.get(name)}
        for variant, space in record.config.variant_spaces.items()
        if variant in published
    }
    there = protocol_settings(SweepRecord(paper, {}, {}, paper.trials)) | space_settings(paper)
    here = protocol_settings(record) | space_settings(replace(record.config, variant_spaces=own))
    return [
        f"{name} ({here.get(name, 'none')}{f'; there {there[name]}' if name in there else ''})"
        for name in dict.fromkeys([*here, *there])
        if name != "seed" and here.get(name) != there.get(name)
    ]


def scored_variants(findings: Findings, task: str) -> list[str]:
    """Return the variants with a score on a task that the paper has trained on the same data."""
    scored = findings.summaries[task].dropna(subset="tenth_mean")
    return [cell for cell in scored["cell"] if cell in PUBLISHED_BOXES.get(task, {})]


def published_table(findings: Findings, task: str, slug: str) -> Table:
    """Return a table of the best tenths of the paper's variants on one of its tasks, here and in the paper.

    Its columns `tenth_mean` and `published` are mean test scores in the unit of the task, `gap` is the first
    minus the second, and `gap_error` its standard error; `median` and `published_median` are of all trials;
    `different` and `published_different` say whether a variant differs from vanilla in the test of the paper.
    """
    boxes, summary = PUBLISHED_BOXES[task], findings.summaries[task]
    cells = scored_variants(findings, task)
    summary = summary[summary["cell"].isin(cells)]
    frame = summary[["cell", "tenth_mean", "tenth_sd", "tenth_scored", "median"]].reset_index(drop=True)
    frame["published"] = [boxes[cell].mean for cell in frame["cell"]]
    frame["gap"] = frame["tenth_mean"] - frame["published"]
    frame["gap_error"] = [gap_error(findings, task, cell) for cell in frame["cell"]]
    columns = [
        TableColumn("variant", "cell"),
        TableColumn("here", "tenth_mean", show_row=mean_sd_text("tenth_mean", "tenth_sd")),
        TableColumn("n", "tenth_scored"),
        TableColumn("Greff et al.", "published", format_score),
        TableColumn("here − there", "gap", show_row=_gap_text),
    ]
    best = summary.sort_values("best_valid").iloc[0]
    published_cell, published_score = BEST_TRIALS[task]
    caption = CAPTION.format(format_score(best["best_test"]), best["cell"], published_score, published_cell)
    if findings.is_tested(task) and findings.baseline == VANILLA:
        tests = welch_tests(findings.trials[task], cells, VANILLA)
        p_values = tests.set_index("cell")["adjusted"].to_dict()
        frame["different"] = [_is_significant(p_values.get(cell)) for cell in frame["cell"]]
        frame["published_different"] = [
            None if cell == VANILLA else _yes_or_no(boxes[cell].significant) for cell in frame["cell"]
        ]
        columns += [
            TableColumn("different here", "different"),
            TableColumn("different there", "published_different"),
        ]
        caption += SIGNIFICANCE_CAPTION
    frame["published_median"] = [boxes[cell].median_of_all for cell in cells]
    if frame["published_median"].notna().any():
        columns += [
            TableColumn("median of all here", "median", format_score),
            TableColumn("median of all there", "published_median", format_score),
        ]
    return Table(f"{slug}-published", caption, frame, columns)


def gap_error(findings: Findings, task: str, cell: str) -> float:
    """Return the standard error of the gap of a best tenth from that of the paper; NaN if it is not known.

    It is that of two independent searches, one like that here and one with as many trials as the paper's,
    because the trials of the paper are not known. The variance of a best tenth goes with 1 / trials.
    """
    if not findings.has_independent_trials:
        return math.nan
    trials = findings.trials[task]
    trials = trials[trials["cell"] == cell]
    seed = seeds.derive_seed(findings.config.seed, task, cell, "published")
    of_both = math.sqrt(1 + len(trials) / SweepConfig("paper").trials)
    return of_both * best_tenth_error(trials, seed)


def agreement_sentences(table: pd.DataFrame) -> str:
    """Return sentences on which best tenths of a `published_table` differ from the paper beyond chance."""
    known = table.dropna(subset="gap_error")
    if known.empty:
        return "The trials are not independent draws, so chance differences from the paper are not known."
    deviates = abs(known["gap"]) / known["gap_error"]
    different, adjusted = (
        list(known.loc[deviates > norm.isf(ALPHA / 2 / count), "cell"]) for count in (1, len(known))
    )
    verb = "differ" if len(different) > 1 else "differs"
    subject = f"Th{'ose' if len(different) > 1 else 'at'} of {join_names(different)}" if different else "None"
    mean, error = known["gap"].mean(), math.hypot(*known["gap_error"]) / len(known)
    score = known["tenth_mean"].mean()
    mean_range = decimals_of(norm.isf(ALPHA / 2) * error, score)
    return (
        "After ± is the range of 95 % of the differences between two such searches, by a bootstrap of the "
        "trials here, as if those of the paper, which are not published, varied as much. "
        f"{subject} {verb} by more. With ranges adjusted for {format_count(len(known), 'variant')}, "
        f"{join_names(adjusted) if adjusted else 'none'} {'do' if len(adjusted) > 1 else 'does'}. "
        f"The mean of the differences is {format_difference(mean, score)} ± {mean_range}."
    )


def _gap_text(row: dict) -> str:
    gap, error = format_difference(row["gap"], row["tenth_mean"]), row["gap_error"]
    return gap if pd.isna(error) else f"{gap} ± {decimals_of(norm.isf(ALPHA / 2) * error, row['tenth_mean'])}"


def _is_significant(p: float | None) -> str | None:
    return None if pd.isna(p) else _yes_or_no(p < ALPHA)


def _yes_or_no(condition: bool) -> str:
    return "yes" if condition else "no"
