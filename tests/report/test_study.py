"""A report finds what was planted in its rows, and where nothing was, nothing."""

import os
import subprocess
import sys
import time

import pytest
from planted import CELLS, findings_of, report_of, sweep

from suite.report.sections import answer, hyperparameters

TITLES = {"jsb": "chorales", "timit": "speech"}
LONG = pytest.mark.skipif("ODYSSEY_LONG" not in os.environ, reason="takes minutes: set ODYSSEY_LONG=1")


def verdicts(found):
    return {verdict.claim.id: verdict.verdict for verdict in found.verdicts}


@pytest.fixture(scope="module", autouse=True)
def importances_of_vanilla_alone():
    """Compute no importance that no test here looks at: each takes half a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("suite.analysis.findings.MAX_DETAILED_SEARCHES", 0)
        yield


@pytest.fixture(scope="module")
def planted():
    """Two variants are worse by a half, one is better by a fifth, and the learning rate dominates."""
    return sweep(TITLES, {"nfg": 0.5, "noaf": 0.5, "cifg": -0.2}, rate=1.0, trials=120, seed=0)


@pytest.fixture(scope="module")
def found(planted):
    rows, config = planted
    return findings_of(rows, config)


def test_the_planted_differences_are_found_and_no_others(found):
    assert answer.difference_sentences(found) == [
        "nfg and noaf are significantly worse than vanilla lstm on every task.",
        "cifg is significantly better than vanilla lstm on every task.",
        "nig, nog, niaf, np and fgr do not differ significantly from vanilla lstm.",
    ]


def test_the_planted_importance_is_found_and_no_other(found):
    """Of the variance the learning rate has 4/45, noise 1/100: 90 %."""
    shares = {task: found.importances[task, "lstm"].shares for task in TITLES}
    assert all(share[1,] == pytest.approx(0.9, abs=0.05) for share in shares.values())
    [text] = answer.importance_sentences(found)
    assert text.startswith("Of the variance of vanilla lstm’s test scores, learning rate alone explains ")


def test_the_papers_estimate_stands_below_vanillas_importance(found):
    table = hyperparameters.importance_table(
        found.importances_of_task("jsb"), ["units", "learning_rate", "momentum", "x"], "lstm", "importance"
    )
    names = [row.cells[0].text for row in table.body()]
    assert names == ["lstm", "lstm, single trees"]
    share, single_tree_share = table.frame["learning_rate"].iloc[:2]
    assert single_tree_share == found.importances["jsb", "lstm"].single_tree_shares[1,]
    assert single_tree_share == pytest.approx(share, abs=0.1)
    line = table.frame.iloc[1]
    assert line[["units", "learning_rate", "momentum", "x", "pairs", "rest"]].sum() == pytest.approx(1)


def test_claims_get_the_verdicts_that_were_planted(found):
    text = verdicts(found)
    assert text["nfg-noaf-hurt"] == "holds"
    assert text["none-beats-vanilla"] == text["cifg-np-same"] == "fails"
    assert text["nig-nog-niaf-hurt-speech"] != "holds"
    assert text["learning-rate-most"] == text["interactions-few"] == "holds"
    assert text["momentum-nothing"] != "fails"
    assert text["noise-hurts-music"] != "holds"
    assert text["forget-bias-helps"] == text["gru-no-worse"] == text["rnn-forgets"] == "not tested"


def test_the_operations_of_a_trial_are_by_its_units(found):
    shares = found.operation_importances["jsb"].shares
    assert max(shares, key=shares.get) == (0,)


def claimed(seed):
    """Return what a report of a sweep in which nothing matters claims to have found."""
    rows, config = sweep(["jsb"], {}, rate=0.0, trials=100, seed=seed)
    found = findings_of(rows, config)
    text = [text for text in answer.difference_sentences(found) if not text.startswith("No variant differs")]
    text += [text for text in answer.importance_sentences(found) if "clearly matters" not in text]
    for verdict in found.verdicts:
        numbers = verdict.numbers
        if verdict.claim.pairs and len(numbers) and (numbers["worse"] | numbers["better"]).any():
            text.append(verdict.evidence)
    shown = {"learning-rate-most": "holds", "noise-hurts-music": "holds", "interactions-few": "fails"}
    return text + [name for name, verdict in verdicts(found).items() if shown.get(name) == verdict]


def test_a_comparison_has_one_p_in_the_table_and_in_the_verdicts():
    """By raw p the GRU is worse; of 21 comparisons of the page that is one, of its claim it is all."""
    others = [f"v{i}" for i in range(20)]
    rows, config = sweep(["jsb"], {"gru": 0.12}, rate=0.0, trials=20, seed=2, cells=["lstm", "gru", *others])
    config["space"] = {name: ends | {"high": ends["low"]} for name, ends in config["space"].items()}
    found = findings_of(rows, config)
    table = found.differences["jsb"].set_index("cell")
    assert table.loc["gru", "p"] < 0.05 < table.loc["gru", "adjusted"]
    [judged] = [verdict for verdict in found.verdicts if verdict.claim.id == "gru-no-worse"]
    assert judged.numbers["adjusted"].tolist() == [table.loc["gru", "adjusted"]]
    assert judged.verdict != "fails"
    assert "Holm’s adjustment for the 21 comparisons of this page" in answer.caution_sentences(found)


@pytest.mark.parametrize(
    ("draws", "most"), [(1, 0), pytest.param(100, 7, marks=LONG)], ids=["1 draw", "100 draws"]
)
def test_where_nothing_differs_a_report_claims_nothing(draws, most):
    wrong = {seed: text for seed in range(draws) if (text := claimed(seed))}
    print(len(wrong), "of", draws, wrong)
    assert len(wrong) <= most


@LONG
def test_a_full_study_is_reported_in_a_minute_without_keras_and_twice_the_same(tmp_path):
    """As large as the paper's: 5,400 rows."""
    code = (
        "import sys; from pathlib import Path; from planted import sweep\n"
        "from suite.config import record_from_table\n"
        "from suite.report import write_report\n"
        "rows, asked = sweep(['jsb', 'timit'], {'nfg': 0.5}, rate=1.0, trials=300, seed=0)\n"
        "write_report(rows, record_from_table(asked), Path(sys.argv[1])); sys.exit('keras' in sys.modules)"
    )
    seconds, here = [], os.path.dirname(__file__)
    for name in ("one", "two"):
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", code, tmp_path / name], check=True, cwd=here)
        seconds.append(time.monotonic() - began)
    print(f"{len(CELLS) * 600:,} rows in {seconds[0]:.1f} and {seconds[1]:.1f} s")
    assert max(seconds) < 60
    one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert one == two


def test_published_numbers_stand_beside_ours(planted, tmp_path, monkeypatch):
    rows, config = planted
    some = rows[rows["trial"] < 5]
    page = report_of(some, config, tmp_path).read_text()
    assert "The best tenths of Greff et al. are green: range" in page
    assert "On chorales and speech the data are those of Greff et al." in page
