"""The progress and the status of a running sweep."""

import json

import numpy as np
import pytest

from suite import database, progress, store
from suite.search.sweep import SweepProgress
from suite.training.checkpoint import Checkpoints
from suite.training.trial import Result, Trial

LONG = "a_task_with_a_name_of_seventy_letters_and_more_which_is_still_a_good_name"
ASKED = {"name": "s", "oracle": "random", "trials": 6, "tasks": [LONG], "cells": ["mine:Cell"]}


def row(trial, status="done", error=None):
    known = {"hyperparameters": {"units": 3}, "versions": {}, "curve": [], "commit": "", "git_commit": ""}
    known |= {"task": LONG, "cell": "mine:Cell", "trial": trial, "status": status, "error": error}
    known |= {"sweep": "s", "device": "", "backend": "", "valid": np.nan if error else 0.5}
    return dict.fromkeys(database.TRIAL_COLUMNS, 0) | known


@pytest.fixture
def folder(tmp_path):
    store.create_results_folder(tmp_path / "s", ASKED)
    return tmp_path / "s"


@pytest.fixture
def said(folder, capsys):
    def say():
        progress.show_status(folder)
        return capsys.readouterr().out

    return say


def test_a_rate_is_that_of_the_clock_since_the_driver_began(folder, said, monkeypatch):
    """Not of the seconds of trials, which is another thing where they train side by side."""
    store.write_finished_row(folder, row(0))
    book = store.Store(folder, workers=2)
    began = store.read_driver(folder)["since"]
    monkeypatch.setattr("suite.progress.time.time", lambda: began + 80)
    assert "no trial has ended in 80 s" in said()
    book.add_rows([row(1), row(2)])
    assert "2 trials in 80 s, about 90 an hour, about 2 min left at this rate;" in said()
    book.close()
    out = said()
    assert "at work: no process" in out
    assert "left: 3 of 6 trials" in out
    assert "workers" not in out
    assert "hour" not in out


def test_a_sweep_that_is_done_has_no_time_left(folder, said):
    book = store.Store(folder, workers=2)
    book.add_rows([row(trial) for trial in range(6)])
    out = said()
    book.close()
    assert "finished: 6 trials" in out
    assert "left:" not in out


def test_the_status_as_json_has_the_counts_of_every_search(folder, capsys):
    for trial, status in enumerate(["done", "diverged", "failed"]):
        store.write_finished_row(folder, row(trial, status))
    checkpoint(folder, epochs=7)
    progress.show_status(folder, as_json=True)
    search = {"task": LONG, "cell": "mine:Cell", "trials": 6, "ended": 3, "half_done": 1}
    search |= {"epochs_half_done": 7, "diverged": 1, "failed": 1, "best_valid": 0.5}
    assert json.loads(capsys.readouterr().out) == {
        "name": "s",
        "trials": 6,
        "ended": 3,
        "driver": None,
        "searches": [search],
        "finished": False,
    }


def test_watching_ends_when_all_trials_have_ended(folder, capsys, monkeypatch):
    trials = iter(range(6))
    end_another = lambda _: store.write_finished_row(folder, row(next(trials)))  # noqa: E731
    monkeypatch.setattr("suite.progress.time.sleep", end_another)
    progress.show_status(folder, watch=True)
    out = capsys.readouterr().out
    assert [f"{ended}/6" in out for ended in range(7)] == [True] * 7
    assert out.endswith("finished: 6 trials\n")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        ("Traceback:\n  File ...\nRuntimeError: no such thing\n", "RuntimeError: no such thing"),
        ("jax.errors.Wrong: a\n----\nFor simplicity, JAX has removed its frames.", "jax.errors.Wrong: a"),
        ("all those workers died", "all those workers died"),
    ],
)
def test_status_says_why_trials_failed(folder, said, error, why):
    for trial in range(6):
        store.write_finished_row(folder, row(trial, "failed", error))
    out = said()
    assert f"6 of 6 trials failed, the first of them (mine:Cell on {LONG}, trial 0): {why}\n" in out
    assert f"odyssey export {folder}" in out
    assert "--retry-failed" in out
    assert "inf" not in out


def checkpoint(folder, epochs, seconds=0.0):
    kept = Checkpoints(store.checkpoint_folder(folder, LONG, "mine:Cell"), {})
    result = Result(Trial(1, 1, {}, 100), 5, seconds=seconds, curve=[(1.0, 2.0)] * epochs)
    kept.save(result, {"weights": np.zeros(9)})


def test_status_shows_the_epochs_of_trials_that_are_half_done_and_whole_names(folder, said):
    checkpoint(folder, epochs=7)
    (store.checkpoint_folder(folder, LONG, "mine:Cell") / "2.npz").write_bytes(b"")
    [line] = [line.split() for line in said().splitlines() if "mine:Cell" in line]
    assert line == [LONG, "mine:Cell", "0/6", "2", "7"]


def test_the_first_checkpoint_comes_soon(folder, monkeypatch):
    now = 0.0
    monkeypatch.setattr("suite.training.checkpoint.time.monotonic", lambda: now)
    kept = Checkpoints(folder, {})
    assert not kept.is_due()
    now = 16.0
    assert kept.is_due()
    kept.save(Result(Trial(1, 1, {}, 100), 5), {})
    now = 17.0 + 15.0
    assert not kept.is_due()
    now = 16.0 + 120.0
    assert kept.is_due()


def test_a_sign_of_life_comes_before_the_first_trial_ends(folder, capsys, monkeypatch):
    now = 0.0
    monkeypatch.setattr("suite.progress.time.monotonic", lambda: now)

    def events():
        nonlocal now
        for now in range(0, 100, 1):
            if now == 50:
                checkpoint(folder, epochs=7)
            yield SweepProgress([], 0, 6)

    progress.show_progress(events(), folder, workers=1)
    assert capsys.readouterr().out.splitlines() == [
        "0/6 trials, 0 s; compiling and training; no trial has ended yet",
        "0/6 trials, 60 s; running trials: 7 epochs at their last checkpoints",
    ]


def test_the_time_left_is_that_of_the_work_left(folder, capsys, monkeypatch):
    """Large networks come first: the second half of the trials is not half of the work."""
    now = 0.0
    monkeypatch.setattr("suite.progress.time.monotonic", lambda: now)

    def events():
        nonlocal now
        yield SweepProgress([], 0, 6, 0, 3_800)
        now = 300.0
        yield SweepProgress([row(1)], 3, 6, 3_000, 800)
        now = 400.0
        yield SweepProgress([row(2)], 6, 6, 3_800, 0)

    progress.show_progress(events(), folder, workers=1)
    _, half, end, _ = capsys.readouterr().out.splitlines()
    assert half.startswith("3/6 trials, 300 s, about 80 s left; best")
    assert end.startswith("6/6 trials, 400 s; best")


def test_rows_that_add_nothing_divide_nothing(folder, capsys, monkeypatch):
    """Such as those of a trial that was there; and a clock that stands still."""
    monkeypatch.setattr("suite.progress.time.monotonic", lambda: 1.0)
    progress.show_progress([SweepProgress([], 3, 6), SweepProgress([row(0)], 3, 6)], folder, workers=1)
    out = capsys.readouterr().out
    assert f"3/6 trials, 0 s; best on {LONG}: 0.5 (mine:Cell)" in out
    assert "1 trial in 0 s on 1 worker," in out


def test_the_share_in_training_leaves_out_what_was_trained_before_a_stop(folder, capsys, monkeypatch):
    """Trial 1 is trained for 30 s more and trial 2 for 50 s, in 100 s."""
    now = 0.0
    monkeypatch.setattr("suite.progress.time.monotonic", lambda: now)
    checkpoint(folder, epochs=7, seconds=400.0)

    def events():
        nonlocal now
        yield SweepProgress([], 0, 6)
        now = 100.0
        yield SweepProgress([row(1) | {"seconds": 430.0}, row(2) | {"seconds": 50.0}], 2, 6)

    progress.show_progress(events(), folder, workers=1)
    assert capsys.readouterr().out.endswith("2 trials in 100 s on 1 worker, 80% of it in training\n")


def test_a_finished_sweep_asked_again_is_not_said_to_have_no_score(folder, capsys):
    progress.show_progress([SweepProgress([], 6, 6)], folder, workers=1)
    assert capsys.readouterr().out == "6/6 trials, 0 s; all trials are done\n"
