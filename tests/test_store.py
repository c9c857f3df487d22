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

import numpy as np
import pandas as pd
import pytest

from suite import Refusal, store
from suite.database import SCHEMA, TRIAL_COLUMNS, create_wide_view
from suite.space import OPTIONAL_RANGES, PAPER_SPACE

CONFIG = {
    "name": "s",
    "seed": 1,
    "tasks": ["t"],
    "cells": ["a"],
    "space": {"units": {"low": 20}, "learning_rate": {"low": 1e-3}},
    "about": {"cells": {"a": "A"}},
}


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
        "accuracy": 0.8,
        "success": 0.6,
        "longer_tests": {"test_2x": 0.3, "success_2x": 0.5},
        "epochs": 2,
        "best_epoch": 1,
        "seconds": 1.5,
        "operations": 1e9,
        "step_operations": 2000,
        "state_size": 20,
        "parameters": 10,
        "hyperparameters": {"units": 20 + number, "learning_rate": 1e-3},
        "error": None,
        "device": "a processor",
        "backend": "jax",
        "versions": {"keras": "3"},
        "git_commit": "abc",
        "code": {"suite": "01", "cell": "23"},
        "unit": "45",
        "curve": [(2.0, 1.0), (1.5, 0.1 + number)],
    }
    return made | changes


@pytest.fixture
def folder(tmp_path):
    store.create_results_folder(tmp_path / "s", CONFIG)
    return tmp_path / "s"


@pytest.fixture
def book(folder):
    book = store.Store(folder)
    yield book
    book.close()


def test_a_row_comes_back_as_it_was(folder, book):
    book.add_rows([row(0)])
    [present] = store.load(folder).to_dict("records")
    drawn = {"units": 20, "learning_rate": 1e-3}
    expected = {k: v for k, v in row(0).items() if k not in ("curve", "hyperparameters", "longer_tests")}
    expected |= drawn | row(0)["longer_tests"]
    assert present == expected


def test_a_row_is_there_before_and_after_it_is_taken_in(folder, book):
    store.write_finished_row(folder, row(1))
    book.add_rows([row(0)])
    before = store.load(folder)
    assert list(before["trial"]) == [0, 1]
    curves = store.load_curves(folder)
    assert [r["trial"] for r in book.collect()] == [1]
    assert book.collect() == []
    assert store.row_file(folder, "t", "a", 1).exists()
    assert store.load(folder).equals(before)
    assert store.load_curves(folder).equals(curves)
    book.remove_row_files([store.row_file(folder, "t", "a", 1)])
    assert not list((folder / "finished").iterdir())
    assert store.load(folder).equals(before)
    assert store.load_curves(folder).equals(curves)


def test_a_row_that_is_not_taken_in_is_never_removed(folder, book):
    store.write_finished_row(folder, row(1))
    book.remove_row_files([store.row_file(folder, "t", "a", 1)])
    assert [r["trial"] for r in book.collect()] == [1]


def test_a_row_that_comes_twice_counts_once_and_the_first_stays(folder, book):
    book.add_rows([row(0)])
    store.write_finished_row(folder, row(0, valid=9.0, curve=[(0.0, 0.0)]))
    book.collect()
    assert store.load(folder)["valid"].tolist() == [0.1]
    assert len(store.load_curves(folder)) == 2


def test_curves_of_some_trials_are_those_asked_for_taken_in_or_not(folder, book):
    book.add_rows([row(0), row(2)])
    store.write_finished_row(folder, row(1))
    store.write_finished_row(folder, row(3))
    some = store.load_curves(folder, [("t", "a", 0), ("t", "a", 3), ("t", "b", 0)])
    whole = store.load_curves(folder)
    assert some.equals(whole[whole["trial"].isin([0, 3])].reset_index(drop=True))
    assert store.load_curves(folder, []).empty


@pytest.mark.parametrize("count", [1_200, 12_000])
def test_curves_of_any_number_of_trials_can_be_asked_for(folder, book, count):
    """SQLite's limits: expressions nest 1,000 deep at most, and have 32,766 values at most."""
    book.add_rows([row(count - 1)])
    assert len(store.load_curves(folder, [("t", "a", np.int64(k)) for k in range(count)])) == 2


def test_a_score_that_is_missing_is_nan(folder, book):
    book.add_rows([row(0, valid=math.nan, test=math.nan, status="diverged", curve=[(math.inf, math.nan)])])
    assert store.load(folder)[["valid", "test"]].isna().all(axis=None)
    assert math.isnan(book.scores("t", "a")[0])
    assert store.load_curves(folder)["valid"].isna().all()


def test_rows_are_added_all_or_none(folder, book):
    with pytest.raises(KeyError):
        book.add_rows([row(0), {"task": "t"}])
    assert store.load(folder).empty


def test_a_row_that_lacks_a_value_is_refused_by_name(folder, book):
    store.write_finished_row(folder, row(0))
    store.write_finished_row(folder, row(1, device=None))
    with pytest.raises(Refusal, match=r"trial 1 of a on t .*trials\.device.*; remove its file from"):
        book.collect()
    assert store.load_curves(folder, [("t", "a", 0)]).shape[0] == 2
    assert book.scores("t", "a") == {}


def test_an_empty_folder_gives_an_empty_frame(folder):
    frame = store.load(folder)
    assert frame.empty
    assert {"task", "cell", "trial", "seed", "status", "valid", "test"} <= set(frame.columns)
    assert store.load_curves(folder).empty


def test_the_same_question_finds_its_folder_again(folder):
    before = (folder / "sweep.toml").read_bytes()
    store.create_results_folder(folder, CONFIG | {"about": {"cells": {"a": "said otherwise"}}})
    assert (folder / "sweep.toml").read_bytes() == before
    assert store.read_config(folder) == CONFIG


def test_a_folder_that_was_renamed_is_of_the_same_question_and_has_its_new_name(folder):
    folder = folder.rename(folder.with_name("renamed"))
    store.create_results_folder(folder, CONFIG | {"name": "renamed", "title": "A new one"})
    assert store.read_config(folder) == CONFIG | {"name": "renamed"}
    with pytest.raises(Refusal, match="another sweep, which differs in seed; name"):
        store.create_results_folder(folder, CONFIG | {"name": "renamed", "seed": 2})


def test_the_folder_of_another_sweep_is_refused(folder):
    with pytest.raises(Refusal, match="another sweep, which differs in seed, epochs; name another folder"):
        store.create_results_folder(folder, CONFIG | {"seed": 2, "epochs": 3, "tasks": ["u"]})


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(Refusal, match=r"holds files, but no sweep.toml"):
        store.create_results_folder(tmp_path, CONFIG)


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
        book.add_rows([row(k) for k in range(100)])
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
    monkeypatch.setattr("suite.database.DATABASE_TIMEOUT", 0.1)
    with contextlib.closing(store.Store(folder)) as book:
        with contextlib.closing(sqlite3.connect(folder / "trials.sqlite")) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(Refusal, match="database is locked"):
                book.add_rows([row(0)])
        book.add_rows([row(0)])
        assert book.scores("t", "a").keys() == {0}


def test_a_finished_row_that_is_not_whole_is_refused(folder):
    store.write_finished_row(folder, row(0))
    [file] = (folder / "finished").iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(Refusal, match=r"0\.json is incomplete .* remove it to run its trial again"):
        store.load(folder)
    with pytest.raises(Refusal, match="is incomplete"):
        store.Store(folder)


def test_failed_rows_can_be_forgotten(folder):
    with contextlib.closing(store.Store(folder)) as book:
        book.add_rows([row(0), row(1, status="failed", curve=[]), row(2)])
        assert book.delete_failed_rows() == 1
    assert store.load(folder)["trial"].tolist() == [0, 2]


NEW = ("accuracy", "success", "longer_tests", "operations", "step_operations", "state_size", "unit", "code")


def columns(folder):
    with contextlib.closing(sqlite3.connect(folder / "trials.sqlite")) as database:
        return {name for _, name, *_ in database.execute("PRAGMA table_info(trials)")}


@pytest.fixture
def older(folder):
    """A results folder of the version that called a column `commit` and lacked some: two rows, one unread."""
    with contextlib.closing(store.Store(folder)) as book:
        book.add_rows([row(0)])
        book.database.execute("DROP VIEW trials_wide")
        book.database.execute('ALTER TABLE trials RENAME COLUMN git_commit TO "commit"')
        for name in NEW:
            book.database.execute(f"ALTER TABLE trials DROP COLUMN {name}")
    made = {name: value for name, value in row(1).items() if name not in NEW}
    store.write_finished_row(folder, made | {"commit": made.pop("git_commit")})
    return folder


def test_an_older_folder_is_read_and_stays_as_it_is(older):
    before = {path: path.read_bytes() for path in older.rglob("*") if path.is_file()}
    frame = store.load(older)
    assert frame["git_commit"].tolist() == ["abc", "abc"]
    assert frame[[name for name in NEW if name not in ("code", "longer_tests")]].isna().all(axis=None)
    assert "longer_tests" not in frame
    assert frame["code"].tolist() == [{}, {}]
    assert "commit" not in frame
    assert len(store.load_curves(older)) == 4
    assert {path: path.read_bytes() for path in older.rglob("*") if path.is_file()} == before


def test_a_driver_gives_an_older_folder_todays_columns_and_keeps_its_rows(older):
    before = store.load(older)
    for _ in range(2):  # opened again, there is nothing left to do
        with contextlib.closing(store.Store(older)) as book:
            book.collect()
            book.add_rows([row(2)])
        assert columns(older) == set(TRIAL_COLUMNS)
    frame = store.load(older)
    assert frame["code"].tolist() == [{}, {}, row(2)["code"]]
    kept = before.columns.drop([name for name in NEW if name != "longer_tests"])
    pd.testing.assert_frame_equal(frame.loc[:1, kept], before[kept])
    assert frame["test_2x"].isna().tolist() == [True, True, False]


def test_no_column_is_a_reserved_word():
    """Each can be written in SQL without quotes."""
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.executescript(SCHEMA.replace('"', ""))
        create_wide_view(database, PAPER_SPACE | OPTIONAL_RANGES)
        for table in ("trials", "curves", "trials_wide"):
            names = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")]
            database.execute(f"SELECT {', '.join(names)} FROM {table}")
        assert {*PAPER_SPACE, *OPTIONAL_RANGES} < set(names)


def test_a_view_has_the_hyperparameters_as_columns(folder):
    with contextlib.closing(store.Store(folder)) as book:
        book.add_rows([row(number, cell) for cell in "ab" for number in range(3)])
    with contextlib.closing(sqlite3.connect(folder / "trials.sqlite")) as database:
        means = database.execute(
            "SELECT cell, avg(test) FROM trials_wide WHERE units > 20 GROUP BY cell ORDER BY cell"
        )
        assert means.fetchall() == [("a", pytest.approx(1.7)), ("b", pytest.approx(1.7))]
        assert (
            database.execute("SELECT learning_rate, work_unit FROM trials_wide WHERE units = 20").fetchall()
            == [(1e-3, "45")] * 2
        )


def test_the_view_follows_the_hyperparameters_and_is_written_only_where_they_differ(folder):
    store.Store(folder).close()
    before = (folder / "trials.sqlite").read_bytes()
    store.Store(folder).close()
    assert (folder / "trials.sqlite").read_bytes() == before
    with contextlib.closing(sqlite3.connect(folder / "trials.sqlite")) as database:
        create_wide_view(database, ["units", "momentum"])
        assert database.execute("SELECT units, momentum FROM trials_wide").fetchall() == []


def test_names_cannot_leave_the_folder(folder, tmp_path):
    store.write_finished_row(folder, row(0, cell="../../b:C"))
    [file] = (folder / "finished").iterdir()
    assert json.loads(file.read_bytes())["cell"] == "../../b:C"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s"]


LIKE = [(task, "c") for task in ("a/b", "a_b", "a-b", "A_b", "x" * 300, "x" * 301)] + [("a", "b-c")]


def test_searches_whose_names_look_alike_have_files_of_their_own(folder):
    """Also where the file system takes upper and lower case for the same, or a name is too long for it."""
    for task, cell in LIKE:
        store.write_finished_row(folder, row(0, cell=cell, task=task))
        (store.checkpoint_folder(folder, task, cell)).mkdir(parents=True)
    for kind in ("finished", "running"):
        names = {path.name.lower() for path in (folder / kind).iterdir()}
        assert len(names) == len(LIKE)
    for task, cell in LIKE:
        assert store.row_file(folder, task, cell, 0).exists()
    assert len(store.load(folder)) == len(LIKE)


def test_a_file_named_by_an_older_version_is_taken_in(folder, book):
    store.write_finished_row(folder, row(0, cell="b:C"))
    [file] = (folder / "finished").iterdir()
    file.rename(file.with_name("t-b_C-0.json"))
    assert [r["cell"] for r in book.collect()] == ["b:C"]


def test_a_kill_leaves_whole_rows_only(folder):
    """A process that takes in rows as fast as it can is killed; what it left can be read and gone on with."""
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]; from test_store import *; from pathlib import Path\n"
        "book = store.Store(Path(sys.argv[1]))\n"
        "for number in range(10**6): store.write_finished_row(book.folder, row(number)); book.collect()"
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
    assert store.read_driver(folder) is None
    with open(folder / "driver", "w", encoding="utf-8") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        assert store.read_driver(folder) == {"who": "a process that is just starting", "workers": 0}
    assert store.read_driver(folder) is None
