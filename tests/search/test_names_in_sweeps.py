"""Names with options in a sweep: trained, killed, continued, reported and exported."""

import os
import signal
import subprocess
import sys

import pandas as pd
from sweeps import WITH_REPORT, comparable, wait_until

from suite import report, store
from suite.cli.single_trial import stored_row

TASK, CELLS = "adding@length=100", ("lstm", "lstm@layers=2", "window@steps=4")
SWEEP = [
    "sweep",
    f"--task={TASK}",
    "--trials=2",
    "--epochs=1",
    "--batch=500",
    "--range=units=2",
    "--range=learning_rate=0.01",
    "--workers=0",
    "--lanes=2",
    "--results=mine",
]


def test_a_killed_sweep_of_names_with_options_continues_and_is_reported(odyssey, tmp_path, monkeypatch):
    """It continues by other spellings of the same names, and keeps the rows that it has."""
    folder = tmp_path / "mine"
    arguments = [sys.executable, "-c", WITH_REPORT, *SWEEP, f"--cell={','.join(CELLS)}"]
    process = subprocess.Popen(arguments, cwd=tmp_path, start_new_session=True)
    wait_until(lambda: row_count(folder) > 0 or process.poll() is not None, seconds=120)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = store.load(folder)
    assert 0 < len(before) < 6
    other = "--cell=lstm@layers=1,lstm@direction=task,layers=2,window@steps=04"
    code, out, err = odyssey(*SWEEP, other, "--baseline=lstm@layers=02,skip=no")
    assert (code, err) == (0, "")
    assert "grows" not in out
    rows = store.load(folder)
    assert set(zip(rows["task"], rows["cell"], rows["trial"], strict=True)) == {
        (TASK, cell, trial) for cell in CELLS for trial in (0, 1)
    }
    kept = rows.merge(before[["cell", "trial"]])
    pd.testing.assert_frame_equal(comparable(kept), comparable(before), check_dtype=False)
    record = store.read_sweep(folder)
    assert record.config.cells == CELLS
    assert (record.titles, record.trivial_scores) == ({TASK: "Adding problem, 100 steps"}, {TASK: 1 / 6})

    page = (tmp_path / "reports" / "mine" / "index.html").read_text(encoding="utf-8")
    assert "The baseline is lstm@layers=2." in page
    assert '<tr data-cell="window@steps=4">' in page
    answer = pd.read_csv(tmp_path / "reports" / "mine" / "tables" / "answer.csv")
    assert set(answer["cell"]) == {"lstm", "window@steps=4"}
    assert odyssey("export", "mine")[0] == 0
    assert set(pd.read_csv("mine.csv")["cell"]) == set(CELLS)
    assert stored_row(folder, "adding@length=0100", "window@steps=04", 1)["cell"] == "window@steps=4"
    baselines = []
    monkeypatch.setattr(
        report, "write_report", lambda _, record, *__: baselines.append(record.config.baseline)
    )
    assert odyssey("report", "mine", "--baseline=window@steps=04")[0] == 0
    assert baselines == ["window@steps=4"]


def row_count(folder):
    """Return how many rows a results folder holds; 0 if it does not exist yet."""
    return len(store.load(folder)) if (folder / "sweep.toml").exists() else 0
