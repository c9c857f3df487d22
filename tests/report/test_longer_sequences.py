"""Solved tasks and scores by length: what a report says of them, from rows with known values."""

import pandas as pd
import pytest
from planted import findings_of, sweep

from suite.analysis.longer_sequences import length_scores, solved_trials
from suite.report.rendering import page_files
from suite.report.report import report_page
from suite.report.sections import SECTIONS, longer_sequences


def trials(cell, valid, success, test, longer):
    table = {"task": "t", "cell": cell, "trial": range(len(valid)), "seed": range(len(valid)), "epochs": 1}
    return pd.DataFrame(table | {"valid": valid, "test": test, "success": success, "test_4x": longer})


ROWS = pd.concat(
    [
        trials("a", [0.3, 0.1, 0.2], [0.5, 0.995, 0.99], [3.0, 1.0, 2.0], [6.0, 4.0, 5.0]),
        trials("b", [0.3, None], [0.5, 1.0], [3.0, None], [None, None]),
    ]
)


def test_solved_trials_are_counted_and_the_best_on_validation_is_named():
    table = solved_trials(ROWS, ["t", "absent"], ["b", "a"])
    assert table.to_numpy().tolist() == [["t", "b", 1, 0, 0.5], ["t", "a", 3, 2, 0.995]]


def test_scores_by_length_are_means_of_best_tenths_and_a_variant_without_longer_tests_has_none():
    table = length_scores(ROWS, ["t"], ["a", "b"])
    assert table.to_numpy().tolist() == [["t", "a", 1, 1.0], ["t", "a", 4, 4.0]]


@pytest.fixture(scope="module")
def planted():
    rows, table = sweep(["jsb"], {}, rate=1, trials=20, seed=3, cells=("lstm", "rnn"))
    table["cells"] = ["lstm", "rnn"]
    return rows, table


def test_a_sweep_without_such_tasks_has_no_such_section(planted):
    assert longer_sequences.build(findings_of(*planted)) == []


def test_the_page_has_the_table_of_solved_tasks_and_the_curves_by_length(planted):
    rows, table = planted
    is_lstm = rows["cell"] == "lstm"
    rows = rows.assign(success=is_lstm * 1.0, test_2x=rows["test"] + 1, test_8x=rows["test"] + 2 * ~is_lstm)
    files = page_files(report_page(findings_of(rows, table), [longer_sequences.build]))
    page = files["index.html"].decode()
    assert "20 of 20" in page
    assert "0 of 20" in page
    assert files["tables/jsb-lengths.csv"].startswith(b"cell,1x,2x,8x\n")
    assert "figures/jsb-lengths.svg" in files
    assert longer_sequences.build in SECTIONS
