"""The report of a sweep whose oracle chooses trials by the scores of others: it tests nothing."""

from dataclasses import replace

import pandas as pd
import pytest
from planted import findings_of, report_of
from test_pages import Page

from suite.analysis.findings import compute_findings
from suite.config import record_from_table
from suite.report import comparison
from suite.report.sections import all_pairs

ORACLES = {"bayesian": "Bayesian search", "hyperband": "Hyperband"}
TESTED = ("significant", "Holm", "interval", "Expected", "permutation", "Importance is", "asterisk")


@pytest.fixture
def many(rows, asked):
    """Return the rows and the question of a sweep with trials enough for everything: two searches of 60."""
    asked |= {"trials": 60, "tasks": ["jsb"], "cells": ["lstm", "gru"]}
    more = [rows.assign(trial=rows["trial"] + 12 * k, seed=rows["seed"] + k) for k in range(5)]
    return pd.concat(more, ignore_index=True), asked


@pytest.mark.parametrize("oracle", ORACLES)
def test_what_takes_trials_for_independent_draws_is_left_out(many, oracle):
    rows, config = many
    result = findings_of(rows, config | {"oracle": oracle})
    assert result.comparisons.empty
    assert (result.expected_best, result.importances, result.operation_importances) == ({}, {}, {})
    assert {v.verdict for v in result.verdicts} == {"not tested"}
    assert {v.evidence for v in result.verdicts} == {f"trials of a {oracle} search are not independent draws"}
    assert result.summaries["jsb"]["median"].notna().all()


@pytest.mark.parametrize("oracle", ORACLES)
def test_the_page_says_the_oracle_and_shows_no_test(rows, asked, tmp_path, oracle):
    page = Page(report_of(rows, asked | {"oracle": oracle, "tasks": ["jsb"]}, tmp_path).read_text())
    answer = page.section("answer")
    assert f"{ORACLES[oracle]} chose the trials by the scores of earlier trials" in answer
    assert "not independent draws" in answer
    assert "None of 14 published claims can be tested" in answer
    assert "has the lowest mean test score" in answer
    assert [word for word in TESTED if word in page.words()] == []
    names = {path.stem for path in tmp_path.rglob("*.*")}
    assert not {"jsb-differences", "jsb-expected", "jsb-importance"} & names
    assert {"jsb-boxes", "jsb-sizes", "jsb-scores", "jsb-best", "jsb-trials"} <= names


@pytest.mark.parametrize("oracle", ORACLES)
def test_the_section_of_all_pairs_says_why_none_is_compared(whole_sweep, oracle):
    rows, record = whole_sweep
    record = replace(record, config=replace(record.config, oracle=oracle))
    [section] = all_pairs.build(compute_findings(rows, record, all_pairs=True))
    [reason] = section.parts
    assert reason.content.startswith(
        f"Pairs of variants are not compared. {ORACLES[oracle]} chose the trials"
    )
    assert "not independent draws" in reason.content
    assert all_pairs.build(compute_findings(rows, record)) == []


def test_a_promoted_trial_counts_once_in_scores_and_twice_in_cost(rows, asked, tmp_path):
    """Trial 3 again as trial 12: from its seed, with its hyperparameters, for longer, to a better score."""
    asked |= {"oracle": "hyperband", "tasks": ["jsb"], "cells": ["lstm"]}
    rows = rows[(rows["task"] == "jsb") & (rows["cell"] == "lstm")]
    again = rows[rows["trial"] == 3].assign(trial=12, epochs=60, best_epoch=50, valid=1.0, test=1.5)
    scores = [*rows.loc[rows["trial"] != 3, "test"], 1.5]
    report_of(pd.concat([rows, again]), asked, tmp_path)
    read = {name: pd.read_csv(tmp_path / "tables" / f"{name}.csv") for name in ("jsb-scores", "jsb-trials")}
    line = read["jsb-scores"].iloc[0]
    assert line["median"] == pytest.approx(pd.Series(scores).median())
    assert (line["best"], line["best_test"], line["tenth"], line["trials"]) == (12, 1.5, 2, 13)
    assert line["hours"] == pytest.approx((rows["seconds"].sum() + again["seconds"].sum()) / 3600)
    trials = read["jsb-trials"].set_index("trial")
    assert len(trials) == 13
    assert trials["best_tenth"].sum() == 2
    assert trials.loc[[3, 12], "best_tenth"].tolist() == [False, True]


def test_distributions_of_chosen_trials_are_described_and_not_tested(rows, asked, tmp_path):
    other = rows.assign(test=rows["test"] + 100)
    made = {
        "a": (rows, record_from_table(asked)),
        "b": (other, record_from_table(asked | {"oracle": "bayesian"})),
    }
    path, answer = comparison.write_comparison(made, tmp_path)
    assert "are not independent draws, so their distributions are not tested." in answer[1]
    assert "as distributions" not in answer[1]
    table = pd.read_csv(tmp_path / "tables" / "distributions.csv")
    assert table[["low", "high", "p", "adjusted"]].isna().all(axis=None)
    assert table[["probability", "median a", "median b"]].notna().all(axis=None)
    assert "where an oracle chose trials by earlier scores" in Page(path.read_text()).words()
