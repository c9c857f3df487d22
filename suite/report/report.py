"""The report of a sweep: a page of sections, built from the findings."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from suite.analysis.findings import CurveLoader, Findings, compute_findings
from suite.analysis.trial_statistics import TRIAL_STATUSES
from suite.config import SweepRecord
from suite.report.rendering import Page, write_page
from suite.report.sections import SECTIONS, SectionBuilder
from suite.text import format_count


def write_report(
    rows: pd.DataFrame,
    record: SweepRecord,
    folder: Path,
    load_curves: CurveLoader | None = None,
    all_pairs: bool = False,
) -> Path:
    """Write the report of a sweep into a folder and return the path of its page.

    `rows` has one row for each trial (`suite.store.load`); `load_curves` returns the learning curves of some
    trials by their keys (`suite.store.load_curves`). With `all_pairs`, every pair of variants is also
    compared. The same rows in any order give the same bytes. Every file is written atomically, index.html
    last. Rows without any trial of the sweep are refused.
    """
    return write_page(report_page(compute_findings(rows, record, load_curves, all_pairs)), folder)


def report_page(findings: Findings, builders: Sequence[SectionBuilder] = SECTIONS) -> Page:
    """Return the page of a sweep: the sections that builders make of its findings, in order."""
    config = findings.config
    return Page(
        name=config.name,
        title=config.title or config.name,
        progress=progress_sentence(findings.rows, findings.record),
        sections=[section for build in builders for section in build(findings)],
        baseline=findings.baseline,
        variants=config.cells,
    )


def progress_sentence(rows: pd.DataFrame, record: SweepRecord) -> str:
    """Return a sentence on how many trials of a sweep have ended, and with which status."""
    planned = len(record.config.tasks) * len(record.config.cells) * record.trials_per_search
    status_counts = {status: int((rows["status"] == status).sum()) for status in TRIAL_STATUSES}
    counts = ", ".join(f"{n:,} {status}" for status, n in status_counts.items() if n)
    if len(rows) >= planned:
        return f"All {format_count(planned, 'trial')} of this sweep have ended: {counts}."
    share = math.floor(1000 * len(rows) / planned) / 10
    present = f"{len(rows):,} of its {format_count(planned, 'trial')} ({share} %)"
    return f"This sweep is unfinished: {present} have ended: {counts}."
