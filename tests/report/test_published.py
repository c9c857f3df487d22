"""The published reports follow from the published rows, byte for byte, and the texts from the reports."""

import itertools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from suite import store
from suite.analysis.findings import search_importance
from suite.analysis.trial_statistics import best_tenth
from suite.report import write_report
from suite.report.formatting import join_names

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


@pytest.fixture
def narrow():
    return store.load(ROOT / "results" / "jsb")


@pytest.fixture
def wide():
    return store.load(ROOT / "results" / "jsb-wide")


@pytest.fixture
def said():
    """Return the text on reports in one line."""
    return " ".join((ROOT / "reports" / "README.md").read_text("utf-8").split()).replace("−", "-")


def test_best_tenths_of_the_wider_range_are_compared_in_pairs(narrow, wide, said):
    """A bootstrap of pairs gives the ranges; every rate is the same draw on two logarithmic scales."""
    shares = pd.read_csv(ROOT / "reports" / "jsb-wide" / "tables" / "jsb-importance.csv")
    shares = shares[shares["estimate"] == "forest"].set_index("cell")["learning_rate"]
    same, gaps = {}, {}
    for cell, there in wide.groupby("cell"):
        here = narrow[(narrow["cell"] == cell) & (narrow["trial"] < 60)].reset_index(drop=True)
        there = there.reset_index(drop=True)
        drawn = ["trial", "seed", "units", "momentum", "input_noise"]
        pd.testing.assert_frame_equal(here[drawn], there[drawn])
        assert np.allclose(np.log(here["learning_rate"] * 1e6) * 5 / 4, np.log(there["learning_rate"] * 1e6))
        gap, error = gaps[cell] = paired_gap(here, there)
        best = [best_tenth(trials) for trials in (here, there)]
        scores = [tenth["test"].mean() for tenth in best]
        rates = [np.exp(np.log(tenth["learning_rate"]).mean()) for tenth in best]
        above = (best[1]["learning_rate"] > 0.01).sum()
        same[cell] = rate_share(here, "jsb")
        line = f"{scores[0]:.3f} | {scores[1]:.3f} | {gap:+.3f} ± {1.96 * error:.3f} | {rates[0]:.4f} | "
        line += f"{rates[1]:.4f} | {above} | {same[cell]:.2f} | {shares[cell]:.2f} |"
        assert f"| {cell} | {line}" in said
    mean, mean_without = (mean_gap(gaps, without) for without in ("", "noaf"))
    assert f"the mean difference is {mean}, and {mean_without} without `noaf`" in said
    assert [cell for cell, (gap, error) in gaps.items() if abs(gap) > 1.96 * error] == ["nog"]
    nog = best_tenth(wide[wide["cell"] == "nog"])["learning_rate"]
    assert f"{(nog < 0.01).sum()} of its {len(nog)} best networks have rates below 0.01" in said
    median, median_of_same = shares.median(), np.median(list(same.values()))
    assert f"{shares['lstm']:.0%} for `lstm` and {median:.0%} in".replace("%", " %") in said
    assert f"explains {same['lstm']:.0%} and {median_of_same:.0%} for the same".replace("%", " %") in said


def test_which_rates_of_the_wider_range_are_good_is_in_the_rows(wide, said):
    tenths = pd.concat(best_tenth(trials) for _, trials in wide.groupby("cell"))
    counts = {}
    for low, high in itertools.pairwise([1e-4, 1e-3, 1e-2, 10**-1.5, 1e-1]):
        among = [trials["learning_rate"].between(low, high).sum() for trials in (tenths, wide)]
        counts[low] = f"{among[0]} of {among[1]} ({among[0] / among[1]:.0%})".replace("%", " %")
    low, middle, high, highest = counts.values()
    assert f"{high} and {middle} of the networks there are in a best tenth" in said
    assert f"From 0.0001 to 0.001 they are {low}, and above 0.032 {highest}" in said
    best = pd.DataFrame([best_tenth(trials).iloc[0] for _, trials in wide.groupby("cell")])
    [above] = best[best["learning_rate"] > 0.01].to_dict("records")
    assert f"`{above['cell']}` ({above['learning_rate']:.3f}; its test score of {above['test']:.3f}" in said
    assert above["test"] == best["test"].min()
    eight = wide[wide["cell"] != "noaf"]
    bands = pd.cut(eight["learning_rate"], [1e-3, 1e-2, 10**-1.5, 1e-1])
    first, second, third = eight.groupby(bands, observed=True)["test"].median()
    assert f"{first:.2f} nats at rates from 0.001 to 0.01, {second:.2f} up to 0.032, and {third:.2f}" in said
    costs = eight.groupby([bands, eight["input_noise"] > 0.4], observed=True)["test"].median().to_numpy()
    first, second, third = costs[1::2] - costs[::2]
    assert (
        f"costs {first:.2f} nats at rates from 0.001 to 0.01, {second:.2f} up to 0.032, and {third:.2f}"
        in said
    )
    noaf = wide[(wide["cell"] == "noaf") & (wide["learning_rate"] > 1e-3)]["test"]
    assert f"Of the {len(noaf)} networks of `noaf` above 0.001, {(noaf > 12).sum()} have more than 12" in said


def test_why_the_learning_rate_explains_less_is_in_the_rows(narrow, wide, said):
    of = {cell: trials for cell, trials in wide.groupby("cell")}
    kept = [of[cell][of[cell]["test"] <= 14] for cell in ("nfg", "np")]
    nfg, np_ = (60 - len(trials) for trials in kept)
    shares = [f"{rate_share(trials, 'jsb-wide'):.0%}".replace("%", " %") for trials in kept]
    text = f"without scores above 14 nats ({nfg} and {np_} networks), it explains {' and '.join(shares)}"
    assert text in said
    below = [of[cell][of[cell]["learning_rate"] <= 0.01] for cell in ("lstm", "nig", "nog")]
    same = [trials[["cell", "trial"]].merge(narrow, on=["cell", "trial"]) for trials in below]
    lower = [f"{rate_share(trials, 'jsb-wide'):.0%}".replace("%", " %") for trials in below]
    higher = [f"{rate_share(trials, 'jsb'):.0%}".replace("%", " %") for trials in same]
    assert f"({join_names(lower)}, beside {join_names(higher)} for these networks in `jsb`)" in said


def rate_share(trials, sweep):
    """Return the share of the learning rate in the variance of the test scores of trials of a sweep."""
    space = store.read_sweep(ROOT / "results" / sweep).config.space
    return search_importance(trials, "test", space, seed=1).shares[1,]


def mean_gap(gaps, without):
    gap, error = np.array([gap for cell, gap in gaps.items() if cell != without]).T
    return f"{gap.mean():+.3f} ± {1.96 * np.hypot.reduce(error) / len(gap):.3f}"


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
