"""The sections on single tasks: scores, as figures and tables."""

import pandas as pd

from suite.analysis.findings import Findings
from suite.analysis.published_results import PUBLISHED_BOXES
from suite.analysis.trial_statistics import TRIAL_STATUSES, best_tenth, is_scored
from suite.report import figures
from suite.report.formatting import (
    format_number,
    format_p,
    format_part,
    format_probability,
    format_score,
    format_si,
    format_signed,
    format_value,
    hyperparameter_label,
    variant_name,
)
from suite.report.parts import Details, Figure, Part, Section, Table, TableColumn, Text
from suite.report.rendering import unique_slugs
from suite.report.sections.best_tenths import difference_text, mean_sd_text, task_sentence

BOXPLOT_CAPTION = (
    "Lower is better. A box spans the quartiles, with a line at the median; the whiskers reach at most 1.5 "
    "times its length. The dashed line is the median of {}. +n counts trials off the scale. A variant with "
    "fewer than five scores has points and no box."
)
SIGNIFICANCE_CAPTION = (
    " An asterisk and a darker box mark a variant that differs significantly from {} in the permutation "
    "test of all trials."
)
PUBLISHED_CAPTION = " The best tenths of Greff et al. are green: range, median (tick), mean (diamond)."
EXPECTED_BEST_CAPTION = (
    "The expected test score of the best of n trials, chosen on validation. The band is its 95 % interval, "
    "for n up to a tenth of the trials. Every panel repeats the curve of {}, dashed."
)
COST_CAPTION = (
    "Trials of the best tenths. A small point is one trial. A large mark is a variant, at its mean score "
    "and the median cost of its trials: parameters and, where known, multiply–adds. Lower and farther left "
    "is better."
)
LEARNING_CURVES_CAPTION = (
    "The best trial of each variant, chosen on validation; a point marks its best epoch. The training loss "
    "is measured with noise on the input, the validation score without."
)


def build(findings: Findings) -> list[Section]:
    """Return one section for each task."""
    return [task_section(findings, task, slug) for task, slug in unique_slugs(findings.config.tasks).items()]


def task_section(findings: Findings, task: str, slug: str) -> Section:
    """Return the section of one task; `slug` names it in files and links."""
    trials, info = findings.trials[task], findings.record.tasks[task]
    sentence = task_sentence(findings.summaries[task], info.unit, findings.baseline)
    if unscored := int((~is_scored(trials)).sum()):
        sentence += f" {unscored:,} of {len(trials):,} trials here have no score."
    if unscored < len(trials):
        sentence += (
            " (The best tenth of a variant is the 10 % of its trials with the lowest validation scores.)"
        )
    parts: list[Part] = [Text(sentence), *score_figures(findings, task, slug)]
    if len(trials):
        parts.append(score_table(findings, task, slug))
        if findings.is_tested(task):
            parts.append(difference_table(findings, task, slug))
        parts.append(Details("The best trial of each variant", [best_trial_table(findings, task, slug)]))
    hidden = [trial_table(findings, task, slug), *curve_tables(findings, task, slug)]
    return Section(f"task-{slug}", info.title, parts, hidden)


def score_axis_label(unit: str, split: str = "test") -> str:
    """Return the label of an axis of scores."""
    return f"{split} score ({unit})" if unit else f"{split} score"


def score_figures(findings: Findings, task: str, slug: str) -> list[Figure]:
    """Return the figures of the scores on one task: boxes, expected bests, costs and learning curves."""
    trials, cells = findings.trials[task], list(findings.config.cells)
    if not is_scored(trials).any():
        return []
    title, unit = findings.record.tasks[task].title, findings.record.tasks[task].unit
    label, baseline = score_axis_label(unit), variant_name(findings.baseline)
    titles = trial_titles(findings, task)
    published, significant = PUBLISHED_BOXES.get(task), findings.significant_variants(task)
    summary = findings.summaries[task]
    parameters = dict(zip(summary["cell"], summary["parameters"], strict=True))
    caption = BOXPLOT_CAPTION.format(baseline)
    caption += SIGNIFICANCE_CAPTION.format(baseline) if findings.is_tested(task) else ""
    boxes = Figure(
        f"{slug}-boxes",
        figures.score_boxplots(
            trials, cells, label, significant, published, parameters, baseline=findings.baseline
        ),
        f"Box plots of test scores on {title}, by variant.",
        caption + (PUBLISHED_CAPTION if published else ""),
        f"{slug}-trials",
        trial_titles=titles,
    )
    if findings.has_many_searches:
        return [boxes]
    parts = [boxes]
    expected = {cell: table for (other, cell), table in findings.expected_best.items() if other == task}
    expected = {cell: table for cell, table in expected.items() if table["expected"].notna().any()}
    if any(len(table) > 1 for table in expected.values()):
        alt = f"Expected test score of the best of n trials on {title}, one panel for each variant."
        drawing = figures.expected_best_curves(expected, label, baseline=findings.baseline)
        caption = EXPECTED_BEST_CAPTION.format(baseline)
        parts.append(Figure(f"{slug}-expected", drawing, alt, caption, f"{slug}-expected"))
    alt = f"Test scores of the best tenths on {title} against the cost of a trial."
    drawing = figures.cost_scatter(trials, cells, label, baseline=findings.baseline)
    name, table_name = f"{slug}-sizes", f"{slug}-trials"
    parts.append(Figure(name, drawing, alt, COST_CAPTION, table_name, trial_titles=titles))
    curves = task_curves(findings, task)
    if len(curves):
        drawing = figures.learning_curves(
            curves, trials, cells, score_axis_label(unit, "valid"), baseline=findings.baseline
        )
        alt = f"Learning curves of the best trial of each variant on {title}."
        parts.append(Figure(f"{slug}-curves", drawing, alt, LEARNING_CURVES_CAPTION, f"{slug}-curves"))
    return parts


def trial_titles(findings: Findings, task: str) -> dict[tuple[str, int], str]:
    """Return a text for each trial of a task by variant and number: its score, hyperparameters and seed."""
    names, titles = findings.config.hyperparameters, {}
    for row in findings.trials[task].to_dict("records"):
        values = {name: format_value(row[name]) for name in names if pd.notna(row[name])}
        value_texts = [f"{hyperparameter_label(name)} {value}" for name, value in values.items()]
        score = f"test {format_score(row['test'])}"
        texts = [f"{row['cell']}, trial {row['trial']}: {score}", *value_texts, f"seed {row['seed']}"]
        titles[row["cell"], int(row["trial"])] = "; ".join(texts)
    return titles


def task_curves(findings: Findings, task: str) -> pd.DataFrame:
    """Return the learning curves of the best trials on one task."""
    return findings.curves[findings.curves["task"] == task]


def score_table(findings: Findings, task: str, slug: str) -> Table:
    """Return a table of the scores of every variant on one task."""
    summary, planned = findings.summaries[task], findings.record.trials_per_search
    columns = [
        TableColumn("variant", "cell"),
        TableColumn(
            "best tenth, test",
            "tenth_mean",
            show_row=mean_sd_text("tenth_mean", "tenth_sd"),
            highlight_lowest=True,
        ),
        TableColumn("n", "tenth_scored", show_row=lambda row: format_part(row["tenth_scored"], row["tenth"])),
        TableColumn(
            f"against {findings.baseline}", "difference", show_row=difference_text("difference", "tenth_mean")
        ),
        TableColumn("best trial, test", "best_test", format_score, highlight_lowest=True),
        TableColumn("its valid", "best_valid", format_score),
        TableColumn("median of all", "median", format_score, highlight_lowest=True),
        TableColumn("trials", "trials", lambda trials: format_part(trials, planned)),
        *(TableColumn(status, status) for status in TRIAL_STATUSES),
        TableColumn("parameters", "parameters"),
        TableColumn("epochs", "epochs"),
    ]
    if summary["operations"].notna().any():  # results folders of older versions have none
        columns.append(TableColumn("multiply–adds per trial", "operations", format_si))
    caption = (
        "Scores by variant. The best trial and the best tenth (mean ± standard deviation of its n trials) "
        "are chosen on validation, and their test scores are shown. “Parameters” is the median of the best "
        "tenth, “epochs” the median of all trials, and “multiply–adds” the mean of all trials."
    )
    return Table(f"{slug}-scores", caption, summary, columns)


def difference_table(findings: Findings, task: str, slug: str) -> Table:
    """Return a table of the differences from the baseline on one task, with the paper's test."""
    columns = [
        TableColumn("variant", "cell"),
        TableColumn(
            f"better than {findings.baseline}",
            "probability",
            show_row=format_probability,
        ),
        TableColumn("shift", "shift", format_signed),
        TableColumn("p, all trials", "adjusted", format_p),
        TableColumn("best tenth", "difference", format_signed),
        TableColumn("p, best tenth", "welch", format_number),
    ]
    caption = (
        f"Each variant compared with {variant_name(findings.baseline)}. For all trials: the probability that "
        "a trial of the variant is the better one (95 % interval), the median shift of its scores "
        "(Hodges–Lehmann estimate), and the p-value of a permutation test, adjusted by Holm’s method for "
        "all comparisons of this page and its claims. For the best tenths: the difference of their means, "
        "and the p-value of Welch’s test with Bonferroni’s correction, as in the paper. That test finds too "
        "many differences, because best tenths are not independent samples. An asterisk marks a significant "
        "difference."
    )
    return Table(f"{slug}-differences", caption, findings.differences[task], columns)


def best_trial_table(findings: Findings, task: str, slug: str) -> Table:
    """Return a table of the best trial of every variant on one task, with its hyperparameters."""
    names = findings.config.hyperparameters
    best = findings.summaries[task][["cell", "best"]].dropna().rename(columns={"best": "trial"})
    rows = findings.rows[findings.rows["task"] == task]
    keys = ["cell", "trial", "valid", "test", *names, "parameters", "best_epoch", "epochs"]
    frame = best.astype({"trial": int}).merge(rows, on=["cell", "trial"], how="left")[keys]
    columns = [
        TableColumn("variant", "cell"),
        TableColumn("trial", "trial"),
        TableColumn("test", "test", format_score, highlight_lowest=True),
        TableColumn("valid", "valid", format_score, highlight_lowest=True),
        *(TableColumn(hyperparameter_label(key), key) for key in keys[4:]),
    ]
    return Table(f"{slug}-best", "The best trial of each variant, chosen on validation.", frame, columns)


def trial_table(findings: Findings, task: str, slug: str) -> Table:
    """Return the data of the figures of one task: every trial; it is only written as CSV."""
    rows, searches = findings.rows[findings.rows["task"] == task], findings.trials[task].groupby("cell")
    tenth = [i for _, trials in searches for i in best_tenth(trials).index]
    keys = ["cell", "trial", "seed", "status", "valid", "test", "best_tenth"]
    keys += [*findings.config.hyperparameters, "parameters", "epochs", "best_epoch", "operations", "seconds"]
    return Table(f"{slug}-trials", "", rows.assign(best_tenth=rows.index.isin(tenth))[keys])


def curve_tables(findings: Findings, task: str, slug: str) -> list[Table]:
    """Return the data of expected bests and learning curves; it is only written as CSV."""
    expected = [
        table.assign(cell=cell) for (other, cell), table in findings.expected_best.items() if other == task
    ]
    tables = []
    if expected:
        columns = ["cell", "trials", "expected", "low", "high", "none"]
        tables.append(Table(f"{slug}-expected", "", pd.concat(expected)[columns]))
    curves = task_curves(findings, task)
    if len(curves):
        tables.append(Table(f"{slug}-curves", "", curves.drop(columns="task")))
    return tables
