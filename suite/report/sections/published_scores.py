"""The section that shows best tenths beside those of Greff et al. (2017), on tasks with the paper's data."""

import pandas as pd

from suite.analysis.findings import Findings
from suite.analysis.published_results import BEST_TRIALS, PUBLISHED_BOXES
from suite.analysis.significance import ALPHA
from suite.config import VANILLA
from suite.report.formatting import format_score
from suite.report.parts import Heading, Part, Section, Table, TableColumn
from suite.report.rendering import unique_slugs
from suite.report.sections.best_tenths import difference_text, mean_sd_text

CAPTION = (
    "Test scores of the best tenths (mean ± standard deviation of n trials), and the means of 20 trials each "
    "in figure 3 of Greff et al., read off the drawing to about ±0.01. The best trial of these variants, "
    "chosen on validation, has {} here ({}) and {:g} there ({})."
)
SIGNIFICANCE_CAPTION = (
    " “Different” means that the best tenth differs significantly from that of vanilla lstm in Welch’s test "
    "with Bonferroni’s correction."
)


def build(findings: Findings) -> list[Section]:
    """Return the section; none for a sweep without a score of the paper's variants on the paper's data."""
    parts: list[Part] = []
    for task, slug in unique_slugs(findings.config.tasks).items():
        if scored_variants(findings, task):
            heading = Heading(findings.record.tasks[task].title)
            parts += [heading, published_table(findings, task, slug)]
    return [Section("published", "Beside Greff et al. (2017)", parts)] if parts else []


def scored_variants(findings: Findings, task: str) -> list[str]:
    """Return the variants with a score on a task that the paper has trained on the same data."""
    scored = findings.summaries[task].dropna(subset="tenth_mean")
    return [cell for cell in scored["cell"] if cell in PUBLISHED_BOXES.get(task, {})]


def published_table(findings: Findings, task: str, slug: str) -> Table:
    """Return a table of the best tenths of the paper's variants on one of its tasks, here and in the paper.

    Its columns `tenth_mean` and `published` are mean test scores in the unit of the task, `gap` is the first
    minus the second; `different` and `published_different` say whether a variant differs from vanilla.
    """
    boxes, summary = PUBLISHED_BOXES[task], findings.summaries[task]
    summary = summary[summary["cell"].isin(scored_variants(findings, task))]
    frame = summary[["cell", "tenth_mean", "tenth_sd", "tenth_scored"]].reset_index(drop=True)
    frame["published"] = [boxes[cell].mean for cell in frame["cell"]]
    frame["gap"] = frame["tenth_mean"] - frame["published"]
    columns = [
        TableColumn("variant", "cell"),
        TableColumn("here", "tenth_mean", show_row=mean_sd_text("tenth_mean", "tenth_sd")),
        TableColumn("n", "tenth_scored"),
        TableColumn("Greff et al.", "published", format_score),
        TableColumn("here − there", "gap", show_row=difference_text("gap", "tenth_mean")),
    ]
    best = summary.sort_values("best_valid").iloc[0]
    published_cell, published_score = BEST_TRIALS[task]
    caption = CAPTION.format(format_score(best["best_test"]), best["cell"], published_score, published_cell)
    if findings.is_tested(task) and findings.baseline == VANILLA:
        p_values = findings.differences[task].set_index("cell")["welch"].to_dict()
        frame["different"] = [_is_significant(p_values.get(cell)) for cell in frame["cell"]]
        frame["published_different"] = [
            None if cell == VANILLA else _yes_or_no(boxes[cell].significant) for cell in frame["cell"]
        ]
        columns += [
            TableColumn("different here", "different"),
            TableColumn("different there", "published_different"),
        ]
        caption += SIGNIFICANCE_CAPTION
    return Table(f"{slug}-published", caption, frame, columns)


def _is_significant(p: float | None) -> str | None:
    return None if pd.isna(p) else _yes_or_no(p < ALPHA)


def _yes_or_no(condition: bool) -> str:
    return "yes" if condition else "no"
