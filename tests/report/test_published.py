"""The published reports follow from the published rows, byte for byte, and the texts from the reports."""

import re
from pathlib import Path

import pandas as pd
import pytest

from suite import store
from suite.analysis.trial_statistics import best_tenth
from suite.report import write_report

ROOT = Path(__file__).parents[2]
JSB_REPORT = ROOT / "reports" / "jsb"


@pytest.mark.parametrize("name", ["reference", "jsb"])
def test_a_published_report_is_that_of_the_published_rows(name, tmp_path):
    results = ROOT / "results" / name
    write_report(
        store.load(results),
        store.read_sweep(results),
        tmp_path,
        lambda keys: store.load_curves(results, keys),
    )
    published = ROOT / "reports" / name
    files = {path.relative_to(published) for path in published.rglob("*") if path.is_file()}
    assert files == {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    files = {file for file in files if file.suffix != ".png"}  # SVG shows the same
    assert [file for file in files if (published / file).read_bytes() != (tmp_path / file).read_bytes()] == []


def test_the_readme_opens_with_the_answer_of_the_published_study():
    text, report = (
        (path / name).read_text("utf-8") for path, name in ((ROOT, "README.md"), (JSB_REPORT, "report.md"))
    )
    opening, lines = text.partition("\n## ")[0], report.splitlines()
    quoted = [line for line in opening.splitlines() if line.startswith(("| ", "- "))]
    assert [line for line in quoted if line not in lines] == []
    claims = [line for line in lines if re.match(r"- \*\*(holds|fails|undecided)\*\*", line)]
    assert [line for line in quoted if line.startswith("- ")] == claims
    sentences = " ".join(opening.split()).partition(" 95 % interval. **")[2].partition("***")[0]
    assert sentences.endswith("differ significantly from vanilla lstm.")
    assert f"**{sentences} " in report
    assert f"its {len(store.load(ROOT / 'results' / 'jsb')):,} networks" in opening


def test_the_reasons_for_differences_from_the_paper_are_in_the_rows():
    """Good draws have learning rates above 5e-4 and noise below 0.4; a loss rises if by more than 0.3."""
    text = (ROOT / "reports" / "README.md").read_text("utf-8").replace("−", "-")
    stated = {
        cell: tuple(map(float, numbers))
        for cell, *numbers in re.findall(r"^\| (\w+) \| (\S+) \| (\d+) \| (\d+) \|$", text, re.M)
    }
    rows = store.load(ROOT / "results" / "jsb")
    good = rows[(rows["learning_rate"] > 5e-4) & (rows["input_noise"] < 0.4)]
    keys = good[["task", "cell", "trial"]].itertuples(index=False)
    curves = store.load_curves(ROOT / "results" / "jsb", keys)
    curves["rise"] = curves["train"] - curves.groupby(["cell", "trial"])["train"].cummin()
    rose = (curves.groupby(["cell", "trial"])["rise"].max() > 0.3).groupby("cell").sum()
    gaps = pd.read_csv(JSB_REPORT / "tables" / "jsb-published.csv").set_index("cell")["gap"]
    drawn = good["cell"].value_counts()
    tenths = pd.concat(best_tenth(trials) for _, trials in rows.groupby("cell"))
    assert f"{tenths.index.isin(good.index).sum()} of {len(tenths)} networks" in text
    assert "+0.061 ± 0.045" in (JSB_REPORT / "report.md").read_text("utf-8")
    assert stated == {cell: (round(gap, 3), drawn[cell], rose[cell]) for cell, gap in gaps.items()}
