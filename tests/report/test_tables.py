"""The tables of a report: every digit in the CSV, few on the page, the lowest marked."""

import io
import math

import pandas as pd
import pytest

from suite.analysis.trial_statistics import best_tenth, variant_summary
from suite.report import tables
from suite.report.pages import prepare_rows


@pytest.fixture
def jsb(rows, asked):
    rows = prepare_rows(rows, asked)
    return rows[rows["task"] == "jsb"]


def column(table, label):
    place = [heading for heading, _ in table.head()].index(label)
    return [row[place] for row in table.body()]


def test_the_csv_has_every_digit(jsb, asked):
    table = tables.trial_table("jsb", jsb, asked)
    read = pd.read_csv(io.BytesIO(table.to_csv()))
    assert read["test"].tolist()[:5] == jsb["test"].tolist()[:5]
    assert read.groupby("cell")["best_tenth"].sum().tolist() == [2, 2, 2]


def test_the_best_trial_is_shown_with_its_hyperparameters(jsb, asked):
    table = tables.best_trial_table("jsb", jsb, variant_summary(jsb, asked["cells"]), asked)
    best = best_tenth(jsb[jsb["cell"] == "nfg"]).iloc[0]
    assert table.frame.set_index("cell").loc["nfg", "momentum"] == best["momentum"]
    assert [heading for heading, _ in table.head()][4:8] == [
        "units",
        "learning rate",
        "momentum",
        "input noise",
    ]


def test_the_lowest_score_is_marked_and_vanilla_is_compared_with(jsb, asked):
    summaries = {"jsb": variant_summary(jsb, asked["cells"])}
    table = tables.overview_table(summaries, asked)
    means = summaries["jsb"]["tenth_mean"]
    assert [cell.highlighted for cell in column(table, "Bach chorales")] == (means == means.min()).tolist()
    assert column(table, "against vanilla")[0].text == "0"
    assert column(table, "what it is")[0].text == "Vanilla LSTM"


def test_a_variant_without_scores_has_dashes_and_sorts_last(jsb, asked):
    table = tables.score_table("jsb", variant_summary(jsb[jsb["cell"] != "gru"], asked["cells"]), asked)
    last = column(table, "best tenth, test")[-1]
    assert (last.text, last.value, last.highlighted) == ("–", "", False)
    assert [cell.text for cell in column(table, "trials")] == ["12", "12", "0 of 12"]


def test_failures_are_counted_by_their_error(jsb):
    failed = jsb.assign(status="failed", error="ValueError: lanes\nmore")
    table = tables.failure_table(failed)
    assert table.frame["trials"].tolist() == [12, 12, 12]
    assert set(table.frame["error"]) == {"ValueError: lanes"}


def test_the_cost_adds_up(jsb, asked):
    table = tables.cost_table({"jsb": variant_summary(jsb, asked["cells"])}, asked)
    assert table.frame["total"].sum() == pytest.approx(jsb["seconds"].sum() / 3600)
    assert table.frame["seconds"].mean() == pytest.approx(jsb["seconds"].mean())
    assert "36 trials" in table.caption


def test_what_is_infinite_is_shown_and_sorted_as_without_a_value():
    frame = pd.DataFrame({"cell": ["a", "b"], "shift": [-math.inf, math.inf]})
    body = tables.Table(
        "", "", frame, [tables.TableColumn("shift", "shift", tables.number_formatter("shift"))]
    ).body()
    assert [(cell.text, cell.value) for [cell] in body] == [("−∞", ""), ("∞", "")]


def test_operations_are_a_column_where_they_are_known(jsb, asked):
    found = variant_summary(jsb.assign(operations=2.5e12), asked["cells"])
    assert column(tables.score_table("jsb", found, asked), "multiply–adds a trial")[0].text == "2.5 T"
    unknown = tables.score_table("jsb", found.assign(operations=math.nan), asked)
    assert "operations" not in [column.key for column in unknown.columns]


def test_each_maker_of_trials_has_a_line(jsb):
    two = jsb.assign(device=["cpu"] * 30 + ["gpu"] * 6)
    assert tables.provenance_table(two).frame["trials"].tolist() == [30, 6]


def test_searches_that_mix_code_or_data_are_named(jsb):
    code = {"suite": "5", "cell": "1", "task": "2", "data": "3"}
    assert "changed" not in tables.provenance_table(jsb.assign(code=[code] * len(jsb))).caption
    table = tables.provenance_table(jsb.assign(code=[code | {"cell": "4"}, *[code] * (len(jsb) - 1)]))
    assert table.caption.endswith(f"Code or data changed between the trials of {jsb['cell'].iloc[0]} on jsb.")
    assert table.frame["code"].tolist() == ["5"]
