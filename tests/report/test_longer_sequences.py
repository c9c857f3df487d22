"""Solved tasks and scores by length: what a report says of them, from rows with known values."""

import numpy as np
import pandas as pd
import pytest
from planted import findings_of, sweep

from suite.analysis.longer_sequences import length_scores, solved_trials
from suite.report.figures import length_curves
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


def test_a_trial_that_has_no_score_on_longer_sequences_is_infinitely_bad_there():
    """Nine in ten of the trials are not in the best tenth; of its two trials, one has exploded."""
    longer = [1.0, None, *[1.0] * 18]
    rows = trials("a", list(range(20)), 0.0, 1.0, longer).assign(test_8x=None, test_2x=2.0)
    rows = pd.concat([rows, trials("b", [1.0], 0.0, 1.0, [2.0]).assign(test_8x=3.0)])
    table = length_scores(rows, ["t"], ["a"])
    assert table[["factor", "score"]].to_numpy().tolist() == [[1, 1], [2, 2], [4, np.inf], [8, np.inf]]


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


def test_a_curve_ends_where_the_score_is_no_longer_finite():
    table = {"cell": ["a"] * 3 + ["b"] * 3, "factor": [1, 2, 8] * 2, "score": [1, 2, 3, 1, 2, np.inf]}
    figure = length_curves(pd.DataFrame(table), ["a", "b"], "score", baseline="a")
    points = {line.get_label(): len(line.get_xdata()) for line in figure.axes[0].get_lines()}
    assert points == {"a": 3, "b": 2}
