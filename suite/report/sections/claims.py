"""The section on published claims: the verdict of this sweep on each."""

from dataclasses import replace

import pandas as pd

from suite.analysis.findings import Findings
from suite.analysis.verdicts import Verdict
from suite.report.formatting import typeset_minus
from suite.report.parts import Claims, Details, Link, Part, Section, Table, Text
from suite.report.sections.published_scores import protocol_sentence


def build(findings: Findings) -> list[Section]:
    """Return the section of claims; those that cannot be tested on these trials are folded away."""
    verdicts = [replace(verdict, evidence=typeset_minus(verdict.evidence)) for verdict in findings.verdicts]
    tested = [verdict for verdict in verdicts if verdict.verdict != "not tested"]
    untested = [verdict for verdict in verdicts if verdict.verdict == "not tested"]
    parts: list[Part] = [
        Text(
            [
                "Each verdict follows from the numbers below it. A claim holds if the data show everything "
                "it says, and fails if they refute any part of it; otherwise it is undecided.  ",
                Link("CSV", "tables/claims.csv"),
            ]
        )
    ]
    if tested and (sentence := protocol_sentence(findings)):
        parts.append(Text(sentence))
    if tested:
        parts.append(Claims(tested))
    if untested:
        parts.append(Details(f"Not tested on these trials: {len(untested)}", [Claims(untested)]))
    return [
        Section(
            "claims",
            "Published claims",
            parts,
            [claim_table(findings.verdicts), *claim_number_tables(findings.verdicts)],
        )
    ]


def claim_table(verdicts: list[Verdict]) -> Table:
    """Return a table of the verdicts on all claims, with evidence; it is only written as CSV."""
    frame = pd.DataFrame(
        [
            (v.claim.id, v.verdict, v.claim.statement, v.claim.source, v.evidence, v.trials_needed)
            for v in verdicts
        ],
        columns=["id", "verdict", "claim", "source", "evidence", "trials_needed"],
    )
    return Table("claims", "", frame)


def claim_number_tables(verdicts: list[Verdict]) -> list[Table]:
    """Return the numbers behind the verdicts, one table for each claim that has any."""
    return [Table(f"claim-{v.claim.id}", "", v.numbers) for v in verdicts if len(v.numbers)]
