"""`odyssey compare` and `odyssey export` as a user meets them, on a sweep of an older version."""

import shutil
import sqlite3
import sys
from pathlib import Path

import pandas as pd
import pytest

from suite import cli, store
from suite.cli.compare import folder_labels
from suite.cli.export import expand_dict_columns

OLDER_SWEEP = Path(__file__).parent / "older_sweep"


@pytest.fixture
def odyssey(tmp_path, monkeypatch, capsys):
    """Run `odyssey` beside two copies of an older sweep; return exit code, output and error."""
    for name in ("cpu", "gpu"):
        shutil.copytree(OLDER_SWEEP, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["odyssey", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return run


def change(folder, command):
    database = sqlite3.connect(folder / "trials.sqlite")
    with database:
        database.execute(command)
    database.close()


def test_compare_prints_the_answer_and_writes_the_page(odyssey, tmp_path):
    change(tmp_path / "gpu", "UPDATE trials SET seconds = seconds / 2, device = 'GPU'")
    code, out, err = odyssey("compare", "cpu", "gpu")
    assert (code, err) == (0, "")
    assert "gpu and cpu have 132 trials in common" in out
    assert "gpu took 0.5 times as long as cpu" in out  # no interval: older rows do not say their units
    assert "Their hardware or software differs: device" in out
    page = tmp_path / "reports" / "cpu-vs-gpu" / "index.html"
    assert f"report   {page.relative_to(tmp_path)}" in out
    assert odyssey("compare", "cpu", "gpu", "--out=again")[0] == 0
    assert (tmp_path / "again" / "index.html").read_bytes() == page.read_bytes()


def test_sweeps_of_the_same_rows_took_equally_long(odyssey):
    out = odyssey("compare", "cpu", "gpu")[1]
    assert "The same 132 finished trials took equally long in gpu and cpu: " in out
    assert "1 times" not in out


def test_folders_of_one_name_are_told_apart_by_what_is_above(odyssey, tmp_path):
    for machine in ("one", "two"):
        shutil.copytree(OLDER_SWEEP, tmp_path / machine / "jsb")
    assert "two/jsb and one/jsb have" in odyssey("compare", "one/jsb", "two/jsb")[1]
    [report] = (tmp_path / "reports").iterdir()
    assert report.name.startswith("one_jsb-vs-two_jsb~")
    assert (report / "index.html").exists()
    assert list(folder_labels([Path("a/x"), Path("b/y")])) == ["x", "y"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare"], "expected two results folders or more to compare, got 0"),
        (["compare", "cpu"], "expected two results folders or more to compare, got 1"),
        (["compare", "cpu", "./cpu/"], "expected different results folders to compare, got cpu twice"),
        (["compare", "cpu", "gpu", "cpu"], "got cpu twice"),
        (
            ["compare", "cpu", "nowhere"],
            "nowhere: expected the results folder of a sweep, found no sweep.toml",
        ),
        (["compare", "cpu", "cpu/sweep.toml"], "sweep.toml: expected the results folder of a sweep"),
        (["export", "cpu/sweep.toml"], "sweep.toml: expected the results folder of a sweep"),
        (["compare", "cpu", "empty"], "empty: expected trials to compare, got none"),
        (
            ["compare", "cpu", "other"],
            "got none: cpu has 11 searches; other has gru on adding; name other folders",
        ),
        (["export", "nowhere"], "nowhere: expected the results folder of a sweep, found no sweep.toml"),
        (["export", "empty"], "empty: expected trials to export, got none"),
        (["export", "empty", "--curves"], "empty: expected curves to export, got none"),
        (["export", "cpu", "--out=rows.xlsx"], "rows.xlsx: expected a file ending in .csv or .parquet"),
        (["export", "cpu", "--out=rows"], "rows: expected a file ending in .csv or .parquet"),
        (["export", "cpu", "--out=cpu/sweep.toml/rows.csv"], "rows.csv cannot be used"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_bad_input_is_one_line_and_writes_nothing(odyssey, tmp_path, words, said):
    shutil.copytree(OLDER_SWEEP, tmp_path / "empty")
    change(tmp_path / "empty", "DELETE FROM trials")
    change(tmp_path / "empty", "DELETE FROM curves")
    shutil.copytree(OLDER_SWEEP, tmp_path / "other")
    change(tmp_path / "other", "DELETE FROM trials WHERE cell != 'gru'")
    change(tmp_path / "other", "UPDATE trials SET task = 'adding'")
    config = tmp_path / "other" / "sweep.toml"
    config.write_text(config.read_text().replace("chorales", "adding"))
    before = {path.name for path in tmp_path.iterdir()}
    code, out, err = odyssey(*words)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert not out
    assert {path.name for path in tmp_path.iterdir()} == before


def lossy(folder):
    """Have a sweep with a trial that failed and one that diverged without a score."""
    failed = "status = 'failed', valid = NULL, test = NULL, error = 'a,\"b\"\nc'"
    change(folder, f"UPDATE trials SET {failed} WHERE cell = 'gru' AND trial = 3")
    change(folder, "UPDATE trials SET status = 'diverged', test = NULL WHERE cell = 'gru' AND trial = 4")


def equal(found, expected):
    """Whether a table read back has the columns and values of a frame, every digit, missing ones missing."""
    assert list(found) == list(expected)
    for name in expected:
        assert found[name].isna().tolist() == expected[name].isna().tolist(), name
        assert found[name].dropna().tolist() == expected[name].dropna().tolist(), name


def test_rows_are_exported_as_csv_with_every_digit(odyssey, tmp_path):
    lossy(tmp_path / "cpu")
    code, out, err = odyssey("export", "cpu")
    assert (code, err, out) == (0, "", "132 rows of 33 columns: cpu.csv\n")
    result, rows = pd.read_csv("cpu.csv"), store.load("cpu")
    equal(result, expand_dict_columns(rows))
    assert result["test"].isna().sum() == 2
    assert result["learning_rate"].dtype == float
    assert set(result["version_keras"]) == {versions["keras"] for versions in rows["versions"]}


def test_curves_are_exported_a_row_an_epoch(odyssey):
    assert odyssey("export", "cpu", "--curves")[0] == 0
    equal(pd.read_csv("cpu-curves.csv"), store.load_curves("cpu"))


def test_rows_are_exported_as_parquet(odyssey, tmp_path):
    pytest.importorskip("pyarrow", reason="Parquet needs the extra parquet")
    lossy(tmp_path / "cpu")
    for folder in ("cpu", "gpu"):  # one with errors, one without
        assert odyssey("export", folder, f"--out={folder}.parquet")[0] == 0
        result = pd.read_parquet(f"{folder}.parquet")
        equal(result, expand_dict_columns(store.load(folder)))
        assert result["units"].dtype == "int64"
        assert result["error"].dtype == result["status"].dtype  # text, with or without any
    assert odyssey("export", "cpu", "--curves", "--out=curves.parquet")[0] == 0
    equal(pd.read_parquet("curves.parquet"), store.load_curves("cpu"))


def test_parquet_without_pyarrow_is_refused(odyssey, tmp_path, monkeypatch):
    monkeypatch.setattr("suite.cli.export.find_spec", lambda name: None)
    code, _, err = odyssey("export", "cpu", "--out=rows.parquet")
    assert (code, err.count("\n")) == (2, 1)
    assert "pip install pyarrow" in err
    assert not (tmp_path / "rows.parquet").exists()


def test_versions_that_only_some_rows_have_are_missing_in_the_others():
    rows = pd.DataFrame({"trial": [0, 1], "versions": [{"keras": "3"}, {"keras": "3", "keras-tuner": "1"}]})
    result = expand_dict_columns(rows.assign(code=[{}, {"cell": "01"}]))
    assert list(result) == ["trial", "version_keras", "version_keras_tuner", "code_cell"]
    assert result["version_keras_tuner"].isna().tolist() == [True, False]
