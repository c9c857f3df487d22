"""The sections of a report, a file each: `build` makes sections from the findings of a sweep.

To add a section, write its file and add its `build` to `SECTIONS`, in the place it has on the page.
"""

from collections.abc import Callable, Sequence

from suite.analysis.findings import Findings
from suite.report.parts import Section
from suite.report.sections import (
    all_pairs,
    answer,
    best_tenths,
    claims,
    cost,
    data,
    glossary,
    hyperparameters,
    protocol,
    provenance,
    tasks,
)

SectionBuilder = Callable[[Findings], Sequence[Section]]

SECTIONS: tuple[SectionBuilder, ...] = (
    answer.build,
    claims.build,
    best_tenths.build,
    tasks.build,
    all_pairs.build,
    hyperparameters.build,
    protocol.build,
    data.build,
    cost.build,
    provenance.build,
    glossary.build,
)
