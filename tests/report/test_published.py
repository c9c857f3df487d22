"""The published reports follow from the published rows, byte for byte, and the texts from the reports."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from suite import store
from suite.analysis.findings import search_importance
from suite.analysis.trial_statistics import best_tenth
from suite.report import write_report

ROOT = Path(__file__).parents[2]
JSB_REPORT = ROOT / "reports" / "jsb"


@pytest.mark.parametrize("name", ["reference", "jsb", "jsb-wide"])
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


def test_what_the_wider_range_changes_is_in_the_rows():
    """A bootstrap of pairs gives the ranges; every rate is the same draw on two logarithmic scales."""
    text = (ROOT / "reports" / "README.md").read_text("utf-8").replace("−", "-")
    narrow, wide = (store.load(ROOT / "results" / name) for name in ("jsb", "jsb-wide"))
    space = store.read_sweep(ROOT / "results" / "jsb").config.space
    shares = pd.read_csv(ROOT / "reports" / "jsb-wide" / "tables" / "jsb-importance.csv")
    shares = shares[shares["estimate"] == "forest"].set_index("cell")["learning_rate"]
    same, gaps, tenths = [], {}, []
    for cell, there in wide.groupby("cell"):
        here = narrow[(narrow["cell"] == cell) & (narrow["trial"] < 60)].reset_index(drop=True)
        there = there.reset_index(drop=True)
        drawn = ["trial", "seed", "units", "momentum", "input_noise"]
        pd.testing.assert_frame_equal(here[drawn], there[drawn])
        assert np.allclose(np.log(here["learning_rate"] * 1e6) * 5 / 4, np.log(there["learning_rate"] * 1e6))
        gap, error = paired_gap(here, there)
        best = [best_tenth(trials) for trials in (here, there)]
        scores = [tenth["test"].mean() for tenth in best]
        rates = [np.exp(np.log(tenth["learning_rate"]).mean()) for tenth in best]
        above = (best[1]["learning_rate"] > 0.01).sum()
        same.append(search_importance(here, "test", space, seed=1).shares[1,])
        line = f"{scores[0]:.3f} | {scores[1]:.3f} | {gap:+.3f} ± {1.96 * error:.3f} | {rates[0]:.4f} | "
        line += f"{rates[1]:.4f} | {above} | {same[-1]:.2f} | {shares[cell]:.2f} |"
        assert f"| {cell} | {line}" in text
        gaps[cell] = gap, error
        tenths.append(best[1])
    gap, error = np.array(list(gaps.values())).T
    assert f"{gap.mean():+.3f} ± {1.96 * np.hypot.reduce(error) / 9:.3f}" in text
    assert [cell for cell, (gap, error) in gaps.items() if abs(gap) > 1.96 * error] == ["nog"]
    assert [cell for cell, (gap, error) in gaps.items() if abs(gap) > 2.77 * error] == ["nog"]  # ÷ 9
    above = [(trials["learning_rate"] > 0.01).sum() for trials in (pd.concat(tenths), wide)]
    assert (
        f"{above[0]} of 54 networks have a rate above 0.01; of all networks, {above[1]} of 540"
        in " ".join(text.split())
    )
    assert f"{np.median(shares):.0%}, {np.median(same):.0%}" == "73%, 85%"
    bands = pd.cut(wide["learning_rate"], [1e-3, 1e-2, 10**-1.5, 1e-1])
    by_band = wide[wide["cell"] != "noaf"].groupby(bands, observed=True)["test"]
    low, median, high = (by_band.quantile(share) for share in (0.25, 0.5, 0.75))
    assert median.round(2).tolist() == [9.14, 9.40, 10.47]
    assert (high - low).round(2).tolist() == [0.78, 1.33, 1.93]
    exploded = wide[(wide["cell"] == "noaf") & (wide["learning_rate"] > 1e-3)]["test"] > 12
    assert (exploded.sum(), len(exploded)) == (18, 19)


def paired_gap(here, there):
    """Return the difference of the best tenths of trials with the same draws, and its standard error."""
    resampled = np.random.default_rng(1).integers(len(here), size=(2000, len(here)))
    means = []
    for trials in (here, there):
        valid, test = trials["valid"].to_numpy()[resampled], trials["test"].to_numpy()[resampled]
        best = valid.argsort(axis=1)[:, : len(here) // 10]
        means.append(np.take_along_axis(test, best, axis=1).mean(axis=1))
    gap = best_tenth(there)["test"].mean() - best_tenth(here)["test"].mean()
    return gap, (means[1] - means[0]).std()
