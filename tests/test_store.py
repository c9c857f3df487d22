import contextlib
import fcntl
import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from suite import Refusal, store

ASKED = {"name": "s", "seed": 1, "tasks": ["t"], "cells": ["a"], "about": {"cells": {"a": "A"}}}


def row(number, cell="a", **changes):
    made = {
        "sweep": "s",
        "task": "t",
        "cell": cell,
        "trial": number,
        "seed": 2**31 - number,
        "status": "done",
        "valid": 0.1 + number,
        "test": 0.2 + number,
        "epochs": 2,
        "best_epoch": 1,
        "seconds": 1.5,
        "parameters": 10,
        "hyperparameters": {"units": 20 + number, "learning_rate": 1e-3},
        "error": None,
        "device": "a processor",
        "backend": "jax",
        "versions": {"keras": "3"},
        "commit": "abc",
        "curve": [(2.0, 1.0), (1.5, 0.1 + number)],
    }
    return made | changes


@pytest.fixture
def folder(tmp_path):
    store.create(tmp_path / "s", ASKED)
    return tmp_path / "s"


@pytest.fixture
def book(folder):
    book = store.Store(folder)
    yield book
    book.close()


def test_a_row_comes_back_as_it_was(folder, book):
    book.add([row(0)])
    [there] = store.load(folder).to_dict("records")
    drawn = {"units": 20, "learning_rate": 1e-3}
    expected = {k: v for k, v in row(0).items() if k not in ("curve", "hyperparameters")} | drawn
    assert there == expected


def test_a_row_is_there_before_and_after_it_is_taken_in(folder, book):
    store.finish(folder, row(1))
    book.add([row(0)])
    before = store.load(folder)
    assert list(before["trial"]) == [0, 1]
    curves = store.load_curves(folder)
    assert [r["trial"] for r in book.collect()] == [1]
    assert book.collect() == []
    assert store.row_file(folder, "t", "a", 1).exists()
    assert store.load(folder).equals(before)
    assert store.load_curves(folder).equals(curves)
    book.remove([store.row_file(folder, "t", "a", 1)])
    assert not list((folder / "finished").iterdir())
    assert store.load(folder).equals(before)
    assert store.load_curves(folder).equals(curves)


def test_a_row_that_is_not_taken_in_is_never_removed(folder, book):
    store.finish(folder, row(1))
    book.remove([store.row_file(folder, "t", "a", 1)])
    assert [r["trial"] for r in book.collect()] == [1]


def test_a_row_that_comes_twice_counts_once_and_the_first_stays(folder, book):
    book.add([row(0)])
    store.finish(folder, row(0, valid=9.0, curve=[(0.0, 0.0)]))
    book.collect()
    assert store.load(folder)["valid"].tolist() == [0.1]
    assert len(store.load_curves(folder)) == 2


def test_curves_of_some_trials_are_those_asked_for_taken_in_or_not(folder, book):
    book.add([row(0), row(2)])
    store.finish(folder, row(1))
    store.finish(folder, row(3))
    some = store.load_curves(folder, [("t", "a", 0), ("t", "a", 3), ("t", "b", 0)])
    whole = store.load_curves(folder)
    assert some.equals(whole[whole["trial"].isin([0, 3])].reset_index(drop=True))
    assert store.load_curves(folder, []).empty


def test_a_score_that_is_missing_is_nan(folder, book):
    book.add([row(0, valid=math.nan, test=math.nan, status="diverged", curve=[(math.inf, math.nan)])])
    assert store.load(folder)[["valid", "test"]].isna().all(axis=None)
    assert math.isnan(book.scores("t", "a")[0])
    assert store.load_curves(folder)["valid"].isna().all()


def test_rows_are_added_all_or_none(folder, book):
    with pytest.raises(KeyError):
        book.add([row(0), {"task": "t"}])
    assert store.load(folder).empty


def test_an_empty_folder_gives_an_empty_frame(folder):
    frame = store.load(folder)
    assert frame.empty
    assert {"task", "cell", "trial", "seed", "status", "valid", "test"} <= set(frame.columns)
    assert store.load_curves(folder).empty


def test_the_same_question_finds_its_folder_again(folder):
    before = (folder / "sweep.toml").read_bytes()
    store.create(folder, ASKED | {"about": {"cells": {"a": "said otherwise"}}})
    assert (folder / "sweep.toml").read_bytes() == before
    assert store.read_asked(folder) == ASKED


def test_the_folder_of_another_sweep_is_refused(folder):
    with pytest.raises(Refusal, match="another sweep, with another seed, tasks; name another folder"):
        store.create(folder, ASKED | {"seed": 2, "tasks": ["u"]})


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(Refusal, match=r"holds files, but no sweep.toml"):
        store.create(tmp_path, ASKED)


def test_what_is_no_results_folder_is_refused(tmp_path):
    with pytest.raises(Refusal, match=r"found no sweep\.toml"):
        store.load(tmp_path)


def test_a_database_that_is_none_is_refused(folder):
    (folder / "trials.sqlite").write_bytes(b"not a database, but long enough to have a header" * 100)
    for read in (store.load, store.Store):
        with pytest.raises(Refusal, match=r"trials\.sqlite cannot be used"):
            read(folder)


def test_a_database_that_was_cut_off_is_refused(folder):
    with contextlib.closing(store.Store(folder)) as book:
        book.add([row(k) for k in range(100)])
    whole = (folder / "trials.sqlite").read_bytes()
    (folder / "trials.sqlite").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Refusal, match=r"trials\.sqlite cannot be used .* restore it from a copy"):
        store.Store(folder)
    with pytest.raises(Refusal, match=r"trials\.sqlite cannot be used"):
        store.load(folder)
    (folder / "trials.sqlite").write_bytes(whole)
    with contextlib.closing(store.Store(folder)) as book:
        assert len(book.scores("t", "a")) == 100


def test_a_database_that_another_process_writes_is_refused_in_the_end(folder, monkeypatch):
    monkeypatch.setattr(store, "PATIENCE", 0.1)
    with contextlib.closing(store.Store(folder)) as book:
        with contextlib.closing(sqlite3.connect(folder / "trials.sqlite")) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(Refusal, match="database is locked"):
                book.add([row(0)])
        book.add([row(0)])
        assert book.scores("t", "a").keys() == {0}


def test_a_finished_row_that_is_not_whole_is_refused(folder):
    store.finish(folder, row(0))
    [file] = (folder / "finished").iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(Refusal, match=r"0\.json is not whole .* remove it, and its trial is run again"):
        store.load(folder)
    with contextlib.closing(store.Store(folder)) as book, pytest.raises(Refusal, match="is not whole"):
        book.collect()


def test_failed_rows_can_be_forgotten(folder):
    with contextlib.closing(store.Store(folder)) as book:
        book.add([row(0), row(1, status="failed", curve=[]), row(2)])
        assert book.forget_failed() == 1
    assert store.load(folder)["trial"].tolist() == [0, 2]


def test_names_cannot_leave_the_folder(folder, tmp_path):
    store.finish(folder, row(0, cell="../../b:C"))
    [file] = (folder / "finished").iterdir()
    assert json.loads(file.read_bytes())["cell"] == "../../b:C"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s"]


def test_a_kill_leaves_whole_rows_only(folder):
    """A process that takes in rows as fast as it can is killed; what it left can be read and gone on with."""
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]; from test_store import *; from pathlib import Path\n"
        "book = store.Store(Path(sys.argv[1]))\n"
        "for number in range(10**6): store.finish(book.folder, row(number)); book.collect()"
    )
    paths = [str(folder), os.path.dirname(__file__)]
    process = subprocess.Popen([sys.executable, "-c", code, *paths])
    while not (folder / "trials.sqlite").exists() or len(store.load(folder)) < 20:
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    book = store.Store(folder)
    book.collect()
    book.close()
    trials = store.load(folder)["trial"]
    assert list(trials) == list(range(len(trials)))
    assert len(store.load_curves(folder)) == 2 * len(trials)
    with sqlite3.connect(folder / "trials.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


def test_a_second_driver_is_refused_with_the_name_of_the_first_until_that_is_dead(folder):
    code = (
        "import sys; from pathlib import Path; from suite import store\n"
        "book = store.Store(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], **pipes) as first:
        assert first.stdout.readline() == "open\n"
        with pytest.raises(Refusal, match=rf"written by process {first.pid} on .*; wait for it, stop it"):
            store.Store(folder)
        first.kill()
        first.wait()
        store.Store(folder).close()


def test_a_driver_that_is_just_starting_is_one_too(folder):
    assert store.driver(folder) is None
    with open(folder / "driver", "w", encoding="utf-8") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        assert store.driver(folder) == {"who": "a process that is just starting", "workers": 0}
    assert store.driver(folder) is None
