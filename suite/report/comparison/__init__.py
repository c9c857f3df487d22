"""The page that compares sweeps, for example of two machines, two backends, or before and after a change."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from suite.analysis.sweep_comparison import ComparisonFindings, compute_comparison
from suite.config import VANILLA, SweepRecord
from suite.report.comparison import answer, searches, settings, sizes
from suite.report.comparison.searches import search_count
from suite.report.formatting import join_names
from suite.report.parts import Section
from suite.report.rendering import Page, write_page

COMPARISON_SECTIONS: tuple[Callable[[ComparisonFindings], Sequence[Section]], ...] = (
    answer.build,
    sizes.build,
    searches.build,
    settings.build,
)


def write_comparison(
    sweeps: Mapping[str, tuple[pd.DataFrame, SweepRecord]], folder: Path
) -> tuple[Path, list[str]]:
    """Write the comparison of sweeps into a folder; return the path of its page, and its answer.

    `sweeps` has the rows of a sweep and its record by a label; all others are compared with the first one.
    The same rows in any order give the same bytes. Refuses sweeps without trials, or without a search that
    all of them have.
    """
    findings = compute_comparison(sweeps)
    name = " vs ".join(findings.rows)
    page = Page(
        name=name,
        title=name,
        progress=f"{join_names(findings.rows)}, on {search_count(findings)} that all of them have.",
        sections=[section for build in COMPARISON_SECTIONS for section in build(findings)],
        baseline=VANILLA,
    )
    return write_page(page, folder), answer.comparison_sentences(findings)
