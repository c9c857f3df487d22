"""The comparison of made-up sweeps: what it says, its files, and that nothing in them is markup."""

import copy
import re

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from test_pages import Page, contents

from suite import Refusal
from suite.analysis import agreement
from suite.analysis.sweep_comparison import common_searches
from suite.config import record_from_table
from suite.report import comparison
from suite.report.figures.scatter import agreement_scatter


def records(sweeps):
    """Return sweeps, (rows, sweep.toml) by label, with their records."""
    return {label: (rows, record_from_table(table)) for label, (rows, table) in sweeps.items()}


def write_comparison(sweeps, folder):
    """Write the comparison of (rows, sweep.toml) by label."""
    return comparison.write_comparison(records(sweeps), folder)


@pytest.fixture
def altered(rows):
    """The rows of the same sweep on another device: half the time, nfg one nat worse on jsb."""
    worse = (rows["task"] == "jsb") & (rows["cell"] == "nfg")
    other = rows.assign(device="gpu <0>", seconds=rows["seconds"] / 2)
    return other.assign(test=other["test"].mask(worse, other["test"] + 1))


@pytest.fixture
def compared(rows, altered, asked, tmp_path):
    """The path of their page, and its answer."""
    return write_comparison({"cpu": (rows, asked), "gpu": (altered, asked)}, tmp_path / "both")


def test_the_answer_says_what_agrees_what_differs_and_what_it_took(compared):
    same, differs, took, makers = compared[1]
    assert "gpu and cpu have 72 trials in common" in same
    assert "61 of the test scores (84.7 %) agree within 1 %" in same
    assert "pair by pair, scores of gpu are significantly higher (worse) in nfg on jsb." in differs
    assert "as distributions, no search differs significantly" in differs
    assert "For the same 71 finished trials, gpu took 0.5 (0.5–0.5) times as long as cpu" in took
    assert makers == "Their hardware or software differs: device."


def test_scores_that_rounding_tells_apart_are_ties(rows, asked, tmp_path):
    path, answer = write_comparison(
        {"a": (rows, asked), "b": (rows.assign(test=rows["test"] * (1 + 1e-7)), asked)}, tmp_path
    )
    assert "pair by pair or as distributions, no search differs significantly" in answer[1]
    assert "72 of 72 pairs are ties: they differ by at most 0.001 %." in answer[1]
    assert "They tie if they differ by at most 0.001 %" in Page(path.read_text()).words()


def test_without_units_a_ratio_of_seconds_has_no_interval(rows, asked, tmp_path):
    older = rows.drop(columns="unit")
    path, answer = write_comparison(
        {"a": (older, asked), "b": (older.assign(seconds=older["seconds"] / 2), asked)}, tmp_path
    )
    assert "b took 0.5 times as long as a" in answer[2]
    assert "bootstrap over whole units" in Page(path.read_text()).words()


def test_distributions_that_differ_are_named(rows, altered, asked, tmp_path):
    far = altered.assign(test=altered["test"].where(altered["cell"] != "nfg", altered["test"] + 100))
    text = write_comparison({"cpu": (rows, asked), "gpu": (far, asked)}, tmp_path / "worse")[1][1]
    worse = "scores of gpu are significantly higher (worse) in nfg on jsb and nfg on adding."
    assert text.endswith(f"Compared as distributions, {worse}")
    text = write_comparison({"cpu": (far, asked), "gpu": (rows, asked)}, tmp_path / "better")[1][1]
    assert text.count("lower (better) in nfg on jsb and nfg on adding.") == 2


def test_each_sweep_is_counted(rows, altered, compared):
    table = pd.read_csv(compared[0].parent / "tables" / "sweeps.csv").set_index("sweep")
    assert (
        table[["searches", "trials", "done", "diverged", "failed"]].to_numpy().tolist()
        == [[6, 72, 63, 8, 1]] * 2
    )
    for label, frame in (("cpu", rows), ("gpu", altered)):
        mean = frame["seconds"].mean()
        expected = [mean, 3600 / mean, frame["seconds"].sum() / 3600]
        assert table.loc[label, ["seconds", "rate", "hours"]].tolist() == pytest.approx(expected)


def test_the_page_opens_with_the_answer(compared):
    page = Page(compared[0].read_text())
    assert all(sentence in page.section("answer") for sentence in compared[1])
    assert page.open == []


def test_a_copy_has_equal_scores(rows, asked, tmp_path):
    _, answer = write_comparison({"a": (rows, asked), "b": (rows.copy(), asked)}, tmp_path)
    assert "all their test scores are identical." in answer[0]
    assert "no search differs significantly" in answer[1]
    assert len(answer) == 3


def test_every_link_leads_to_a_file_and_nothing_is_loaded(compared):
    folder, page = compared[0].parent, Page(compared[0].read_text())
    links = [attrs["href"] for attrs in page.all("a")]
    ids = [attrs["id"] for _, attrs in page.seen if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    links += re.findall(r"\]\(([^)#]+)\)", (folder / "report.md").read_text())
    files = {link for link in links if not link.startswith("#")}
    assert all((folder / link).is_file() for link in files)
    tables = ["sweeps", "questions", "provenance", "trials", "agreement", "distributions", "speed"]
    expected = {f"tables/{name}.csv" for name in tables} | {"index.html", "report.md"}
    assert set(contents(folder)) == expected | {"figures/scores.svg", "figures/scores.png"}
    assert not [attrs for _, attrs in page.seen if "//" in attrs.get("src", "") + attrs.get("href", "")]


def test_the_same_rows_in_any_order_give_the_same_bytes(rows, altered, asked, compared, tmp_path):
    shuffled = [(frame.sample(frac=1, random_state=1), asked) for frame in (rows, altered)]
    write_comparison(dict(zip(("cpu", "gpu"), shuffled, strict=True)), tmp_path / "again")
    assert contents(tmp_path / "again") == contents(compared[0].parent)


def test_labels_and_makers_are_text_not_markup(rows, altered, asked, tmp_path):
    path, _ = write_comparison({"<b>|a": (rows, asked), "b*": (altered, asked)}, tmp_path)
    page = Page(path.read_text())
    assert "<b>|a" in page.words()
    assert "gpu <0>" in page.words()
    assert not page.all("b")
    text = (tmp_path / "report.md").read_text()
    assert "<b>" not in text.replace(r"\<b\>", "")
    assert r"gpu \<0\>" in text


def test_csv_has_the_same_trials_with_every_digit(rows, altered, compared):
    read = pd.read_csv(compared[0].parent / "tables" / "trials.csv")
    assert set(read["test cpu"].dropna()) == set(rows["test"].dropna().astype(float))
    assert read["seconds gpu"].sum() == pytest.approx(altered["seconds"].sum())


def test_others_are_each_compared_with_the_first(rows, altered, asked, tmp_path):
    seeded = rows.assign(seed=rows["seed"] + 1)
    path, answer = write_comparison(
        {"a": (rows, asked), "b": (altered, asked), "c": (seeded, asked)}, tmp_path
    )
    assert (tmp_path / "tables" / "2-b-agreement.csv").exists()
    assert not (tmp_path / "tables" / "3-c-agreement.csv").exists()
    assert (tmp_path / "tables" / "3-c-distributions.csv").exists()
    assert "c and a have no trials with the same seed and hyperparameters" in answer[3]
    assert "the sweeps have no trials in common" in answer[5]
    assert len(Page(path.read_text()).all("svg")) == 1


def test_what_was_asked_otherwise_is_said(rows, asked, tmp_path):
    other = copy.deepcopy(asked)
    other["epochs"], other["space"]["units"]["high"] = 10, 100
    other["about"]["tasks"]["jsb"]["train"] = 1
    other["variant_spaces"] = {"nfg": {"momentum": {"low": 0.0, "high": 0.9}}}
    _, answer = write_comparison({"a": (rows, asked), "b": (rows, other)}, tmp_path)
    assert answer[-1] == "Their settings differ: epochs, units, data of Bach chorales and momentum of nfg."
    table = pd.read_csv(tmp_path / "tables" / "questions.csv").set_index("setting")
    assert table.loc["epochs"].tolist() == ["150", "10", "yes"]
    assert table["differs"].count() == 4


def test_each_version_is_a_line_of_the_makers(rows, asked, tmp_path):
    other = rows.assign(versions='{"keras": "3.12", "jax": "0.6.0"}')
    write_comparison({"a": (rows, asked), "b": (pd.concat([other[:9], rows[9:]]), asked)}, tmp_path)
    table = pd.read_csv(tmp_path / "tables" / "provenance.csv").set_index("setting")
    assert table.loc["keras"].tolist() == ["3.11.1", "3.11.1, 3.12", "yes"]
    assert table.loc[["jax", "device", "commit"], "differs"].isna().all()


def test_sweeps_of_other_code_differ_in_it(rows, asked, tmp_path):
    made = {suite: (rows.assign(code=[{"suite": suite}] * len(rows)), asked) for suite in ("0123", "4567")}
    write_comparison(made, tmp_path)
    table = pd.read_csv(tmp_path / "tables" / "provenance.csv", dtype=str).set_index("setting")
    assert table.loc["code"].tolist() == ["0123", "4567", "yes"]


def test_only_searches_that_all_made_are_compared(rows, asked):
    sweeps = {"a": (rows[rows["cell"] != "gru"], asked), "b": (rows[rows["task"] == "jsb"], asked)}
    result = common_searches(records(sweeps))
    for frame in result.values():
        assert set(zip(frame["task"], frame["cell"], strict=True)) == {("jsb", "lstm"), ("jsb", "nfg")}
        assert len(frame) == 24


def test_sweeps_without_trials_or_without_a_common_search_are_refused(rows, asked, tmp_path):
    made = {"a": (rows, asked), "b": (rows.head(0), asked)}
    with pytest.raises(Refusal, match="b: expected trials to compare, got none"):
        write_comparison(made, tmp_path)
    lstm, gru = rows[rows["cell"] == "lstm"], rows[(rows["cell"] == "gru") & (rows["task"] == "jsb")]
    text = "got none: a has lstm on adding, lstm on jsb; b has gru on jsb; name other folders"
    with pytest.raises(Refusal, match=text):
        write_comparison({"a": (lstm, asked), "b": (gru, asked)}, tmp_path)
    assert contents(tmp_path) == {}


def test_a_sweep_without_a_score_has_no_figure(rows, asked, tmp_path):
    failed = rows.assign(status="failed", valid=None, test=None, error="lost")
    path, answer = write_comparison({"a": (rows, asked), "b": (failed, asked)}, tmp_path)
    assert Page(path.read_text()).all("svg") == []
    assert "72 trials ended with a different status" not in answer[0]
    assert "71 trials ended with a different status" in answer[0]


def test_the_figure_has_every_same_trial_and_the_line_of_equality(rows, altered, asked):
    both = common_searches(records({"a": (rows, asked), "b": (altered, asked)}))
    pairs = agreement.matched_trials(both["a"], both["b"])
    figure = agreement_scatter(pairs, ("a", "b"))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["jsb", "adding"]
    for axes in figure.axes:
        (line,), (points,) = axes.get_lines(), axes.collections
        assert (line.get_slope(), axes.get_xlim()) == (1, axes.get_ylim())
        assert len(points.get_offsets()) == 36
        assert {len(path.vertices) for path in points.get_paths()} == {13, 26}  # crosses and circles
        assert points.get_offsets().max() < axes.get_xlim()[1]
    shades = [to_hex(shade) for shade in figure.axes[0].collections[0].get_facecolors()]
    assert shades.count("#d55e00") == 11


def test_a_score_off_the_scale_in_one_sweep_is_a_cross(rows, altered, asked):
    altered.loc[0, "test"] = 1e6
    both = common_searches(records({"a": (rows, asked), "b": (altered, asked)}))
    pairs = agreement.matched_trials(both["a"], both["b"])
    (points,) = agreement_scatter(pairs, ("a", "b")).axes[0].collections
    crosses = points.get_offsets()[[len(path.vertices) == 13 for path in points.get_paths()]]
    assert rows.loc[0, "test"] in crosses[:, 0]
