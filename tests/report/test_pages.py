"""The report of a made-up sweep: its files, its pages, and that the same rows give the same bytes."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from planted import report_of

import suite
from suite import Refusal
from suite.analysis.findings import prepare_rows
from suite.report import write_report

FIGURES = ("boxes", "expected", "sizes", "learning-rate")  # of few trials without curves
TABLES = ("scores", "differences", "best", "trials", "expected")
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Reads a page; an end tag that closes no open element is an error."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.text, self.sections = [], [], [], {"": []}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag == "section":
            self.sections[dict(attrs)["id"]] = []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text.append(data)
            self.sections[list(self.sections)[-1]].append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.seen if name == tag]

    def section(self, name):
        return " ".join(" ".join(self.sections[name]).split())

    def words(self):
        return " ".join(" ".join(self.text).split())


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def folder(whole_sweep, tmp_path_factory):
    """The report of the whole sweep, to be read only."""
    folder = tmp_path_factory.mktemp("reports") / "made-up"
    assert write_report(*whole_sweep, folder) == folder / "index.html"
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return Page((folder / "index.html").read_text())


def test_a_report_is_a_page_markdown_figures_and_tables(asked, folder):
    figures = [f"figures/{task}-{kind}" for task in asked["tasks"] for kind in FIGURES]
    tables = [f"{task}-{kind}" for task in asked["tasks"] for kind in TABLES]
    tables += [
        "answer",
        "best-tenths",
        "jsb-published",
        "claims",
        "ranks",
        "protocol",
        "space",
        "data",
        "cost",
        "provenance",
        "failures",
    ]
    figures.append("figures/answer")
    expected = {"index.html", "report.md", *(f"tables/{name}.csv" for name in tables)}
    expected |= {f"{name}.{form}" for name in figures for form in ("svg", "png")}
    assert set(contents(folder)) == expected


def test_the_same_rows_in_any_order_give_the_same_bytes(rows, asked, folder, tmp_path):
    shuffled = rows.sample(frac=1, random_state=1)[sorted(rows.columns)]
    report_of(shuffled, asked, tmp_path)
    assert contents(tmp_path) == contents(folder)


def test_the_page_is_well_formed(page):
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.seen if "id" in attrs]
    assert len(ids) == len(set(ids))
    inside = [attrs["href"] for attrs in page.all("a") if attrs["href"].startswith("#")]
    assert {link[1:] for link in inside} <= set(ids)


def test_every_figure_has_alternative_text(page, folder):
    drawings = page.all("svg")
    assert len(drawings) == 9
    assert all(svg["role"] == "img" and len(svg["aria-label"]) > 40 for svg in drawings)
    images = re.findall(r"^!\[(.+)\]\((.+)\)$", (folder / "report.md").read_text(), re.MULTILINE)
    assert len(images) == 9
    assert all((folder / source).exists() for _, source in images)


def test_the_page_loads_nothing(page, folder):
    loaded = [
        attrs[key] for _, attrs in page.seen for key in ("src", "href", "xlink:href", "data") if key in attrs
    ]
    assert not [link for link in loaded if "//" in link]
    assert not page.all("img") + page.all("iframe") + page.all("object")
    assert "@import" not in (folder / "index.html").read_text()
    assert not re.search(r"url\((?!#)", (folder / "index.html").read_text())


def test_every_relative_link_leads_to_a_file_of_the_report(page, folder):
    links = [attrs["href"] for attrs in page.all("a")]
    links += re.findall(r"\]\(([^)#]+)\)", (folder / "report.md").read_text())
    assert all((folder / link).is_file() for link in links if not link.startswith("#"))


def test_the_page_opens_with_the_answer(page):
    assert "Best tenths with the lowest mean test score, over 2 tasks:" in page.section("best-tenths")
    assert "The best tenth of" in page.section("task-jsb")
    answer = page.section("answer")
    assert "The baseline is vanilla lstm. Vanilla LSTM. Every variant gets 12 trials" in answer
    assert "nfg (LSTM without forget gate) and gru are significantly worse than vanilla lstm on" in answer
    assert "A difference is significant if a permutation test of all trials has p < .05" in answer


def test_the_table_beside_the_answer_marks_what_its_sentence_says_and_no_more(page, folder):
    table = pd.read_csv(folder / "tables" / "answer.csv").set_index("cell")
    adjusted = table[["jsb adjusted", "adding adjusted"]] < 0.05
    assert adjusted.to_numpy().tolist() == [[True, False], [True, False]]  # nfg and gru, on jsb alone
    assert page.section("answer").count(" *") == 2


def test_claims_that_are_not_tested_are_folded_away(page, folder):
    assert "Not tested on these trials: 14" in page.section("claims")
    assert "<summary>Not tested on these trials: 14</summary>" in (folder / "report.md").read_text()


def test_the_page_of_a_random_search_says_that_trials_were_drawn(page):
    assert "A trial draws its hyperparameters at random" in page.words()
    assert "were chosen by" not in page.words()


def test_the_page_appears_whole_and_last(rows, asked, tmp_path, monkeypatch):
    placed = []
    monkeypatch.setattr("os.replace", lambda source, target: placed.append((Path(source).name, target)))
    asked["tasks"] = ["jsb"]
    path = report_of(rows, asked, tmp_path)
    assert placed[-1][1] == path
    assert all(source.startswith(".") for source, _ in placed)


def test_a_space_without_learning_rate_has_no_figure_of_it(rows, asked, tmp_path):
    asked["tasks"] = ["jsb"]
    del asked["space"]["learning_rate"]
    page = Page(report_of(rows.drop(columns="learning_rate"), asked, tmp_path).read_text())
    assert len(page.all("svg")) == len(FIGURES)  # one less, and the answer


def test_a_sweep_of_many_searches_gets_the_figures_of_its_answer(rows, asked, tmp_path, monkeypatch):
    monkeypatch.setattr("suite.analysis.findings.MAX_DETAILED_SEARCHES", 5)
    report_of(rows, asked, tmp_path)
    drawn = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert drawn == {f"{task}-{kind}" for task in asked["tasks"] for kind in ("boxes", "learning-rate")} | {
        "answer"
    }


def test_names_and_errors_are_text_not_markup(page, folder):
    assert "LSTM without forget gate: f = 1 & <no> more" in page.words()
    assert "ValueError: lanes | <4> ran out" in page.words()
    assert r"ValueError: lanes \| \<4\> ran out" in (folder / "report.md").read_text()


def test_every_table_of_the_markdown_is_a_rectangle(folder):
    lines = (folder / "report.md").read_text().splitlines()
    for above, line in pairwise(lines):
        if above.startswith("|") and line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", above)) == len(re.findall(r"(?<!\\)\|", line))
    starts = [i for i, line in enumerate(lines) if line.startswith("| :--")]
    assert len(starts) == 15
    assert all(lines[i - 2] == "" for i in starts)


def test_a_whole_sweep_says_so(page):
    assert "All 72 trials of this sweep have ended: 63 done, 8 diverged, 1 failed." in page.words()


def test_an_unfinished_sweep_says_how_much_of_it_is_here(rows, asked, tmp_path):
    some = rows[(rows["task"] == "jsb") & (rows["cell"] != "gru") & (rows["trial"] < 5)]
    page = Page(report_of(some, asked, tmp_path).read_text())
    assert "This sweep is unfinished: 10 of its 72 trials (13.8 %) have ended: 10 done." in page.words()
    assert "No trial has a score yet." in page.section("task-adding")
    assert "5 of 12" in page.words()
    assert "Variants have 0" not in page.words()


def test_trials_that_were_not_asked_are_left_out(rows, record):
    more = pd.concat([rows.assign(cell="rnn"), rows, rows.assign(task="copy")])
    pd.testing.assert_frame_equal(prepare_rows(more, record), prepare_rows(rows, record))


@pytest.mark.parametrize("none", [pd.DataFrame(), pd.DataFrame({"task": ["jsb"], "cell": ["rnn"]})])
def test_rows_of_which_none_was_asked_are_refused(none, asked, tmp_path):
    with pytest.raises(Refusal, match="report of made-up: expected trials of its searches, got none"):
        report_of(none, asked, tmp_path)
    assert contents(tmp_path) == {}


def test_a_sweep_without_a_single_score_is_reported(rows, asked, tmp_path):
    asked["tasks"] = ["jsb"]
    failed = rows.assign(status="failed", valid=None, test=None, seconds=None, error=None)
    page = Page(report_of(failed, asked, tmp_path).read_text())
    assert "No trial has a score yet, so there is nothing to compare." in page.words()
    assert "no message" in page.words()
    assert page.all("svg") == []


def test_names_from_other_packages_become_names_of_files(rows, asked, tmp_path):
    name = "package.module:Class"
    asked["tasks"], asked["about"]["tasks"][name] = [name], asked["about"]["tasks"]["jsb"]
    page = Page(report_of(rows.replace({"task": {"jsb": name}}), asked, tmp_path).read_text())
    assert (tmp_path / "figures" / "package.module-Class-boxes.svg").exists()
    assert "#task-package.module-Class" in [attrs["href"] for attrs in page.all("a")]


def test_versions_may_be_a_dict_or_its_json(rows, record):
    for versions in ({"keras": "3.11.1", "jax": "0.6.0"}, '{"keras": "3.11.1", "jax": "0.6.0"}'):
        result = prepare_rows(rows.assign(versions=[versions] * len(rows)), record)["versions"]
        assert set(result) == {"jax 0.6.0, keras 3.11.1"}
    assert set(prepare_rows(rows.assign(versions=None), record)["versions"]) == {""}


def test_a_report_imports_no_backend():
    check = (
        "import sys, suite.report; sys.exit(bool({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", check], check=True, cwd=Path(suite.__file__).parents[1])
