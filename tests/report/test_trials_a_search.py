"""What a search holds is its oracle's to say, wherever a report counts its trials."""

import pytest
from planted import findings_of

from suite.config import record_from_table
from suite.report.report import progress_sentence
from suite.report.sections import protocol, tasks


@pytest.fixture
def hyperband(asked):
    """The synthetic sweep as a Hyperband sweep: 200 trials configured, 12 held."""
    asked |= {"oracle": "hyperband", "trials": 200}
    asked["about"]["trials_a_search"] = 12
    return asked


def test_a_finished_sweep_is_said_to_be_finished(rows, hyperband):
    record = record_from_table(hyperband)
    assert progress_sentence(rows, record).startswith("All 72 trials of this sweep have ended")
    assert "of its 72 trials" in progress_sentence(rows.iloc[1:], record)


def test_the_tables_count_against_what_a_search_holds(rows, hyperband):
    result = findings_of(rows, hyperband)
    table = tasks.score_table(result, "jsb", "jsb")
    counted = next(column for column in table.columns if column.key == "trials")
    assert {counted.text(row) for row in table.frame.to_dict("records")} == {"12"}
    settings = protocol.protocol_table(result.record).frame.set_index("setting")
    assert settings["value"]["trials"] == "12"


def test_a_finished_search_is_no_reason_to_leave_a_claim_out(rows, hyperband):
    assert not [v for v in findings_of(rows, hyperband).verdicts if "unfinished" in v.evidence]
