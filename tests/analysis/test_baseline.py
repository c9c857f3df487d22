"""The variant that others are compared with, and the comparison of every pair."""

import itertools
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from studies import planted, study_config

from suite import cli, store
from suite.analysis.cell_claims import compare_cells, count_tests
from suite.analysis.claims import all_pair_comparisons, judge_claims, planned_comparisons
from suite.analysis.findings import differences_from_baseline
from suite.analysis.significance import holm
from suite.analysis.trial_statistics import variant_summary
from suite.report.sections import all_pairs

OLDER_SWEEP = Path(__file__).parents[1] / "older_sweep"
CELLS = ["rnn", "lstm", "nfg", "gru"]
COMPARED = ["probability", "low", "high", "shift", "p"]


@pytest.fixture(scope="module")
def config():
    return study_config(["jsb", "adding"], CELLS, trials=20)


@pytest.fixture(scope="module")
def rows(config):
    return planted(config, {"nfg": 2})


def compare(rows, pairs, n_resamples=99):
    return compare_cells(rows, pairs, 1, n_resamples)


def test_every_variant_is_compared_with_the_baseline_and_claims_keep_vanilla(rows, config):
    planned = planned_comparisons(rows, replace(config, baseline="gru"))
    for task in config.tasks:
        against_gru = [cell for where, cell, against in planned if (where, against) == (task, "gru")]
        assert against_gru == ["rnn", "lstm", "nfg"]
        assert (task, "nfg", "lstm") in planned  # two claims are about it
    table = differences_from_baseline(compare(rows, planned, 999), config.tasks, CELLS, "gru")["jsb"]
    assert table["cell"].tolist() == ["rnn", "lstm", "nfg"]
    assert table["better"].tolist() == [False, False, False]
    assert table["worse"].tolist() == [False, False, True]
    assert table["welch"].notna().all()


def test_two_cells_compared_in_both_directions_are_one_test_with_one_p(rows):
    """With the baseline gru, a claim compares gru with lstm, and the table lstm with gru."""
    pairs = [("jsb", "lstm", "gru"), ("jsb", "nfg", "gru"), ("jsb", "rnn", "gru")]
    once, both = compare(rows, pairs), compare(rows, [*pairs, ("jsb", "gru", "lstm"), ("jsb", "gru", "nfg")])
    pd.testing.assert_frame_equal(both.head(3), once)
    assert count_tests(both) == count_tests(once) == 3
    for mirrored, line in ((3, 0), (4, 1)):
        here, there = both.loc[mirrored], both.loc[line]
        assert (here["p"], here["adjusted"]) == (there["p"], there["adjusted"])
        assert (here["worse"], here["better"]) == (there["better"], there["worse"])
        ends = 1 - there["probability"], 1 - there["high"], 1 - there["low"], -there["shift"]
        assert tuple(here[["probability", "low", "high", "shift"]]) == ends
    assert both.loc[4, "better"]


def test_without_vanilla_the_first_variant_is_the_baseline(rows, config):
    without_vanilla = replace(config, cells=("nfg", "rnn", "gru"))
    planned = planned_comparisons(rows[rows["cell"] != "lstm"], without_vanilla)
    assert {against for _, _, against in planned if against != "gru"} == {"nfg"}
    assert ("jsb", "rnn", "nfg") in planned
    verdicts = judge_claims(rows, without_vanilla, {}, compare(rows, planned), {}, seed=1)
    assert {verdict.verdict for verdict in verdicts} == {"not tested"}  # they are about vanilla


def test_every_pair_is_compared_once_on_every_task_and_adjusted_over_all(rows, config):
    pairs = all_pair_comparisons(rows, config)
    for task in config.tasks:
        result = [frozenset(pair) for where, *pair in pairs if where == task]
        assert sorted(map(sorted, result)) == sorted(map(sorted, itertools.combinations(CELLS, 2)))
    table = compare(rows, pairs)
    assert table["adjusted"].tolist() == holm(table["p"]).tolist()
    assert len(table) == 12


def test_a_pair_with_the_baseline_has_the_numbers_of_the_other_table(rows, config):
    """P before it is adjusted, for the families differ."""
    keys = ["task", "cell", "against"]
    tables = [
        compare(rows, f(rows, config)).set_index(keys) for f in (planned_comparisons, all_pair_comparisons)
    ]
    with_baseline = [key for key in tables[0].index if key[2] == "lstm"]
    assert len(with_baseline) == 6
    pd.testing.assert_frame_equal(*(table.loc[with_baseline, COMPARED] for table in tables))


def test_a_pair_without_trials_is_not_compared(rows, config):
    pairs = all_pair_comparisons(rows[(rows["task"] != "jsb") | (rows["cell"] != "gru")], config)
    assert sum(task == "jsb" for task, *_ in pairs) == 3
    assert sum(task == "adding" for task, *_ in pairs) == 6


def test_the_table_of_pairs_names_both_variants_and_marks_what_is_significant(rows, config):
    table = compare(rows, all_pair_comparisons(rows, config)[:12])
    drawn = all_pairs.pairwise_table(table, {"jsb": "Chorales", "adding": "Adding"})
    assert drawn.name == "all-pairs"
    assert "12 comparisons of this table" in drawn.caption
    assert (
        drawn.to_csv().decode().startswith("task,cell,against,trials,probability,low,high,shift,p,adjusted")
    )


def test_a_summary_has_the_difference_from_the_baseline(rows):
    jsb = rows[rows["task"] == "jsb"].assign(seed=rows["trial"], epochs=1, parameters=1, seconds=1.0)
    table = variant_summary(jsb.assign(operations=1.0), CELLS, "nfg").set_index("cell")
    assert table.loc["nfg", "difference"] == 0
    assert table.loc["gru", "difference"] == pytest.approx(
        table.loc["gru", "tenth_mean"] - table.loc["nfg", "tenth_mean"]
    )


@pytest.fixture
def report(tmp_path, monkeypatch):
    """Run `odyssey report` on some trials of an older sweep; return the folder and the report's."""
    folder = tmp_path / "sweep"
    shutil.copytree(OLDER_SWEEP, folder)
    rows = store.load(folder)
    few = rows[rows["cell"].isin(["rnn", "np", "gru"])]
    monkeypatch.setattr(store, "load", lambda _: few)
    monkeypatch.setattr(
        store, "read_config", lambda _, read=store.read_config: read(folder) | {"cells": ["rnn", "np", "gru"]}
    )

    def run(*words):
        monkeypatch.setattr(
            sys, "argv", ["odyssey", "report", str(folder), f"--out={tmp_path / 'out'}", *words]
        )
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, tmp_path / "out"

    return folder, run


def test_a_report_may_have_another_baseline_and_all_pairs_and_changes_nothing_in_the_folder(report):
    folder, run = report
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, out = run("--baseline=gru", "--all-pairs")
    assert code in (0, None)
    page = (out / "report.md").read_text("utf-8")
    assert "The baseline is gru." in page
    assert "It was chosen as the baseline." in page
    assert len(pd.read_csv(out / "tables" / "all-pairs.csv")) == 3
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_report_without_vanilla_says_that_the_first_variant_is_the_baseline(report):
    _, run = report
    _, out = run()
    page = (out / "report.md").read_text("utf-8")
    assert "The baseline is rnn." in page
    assert "It is the first variant, because lstm is not in this sweep." in page
    assert not (out / "tables" / "all-pairs.csv").exists()


def test_a_baseline_that_is_no_variant_of_the_sweep_is_refused(report, capsys):
    _, run = report
    code, out = run("--baseline=lstm")
    assert code == 2
    assert "no variant 'lstm' in this sweep" in capsys.readouterr().err
    assert not out.exists()
