"""The tables of a report: every digit in the CSV, few on the page, the lowest marked."""

import io
import math
from dataclasses import replace

import pandas as pd
import pytest

from suite.analysis.trial_statistics import best_tenth, best_tenth_error, variant_summary
from suite.config import Protocol, load_preset
from suite.report.formatting import format_number
from suite.report.parts import Table, TableColumn, Text
from suite.report.sections import best_tenths, cost, provenance, published_scores, tasks
from suite.seeds import derive_seed
from suite.space import PAPER_SPACE, Range


@pytest.fixture
def jsb(findings):
    return findings.rows[findings.rows["task"] == "jsb"]


def column(table, label):
    place = [cell.text for cell in table.head()].index(label)
    return [row.cells[place] for row in table.body()]


def summarised(findings, rows):
    """Return findings in which the trials of jsb are these rows."""
    return replace(findings, summaries={"jsb": variant_summary(rows, list(findings.config.cells))})


def test_the_csv_has_every_digit(jsb, findings):
    table = tasks.trial_table(findings, "jsb", "jsb")
    read = pd.read_csv(io.BytesIO(table.to_csv()))
    assert read["test"].tolist()[:5] == jsb["test"].tolist()[:5]
    assert read.groupby("cell")["best_tenth"].sum().tolist() == [2, 2, 2]


def test_the_best_trial_is_shown_with_its_hyperparameters(jsb, findings):
    table = tasks.best_trial_table(findings, "jsb", "jsb")
    best = best_tenth(jsb[jsb["cell"] == "nfg"]).iloc[0]
    assert table.frame.set_index("cell").loc["nfg", "momentum"] == best["momentum"]
    headings = [cell.text for cell in table.head()]
    assert headings[4:8] == ["units", "learning rate", "momentum", "input noise"]


def test_the_lowest_score_is_marked_and_vanilla_is_compared_with(findings):
    table = best_tenths.overview_table(findings)
    means = findings.summaries["jsb"]["tenth_mean"]
    assert [cell.highlighted for cell in column(table, "Bach chorales")] == (means == means.min()).tolist()
    assert column(table, "against lstm")[0].text == "0"
    assert column(table, "what it is")[0].text == "Vanilla LSTM"


def test_a_variant_without_scores_has_dashes_and_sorts_last(jsb, findings):
    table = tasks.score_table(summarised(findings, jsb[jsb["cell"] != "gru"]), "jsb", "jsb")
    last = column(table, "best tenth, test")[-1]
    assert (last.text, last.value, last.highlighted) == ("–", "", False)
    assert [cell.text for cell in column(table, "trials")] == ["12", "12", "0 of 12"]


def test_best_tenths_are_beside_those_of_the_paper(findings):
    table = published_scores.published_table(findings, "jsb", "jsb")
    tenths = findings.summaries["jsb"].set_index("cell")["tenth_mean"]
    assert table.frame["cell"].tolist() == ["lstm", "nfg"]  # the GRU is not in the paper
    assert table.frame["gap"].tolist() == [tenths["lstm"] - 8.550, tenths["nfg"] - 8.596]
    assert [cell.text for cell in column(table, "Greff et al.")] == ["8.550", "8.596"]
    assert [cell.text for cell in column(table, "different there")] == ["–", "yes"]
    best = findings.summaries["jsb"].set_index("cell").drop("gru").sort_values("best_valid").iloc[0]
    assert f"has {best['best_test']:.3f} here ({best.name}) and 8.38 there (niaf)" in table.caption


def test_a_gap_from_the_paper_has_the_chance_difference_of_two_searches(jsb, findings):
    table = published_scores.published_table(findings, "jsb", "jsb")
    trials, seed = jsb[jsb["cell"] == "nfg"], derive_seed(findings.config.seed, "jsb", "nfg", "published")
    error = (1 + 12 / 200) ** 0.5 * best_tenth_error(trials, seed)  # 12 trials here, 200 there
    assert table.frame["gap_error"].iloc[1] == error
    assert column(table, "here − there")[1].text.endswith(f" ± {1.96 * error:.3f}")
    config = replace(findings.config, oracle="bayesian")
    dependent = replace(findings, record=replace(findings.record, config=config))
    table = published_scores.published_table(dependent, "jsb", "jsb")
    assert "±" not in column(table, "here − there")[1].text
    assert "not known" in published_scores.agreement_sentences(table.frame)


@pytest.mark.parametrize(
    ("gaps", "sentences"),
    [  # a standard error of 1; the limits are 1.96 and, for three variants, 2.39
        ([1.9, -1.9, 0], "None differs by more. With ranges adjusted for 3 variants, none does."),
        ([2.0, 0, 0], "That of lstm differs by more. With ranges adjusted for 3 variants, none does."),
        (
            [2, -3, 0],
            "Those of lstm and nig differ by more. With ranges adjusted for 3 variants, nig does.",
        ),
    ],
)
def test_which_variants_differ_from_the_paper_beyond_chance(gaps, sentences):
    frame = pd.DataFrame({"cell": ["lstm", "nig", "nfg"], "tenth_mean": 8.5, "gap": gaps, "gap_error": 1.0})
    mean = f"The mean of the differences is {sum(gaps) / 3:+.3f} ± 1.132.".replace("+0.000", "0")
    assert published_scores.agreement_sentences(frame).endswith(f"{sentences} {mean.replace('-', '−')}")


@pytest.mark.parametrize(("p", "text"), [(0.049, "yes"), (0.05, "no")])
def test_the_test_of_the_paper_is_beside_the_same_test_here(p, text, findings, monkeypatch):
    """With the correction for the variants of the paper: not for the GRU."""

    def tests(trials, cells, baseline):
        assert (cells, baseline) == (["lstm", "nfg"], "lstm")
        return pd.DataFrame({"cell": ["nfg"], "adjusted": [p]})

    monkeypatch.setattr(published_scores, "welch_tests", tests)
    table = published_scores.published_table(findings, "jsb", "jsb")
    medians = findings.summaries["jsb"].set_index("cell")["median"]
    assert table.frame["median"].tolist() == medians[["lstm", "nfg"]].tolist()
    assert [cell.text for cell in column(table, "median of all there")] == ["9.480", "9.770"]
    assert [cell.text for cell in column(table, "different here")] == ["–", text]


def test_settings_and_ranges_that_are_not_those_of_the_paper_are_named(findings):
    space = {**PAPER_SPACE, "learning_rate": Range(1e-6, 0.1, "log")}
    own = {
        "nfg": {"units": Range(20, 400, "log", whole=True)},
        "np": PAPER_SPACE,
        "gru": {"units": Range(1, 2)},
    }
    config = replace(findings.config, trials=60, space=space, variant_spaces=own, protocol=Protocol(batch=32))
    record = replace(findings.record, config=config, trials_per_search=60)
    assert published_scores.protocol_differences(record) == [
        "trials (60; there 200)",
        "batch (32; there 1)",
        "learning rate (1e−6 to 0.1, log; there 1e−6 to 0.01, log)",
        "units of nfg (20 to 400, log)",
    ]
    first = published_scores.build(replace(findings, record=record))[0].parts[0]
    assert isinstance(first, Text)
    assert str(first.content).startswith("This sweep differs from the paper in trials (60; there 200), batch")
    jsb = replace(load_preset("jsb"), seed=7)
    assert published_scores.protocol_differences(replace(record, config=jsb, trials_per_search=200)) == []


def test_other_data_and_other_variants_are_not_beside_those_of_the_paper(jsb, findings):
    (section,) = published_scores.build(findings)
    assert [part.name for part in section.parts if isinstance(part, Table)] == ["jsb-published"]
    only_gru = summarised(findings, jsb[jsb["cell"] == "gru"])
    config = replace(findings.config, tasks=("jsb",))
    assert published_scores.build(replace(only_gru, record=replace(findings.record, config=config))) == []


def test_failures_are_counted_by_their_error(jsb):
    failed = jsb.assign(status="failed", error="ValueError: lanes\nmore")
    table = provenance.failure_table(failed)
    assert table.frame["trials"].tolist() == [12, 12, 12]
    assert set(table.frame["error"]) == {"ValueError: lanes"}


def test_the_cost_adds_up(jsb, findings):
    table = cost.cost_table(summarised(findings, jsb))
    assert table.frame["total seconds"].sum() == pytest.approx(jsb["seconds"].sum())
    assert table.frame["seconds a trial"].mean() == pytest.approx(jsb["seconds"].mean())
    assert table.frame["operations a trial"].mean() == pytest.approx(jsb["operations"].mean())
    assert "36 trials took" in table.caption


def test_what_is_infinite_is_shown_and_sorted_as_without_a_value():
    frame = pd.DataFrame({"cell": ["a", "b"], "shift": [-math.inf, math.inf]})
    body = Table("", "", frame, [TableColumn("shift", "shift", format_number)]).body()
    assert [(cell.text, cell.value) for row in body for cell in row.cells] == [("−∞", ""), ("∞", "")]


def test_operations_are_a_column_where_they_are_known(jsb, findings):
    heading = "multiply–adds per trial"
    known = summarised(findings, jsb.assign(operations=2.5e12))
    assert column(tasks.score_table(known, "jsb", "jsb"), heading)[0].text == "2.5 T"
    assert column(cost.cost_table(known), heading)[0].text == "2.5 T"
    unknown = summarised(findings, jsb.assign(operations=math.nan))
    for table in (tasks.score_table(unknown, "jsb", "jsb"), cost.cost_table(unknown)):
        assert heading not in [cell.text for cell in table.head()]


def test_each_maker_of_trials_has_a_line(jsb):
    two = jsb.assign(device=["cpu"] * 30 + ["gpu"] * 6)
    assert provenance.provenance_table(two).frame["trials"].tolist() == [30, 6]


def test_searches_that_mix_code_or_data_are_named(jsb):
    code = {"suite": "5", "cell": "1", "task": "2", "data": "3"}
    assert "changed" not in provenance.provenance_table(jsb.assign(code=[code] * len(jsb))).caption
    table = provenance.provenance_table(jsb.assign(code=[code | {"cell": "4"}, *[code] * (len(jsb) - 1)]))
    assert table.caption.endswith(f"Code or data changed between the trials of {jsb['cell'].iloc[0]} on jsb.")
    assert table.frame["code"].tolist() == ["5"]
