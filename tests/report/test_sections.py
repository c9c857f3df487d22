"""Sections of a page: a new one is a function, whose parts reach the page, the Markdown and the CSV files."""

import math
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from test_pages import Page

from suite import store
from suite.config import SweepRecord, TaskInfo, record_from_table
from suite.report.parts import Bullets, Details, Link, Section, Strong, Table, TableColumn, Text
from suite.report.rendering import add_trial_titles, page_files
from suite.report.report import report_page
from suite.report.sections import SECTIONS, answer, glossary
from suite.report.sections.tasks import trial_titles


def slowest(findings):
    """Return a section of the three slowest trials."""
    frame = findings.rows.nlargest(3, "seconds")[["cell", "task", "trial", "seconds"]]
    table = Table("slowest", "The slowest trials.", frame, [TableColumn(key, key) for key in frame])
    return [Section("slowest", "Slowest <trials>", [table])]


def nothing(findings):
    """Return no section."""
    return []


@pytest.mark.parametrize(
    ("needed", "sentence"),
    [
        ([40, 60, 20_000], " About 60 trials of each search may decide 2 of the 3 undecided claims."),
        ([600, 300], " About 300 trials of each search may decide 1 of the 2 undecided claims."),
        ([40], " About 40 trials of each search may decide the undecided claim."),
        ([40, math.nan, math.nan], ""),
        ([], ""),
    ],
)
def test_the_answer_says_how_many_trials_may_decide_half_of_the_undecided_claims(needed, sentence):
    undecided = [SimpleNamespace(verdict="undecided", trials_needed=trials) for trials in needed]
    verdicts = [*undecided, SimpleNamespace(verdict="holds", trials_needed=math.nan)]
    findings = SimpleNamespace(verdicts=verdicts)
    assert answer.claims_sentence(findings).partition(".")[2] == sentence


@pytest.fixture
def files(findings):
    return page_files(report_page(findings, [slowest, nothing, glossary.build]))


def test_a_section_is_a_function_whose_table_is_in_the_page_the_markdown_and_a_csv_file(files, rows):
    page, markdown = Page(files["index.html"].decode()), files["report.md"].decode()
    worst = rows.nlargest(3, "seconds")
    assert "Slowest <trials>" in page.section("slowest")
    assert "#slowest" in [attrs["href"] for attrs in page.all("a")]
    assert r"## Slowest \<trials\>" in markdown
    assert f"| {worst['cell'].iloc[0]} | {worst['task'].iloc[0]} |" in markdown
    assert files["tables/slowest.csv"].startswith(b"cell,task,trial,seconds\n")
    variants = [attrs["data-cell"] for attrs in page.all("tr") if "data-cell" in attrs]
    assert variants == worst["cell"].tolist()


def test_a_section_without_content_leaves_no_trace(files):
    page = Page(files["index.html"].decode())
    assert [attrs["id"] for attrs in page.all("section")] == ["slowest", "glossary"]
    assert set(files) == {"tables/slowest.csv", "index.html", "report.md"}


def test_details_fold_away_in_html_and_in_markdown(findings):
    inside = [Bullets([Text([Strong("a"), ": 1 < 2, see ", Link("b", "#c")])])]
    parts = [Details("More & more", [*inside, Details("Even more", [Text("$5")])])]
    files = page_files(report_page(findings, [lambda _: [Section("only", "Only", parts)]]))
    page = Page(files["index.html"].decode())
    assert page.open == []
    assert page.all("details")[-2:] == [{}, {}]
    assert page.section("only") == "Only More & more a : 1 < 2, see b Even more $5"
    markdown = files["report.md"].decode()
    assert "<details>\n<summary>More &amp; more</summary>\n\n- **a**: 1 \\< 2, see **b**\n" in markdown
    assert markdown.count("\n</details>\n") == 2


def test_a_point_that_stands_for_a_trial_has_a_title():
    drawn = '<g data-cell="a&amp;b" id="g"><use data-trial="3" x="1"/><path data-trial="4" d="M"/></g>'
    titles = {("a&b", 3): "units 5 < 6", ("lstm", 4): "of another variant"}
    assert add_trial_titles(drawn, titles) == (
        '<g data-cell="a&amp;b" id="g"><use x="1"><title>units 5 &lt; 6</title></use>'
        '<path data-trial="4" d="M"/></g>'
    )


def test_the_title_of_a_trial_has_its_score_its_hyperparameters_and_its_seed(findings):
    row = findings.trials["jsb"].iloc[0]
    title = trial_titles(findings, "jsb")["lstm", 0]
    assert title.startswith("lstm, trial 0: test ")
    assert "; units 32; learning rate " in title
    assert title.endswith(f"; seed {row['seed']}")


def test_the_sections_of_a_sweep_are_in_order_and_have_ids_of_their_own(findings):
    ids = [section.id for build in SECTIONS for section in build(findings)]
    assert ids[:2] == ["answer", "claims"]
    assert ids[-1] == "glossary"
    assert len(set(ids)) == len(ids)


def test_the_record_of_an_older_sweep_has_names_where_it_lacks_descriptions():
    table = {"name": "old", "tasks": ["jsb"], "cells": ["lstm"], "trials": 5, "oracle": "hyperband"}
    record = record_from_table(table | {"space": {"units": {"low": 2, "high": 3}}})
    assert record.tasks == {"jsb": TaskInfo("jsb")}
    assert (record.cells, record.trials_per_search) == ({"lstm": ""}, 5)
    assert list(record.config.space) == ["units"]
    assert isinstance(record, SweepRecord)
    newer = record_from_table(
        table | {"about": {"tasks": {"jsb": {"title": "J", "new": 1}}, "trials_a_search": 9}}
    )
    assert (newer.titles, newer.trials_per_search) == ({"jsb": "J"}, 9)


def test_numbers_that_are_not_finite_are_sorted_last():
    frame = pd.DataFrame({"cell": ["a", "b"], "score": [1.0, float("inf")]})
    rows = Table("t", "", frame, [TableColumn("variant", "cell"), TableColumn("score", "score")]).body()
    assert [(row.variant, row.against, row.cells[1].value) for row in rows] == [("a", "", 1.0), ("b", "", "")]


def test_a_results_folder_has_a_record_named_after_the_folder():
    record = store.read_sweep(Path(__file__).parents[1] / "older_sweep")
    assert (record.config.name, record.trials_per_search) == ("older_sweep", 12)
    assert record.tasks["chorales"].train == 203
    assert record.cells["nfg"] == "No forget gate: f = 1."
