"""A sweep grows: more trials, cells and tasks in a folder that holds some, whose rows stay as they are."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
from dataclasses import replace

import pandas as pd
import pytest
from sweeps import CONFIG, HERE, SHAPES, command, comparable, rows, wait_until

from suite import Refusal, store
from suite.config import Protocol, preset_names
from suite.growth import grown_config
from suite.search.oracle import Search
from suite.search.sweep import SweepProgress
from suite.space import override_ranges

LARGER = replace(CONFIG, trials=8, cells=("rnn", "gru", "np"))
LARGER_SHAPES = {("tiny:PARITY", cell): [replace(*SHAPES["any"], width=9)] for cell in LARGER.cells}


@pytest.fixture
def folder(undisturbed_folder, tmp_path):
    """A finished sweep of 6 trials × 2 cells, which a test may change."""
    return shutil.copytree(undisturbed_folder, tmp_path / "sweep")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """The results folder of a sweep that had 8 trials × 3 cells from the start."""
    folder = tmp_path_factory.mktemp("fresh") / "sweep"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweeps.SHAPES", LARGER_SHAPES)
        rows(LARGER, folder)
    return folder


def database_rows(folder):
    """Return the rows of both tables as SQLite holds them, with row ids; those of new trials left out."""
    old = "cell IN ('rnn', 'gru') AND trial < 6"
    with contextlib.closing(sqlite3.connect(folder / "trials.sqlite")) as database:
        trials = database.execute(f"SELECT rowid, * FROM trials WHERE {old} ORDER BY rowid").fetchall()
        curves = database.execute(f"SELECT * FROM curves WHERE {old} ORDER BY cell, trial, epoch").fetchall()
    return trials, curves


def test_6_trials_of_2_cells_grown_to_8_of_3_are_those_of_a_fresh_sweep(folder, fresh, monkeypatch):
    """Old rows stay as they are in the database, and new ones have every bit of those of the fresh sweep.

    The old ones were padded to 6 units, as suits 6 trials; those of the fresh sweep, which are padded to 9,
    have the same seeds, hyperparameters, epochs and status, and the same scores up to rounding.
    """
    before = database_rows(folder)
    assert len(before[0]) == 12
    monkeypatch.setattr("sweeps.SHAPES", LARGER_SHAPES)
    grown, expected = comparable(rows(LARGER, folder)), comparable(store.load(fresh))
    assert database_rows(folder) == before
    assert len(grown) == 24
    new = (grown["trial"] >= 6) | (grown["cell"] == "np")
    pd.testing.assert_frame_equal(grown[new], expected[new], check_exact=True)
    scores = ["valid", "test"]
    pd.testing.assert_frame_equal(grown.drop(columns=scores), expected.drop(columns=scores), check_exact=True)
    pd.testing.assert_frame_equal(grown[scores], expected[scores])
    curves, fresh_curves = store.load_curves(folder), store.load_curves(fresh)
    new = (curves["trial"] >= 6) | (curves["cell"] == "np")
    pd.testing.assert_frame_equal(curves[new], fresh_curves[new], check_exact=True)
    pd.testing.assert_frame_equal(curves, fresh_curves)


def test_new_trials_are_padded_as_those_of_a_fresh_sweep(run_sweep, tmp_path, monkeypatch):
    """Widths follow from the number of trials: from that of the grown sweep."""
    (tmp_path / "mine.toml").write_text(PRESET)
    monkeypatch.setattr("suite.search.sweep.run_sweep", lambda *_: (SweepProgress([], 0, 1) for _ in "1"))
    shapes = []
    monkeypatch.setattr("suite.search.sweep.padded_shapes", lambda config, *_: shapes.append(config))
    run_sweep("mine.toml")
    run_sweep("mine.toml", "--trials=3", "--cell=np")
    run_sweep("mine.toml", "--trials=3", "--cell=rnn,gru,np", "--results=new")
    assert replace(shapes[2], name="mine") == shapes[1] != shapes[0]


def test_the_first_trials_of_a_random_search_are_the_same_however_many_it_draws():
    def draws(trials):
        return Search("random", CONFIG.space, trials, 4, (1, "task", "cell")).ask()

    assert draws(8)[:6] == draws(6)
    assert draws(200)[:8] == draws(8)


def test_the_settings_of_a_grown_sweep_are_those_there_and_then_the_new_ones(folder):
    config = replace(CONFIG, title="Another", trials=7, cells=("np", "gru"), tasks=("adding",)).to_table()
    about = {"tasks": {"adding": {"title": "Adding"}}, "cells": {"np": "No peepholes"}, "trials_a_search": 7}
    store.create_results_folder(folder, config | {"about": about})
    assert store.read_config(folder) == CONFIG.to_table() | {
        "name": "sweep",
        "trials": 7,
        "tasks": ["tiny:PARITY", "adding"],
        "cells": ["rnn", "gru", "np"],
        "about": about,
    }
    before = (folder / "sweep.toml").read_bytes()
    store.create_results_folder(folder, CONFIG.to_table())  # less than there is
    assert (folder / "sweep.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seed": 2}, "another sweep, which differs in seed; name another folder"),
        ({"oracle": "bayesian"}, "another sweep, which differs in oracle; name another folder"),
        ({"protocol": Protocol(epochs=5, patience=3)}, "another sweep, which differs in epochs; name"),
        (
            {"space": override_ranges(CONFIG.space, {"units": (2, 7)})},
            "which differs in space; name",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_grown_is_refused_by_name(folder, change, reason):
    before = (folder / "sweep.toml").read_bytes()
    with pytest.raises(Refusal, match=reason):
        store.create_results_folder(folder, replace(LARGER, **change).to_table())
    assert (folder / "sweep.toml").read_bytes() == before


@pytest.mark.parametrize("oracle", ["bayesian", "hyperband"])
def test_only_a_sweep_of_random_search_grows(tmp_path, oracle):
    table = replace(CONFIG, oracle=oracle).to_table()
    assert grown_config(tmp_path, table, table)["cells"] == table["cells"]
    with pytest.raises(Refusal, match=f"oracle {oracle}, which cannot gain cells and trials"):
        grown_config(tmp_path, table, replace(LARGER, oracle=oracle).to_table())


@pytest.fixture
def run_sweep(odyssey, monkeypatch):
    """Run `odyssey sweep` in this process, without its report and the timing of a forecast."""
    monkeypatch.setattr("suite.cli.sweep.report", lambda *_: None)
    monkeypatch.setattr("suite.bench.product_rate", lambda *_, **__: 1e9, raising=False)
    return lambda *words: odyssey("sweep", *words, "--workers=0")


PRESET = """
tasks = ["tiny:PARITY"]
cells = ["rnn", "gru"]
trials = 2
epochs = 2
[space.units]
low = 2
high = 3
"""


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_cell_named_on_the_command_line_joins_the_cells_of_a_preset_that_are_there(run_sweep, tmp_path):
    """In a new folder it replaces them."""
    (tmp_path / "mine.toml").write_text(PRESET)
    assert run_sweep("mine.toml")[0] == 0
    folder = tmp_path / "results" / "mine"
    before = files(folder)
    code, out, err = run_sweep("mine.toml", "--cell=np", "--dry-run")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "results/mine: grows by 1 cell (np), 2 trials to train, 4 kept"
    assert "1 search, 2 trials of at most 2 epochs" in out
    assert files(folder) == before
    code, out, _ = run_sweep("mine.toml", "--cell=np", "--results=results/mine")
    assert code == 0
    assert "results/mine: grows by 1 cell (np), 2 trials to train, 4 kept" in out
    assert "6/6 trials" in out
    code, out, _ = run_sweep("--results=results/mine", "--trials=3", "--cell=nig,nfg", "--dry-run")
    assert "grows by 2 cells (nig, nfg) and 1 trial per search, 9 trials to train, 6 kept" in out
    assert "results/mine: 0 trials to train, 6 kept" in run_sweep("mine.toml", "--dry-run")[1]
    assert "2 trials of" in run_sweep("mine.toml", "--cell=np", "--results=new", "--dry-run")[1]


def test_the_baseline_of_a_grown_sweep_may_be_any_of_its_cells_and_the_one_named_is_reported(
    run_sweep, folder, monkeypatch
):
    """The cells of the command line alone need not have it; an earlier one stays where none is named."""
    reported = []
    monkeypatch.setattr("suite.cli.sweep.report", lambda *words: reported.append(words[-1]))
    monkeypatch.setattr("suite.search.sweep.run_sweep", lambda *_: (SweepProgress([], 1, 1) for _ in "1"))
    for words in (["--cell=np", "--baseline=gru"], ["--cell=nig"], ["--baseline=np"], []):
        assert run_sweep(f"--results={folder}", *words)[0] == 0
    assert reported == ["gru", "gru", "np", "gru"]
    settings = store.read_config(folder)
    assert (settings["cells"], settings["baseline"]) == (["rnn", "gru", "np", "nig"], "gru")
    assert run_sweep(f"--results={folder}", "--cell=nfg", "--baseline=nog")[0] == 2
    assert run_sweep(f"--results={folder}", "--cell=nfg", "--baseline=np")[0] == 0
    assert (store.read_config(folder)["baseline"], reported[-1]) == ("np", "np")


def test_the_baseline_of_a_preset_goes_with_its_cells(run_sweep, tmp_path):
    (tmp_path / "mine.toml").write_text(f'baseline = "gru"\n{PRESET}')
    code, out, err = run_sweep("mine.toml", "--cell=np", "--dry-run")
    assert (code, err) == (0, "")
    assert "1 search, 2 trials of" in out
    err = run_sweep("mine.toml", "--cell=np", "--baseline=gru", "--dry-run")[2]
    assert "baseline: no variant 'gru' in this sweep" in err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            ["--trials=5"],
            "--trials 5: sweep holds a sweep of 6 trials per search, and a sweep cannot shrink; ",
        ),
        (["--epochs=9"], "sweep holds another sweep, which differs in epochs; "),
        (["--range=units=2:9,input_noise=0"], "sweep holds another sweep, which differs in space; "),
        (["--oracle=bayesian"], "sweep holds another sweep, which differs in oracle; "),
        (["--optimizer=adam"], "sweep holds another sweep, which differs in optimiser; "),
        (["--cell=np,gruu"], "unknown cell or baseline 'gruu'. Did you mean 'gru'?"),
    ],
    ids=str,
)
def test_what_a_folder_cannot_take_is_refused_and_changes_nothing(run_sweep, tmp_path, words, reason):
    before = files(tmp_path)
    code, out, err = run_sweep("--results=sweep", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert reason in err
    assert files(tmp_path) == before


def test_a_sweep_without_anything_to_go_by_says_what_to_name(run_sweep):
    code, out, err = run_sweep()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"expected a preset ({', '.join(preset_names())}; " in err
    assert "--task, --cell" in err


def test_a_sweep_does_not_grow_while_a_driver_is_at_work_there(folder):
    before = (folder / "sweep.toml").read_bytes()
    with contextlib.closing(store.Store(folder)), pytest.raises(Refusal, match="is being written by process"):
        store.create_results_folder(folder, LARGER.to_table())
    assert (folder / "sweep.toml").read_bytes() == before


def test_a_sweep_killed_when_it_has_just_grown_goes_on_with_the_same_command(
    run_sweep, folder, fresh, monkeypatch
):
    """Kills in the middle of training are those of any sweep (test_chaos.py)."""
    words = command(folder, "--workers=0", "--cell=np")
    process = subprocess.Popen(words, cwd=HERE, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: "np" in store.read_config(folder)["cells"])
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert len(store.load(folder)) < 18
    monkeypatch.chdir(HERE)
    code, out, _ = run_sweep(*words[4:])
    assert code == 0
    assert "grows" not in out
    assert "18/18 trials" in out
    grown, expected = comparable(store.load(folder)), comparable(store.load(fresh))
    expected = expected[expected["trial"] < 6].reset_index(drop=True)
    pd.testing.assert_frame_equal(grown.assign(sweep="tiny"), expected.assign(sweep="tiny"))
