"""What a search holds is its oracle's to say, wherever a report counts its trials."""

import pytest

from suite.analysis.findings import compute_findings
from suite.report import formatting, tables
from suite.report.pages import prepare_rows


@pytest.fixture
def hyperband(asked):
    """The made-up sweep, as if Hyperband had been asked for 200 trials and held the 12 there are."""
    asked |= {"oracle": "hyperband", "trials": 200}
    asked["about"]["trials_a_search"] = 12
    return asked


def test_a_finished_sweep_is_said_to_be_finished(rows, hyperband):
    assert formatting.progress_sentence(rows, hyperband).startswith("All 72 trials asked are here")
    assert "of the 72 trials asked" in formatting.progress_sentence(rows.iloc[1:], hyperband)


def test_the_tables_count_against_what_a_search_holds(rows, hyperband):
    rows = prepare_rows(rows, hyperband)
    found = compute_findings(rows, hyperband)
    text = tables.score_table("jsb", found.summaries["jsb"], hyperband)
    counted = next(column for column in text.columns if column.key == "trials")
    assert {counted.formatter(row) for row in text.frame.to_dict("records")} == {"12"}
    assert tables.protocol_table(hyperband).frame.set_index("setting")["value"]["trials"] == "12"


def test_a_finished_search_is_no_reason_to_leave_a_claim_out(rows, hyperband):
    assert not [
        v
        for v in compute_findings(prepare_rows(rows, hyperband), hyperband).verdicts
        if "unfinished" in v.evidence
    ]
