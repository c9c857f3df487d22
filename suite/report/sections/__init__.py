"""The sections of a report, one file each; its function `build` makes sections from the findings.

To add a section, write its file and add its name to `SECTION_NAMES`, in the place it has on the page.
"""

from collections.abc import Callable, Sequence
from importlib import import_module

from suite.analysis.findings import Findings
from suite.report.parts import Section

SectionBuilder = Callable[[Findings], Sequence[Section]]

SECTION_NAMES = (
    "answer",
    "claims",
    "best_tenths",
    "tasks",
    "published_scores",
    "longer_sequences",
    "all_pairs",
    "hyperparameters",
    "protocol",
    "data",
    "cost",
    "provenance",
    "glossary",
)
SECTIONS: tuple[SectionBuilder, ...] = tuple(
    import_module(f"{__name__}.{name}").build for name in SECTION_NAMES
)
