"""The SQLite database of a results folder: its tables, those of older versions, and rows as it holds them.

The database holds the tables `trials` (columns: `TRIAL_COLUMNS`) and `curves` (task, cell, trial, epoch;
train: the training loss, valid: the validation score), and for SQL by hand a view `trials_wide`: the rows of
`trials` with a column for each hyperparameter of the sweep, and `unit` called `work_unit`. No name needs
quotes but that of a rule of initial weights, "R/*":

    sqlite3 results/quick/trials.sqlite \
        "SELECT cell, avg(test) FROM trials_wide WHERE units > 20 GROUP BY cell"

The driver creates the view, so a folder of an older version has it once a sweep has been continued there.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from suite import Refusal
from suite.files import unusable_file

TRIAL_COLUMNS = {
    "sweep": "TEXT NOT NULL",
    "task": "TEXT NOT NULL",
    "cell": "TEXT NOT NULL",
    "trial": "INTEGER NOT NULL",
    "seed": "INTEGER NOT NULL",
    "status": "TEXT NOT NULL",  # done, diverged or failed
    "valid": "REAL",  # the best validation score; lower is better
    "test": "REAL",  # the test score at that moment
    "accuracy": "REAL",  # on test at that moment, the share of labels that are right; only for classes
    "success": "REAL",  # on test at that moment, the share of sequences without a wrong label
    "longer_tests": "TEXT",  # JSON: test_2x, success_2x, … → scores on tests of longer sequences
    "epochs": "INTEGER NOT NULL",
    "best_epoch": "INTEGER NOT NULL",
    "seconds": "REAL NOT NULL",
    "operations": "REAL",  # multiply–adds of the whole trial
    "step_operations": "INTEGER",  # multiply–adds of one step of a sequence, forward
    "state_size": "INTEGER",  # numbers that are carried from one step to the next
    "parameters": "INTEGER NOT NULL",
    "hyperparameters": "TEXT NOT NULL",  # JSON: name → value
    "error": "TEXT",  # the traceback of a failed trial
    "device": "TEXT NOT NULL",
    "backend": "TEXT NOT NULL",
    "versions": "TEXT NOT NULL",  # JSON: package → version
    "git_commit": "TEXT NOT NULL",
    "code": "TEXT",  # JSON: hashes of what made the row, "suite", "cell", "task" and "data"
    "unit": "TEXT",  # the unit of work: trials with the same one were trained side by side
}
TRIAL_KEY = ("task", "cell", "trial")
LONGER_TEST_PREFIXES = ("test_", "success_")  # of the names in `longer_tests`
NULLABLE_NUMBERS = [name for name, kind in TRIAL_COLUMNS.items() if kind in ("REAL", "INTEGER")]
RENAMED_COLUMNS = {"commit": "git_commit"}  # columns of older folders; those they lack are NULL
DATABASE_TIMEOUT = 30.0  # seconds to wait while another process locks the database
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS trials (
    {", ".join(f'"{name}" {kind}' for name, kind in TRIAL_COLUMNS.items())},
    PRIMARY KEY ({", ".join(TRIAL_KEY)}));
CREATE TABLE IF NOT EXISTS curves (
    task TEXT NOT NULL, cell TEXT NOT NULL, trial INTEGER NOT NULL, epoch INTEGER NOT NULL, train REAL,
    valid REAL, PRIMARY KEY (task, cell, trial, epoch)) WITHOUT ROWID;
"""
WIDE_VIEW = "trials_wide"


def migrate_columns(database: sqlite3.Connection) -> None:
    """Add the current columns to a database of an older version, in place and in one transaction."""
    current = [name for _, name, *_ in database.execute("PRAGMA table_info(trials)")]
    changes = [
        f'RENAME COLUMN "{name}" TO "{RENAMED_COLUMNS[name]}"' for name in current if name in RENAMED_COLUMNS
    ]
    added = TRIAL_COLUMNS.keys() - {RENAMED_COLUMNS.get(name, name) for name in current}
    changes += [f'ADD COLUMN "{name}" {TRIAL_COLUMNS[name]}' for name in sorted(added)]
    if changes:
        with database:
            database.execute("BEGIN IMMEDIATE")
            for change in changes:
                database.execute(f"ALTER TABLE trials {change}")


def create_wide_view(database: sqlite3.Connection, hyperparameters: Iterable[str]) -> None:
    """Create the view `trials_wide`, with a column for each hyperparameter, or replace one that differs."""
    renamed = {"unit": "unit AS work_unit"}  # "units" is a hyperparameter
    columns = [renamed.get(name, name) for name in TRIAL_COLUMNS if name != "hyperparameters"]
    columns += [f"""json_extract(hyperparameters, '$."{name}"') AS "{name}\"""" for name in hyperparameters]
    statement = f"CREATE VIEW {WIDE_VIEW} AS SELECT {', '.join(columns)} FROM trials"
    current = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", [WIDE_VIEW]).fetchall()
    if current != [(statement,)]:
        with database:
            database.execute("BEGIN IMMEDIATE")
            database.execute(f"DROP VIEW IF EXISTS {WIDE_VIEW}")
            database.execute(statement)


def upgraded_row(row: dict) -> dict:
    """Return a row of any version with the current columns; missing values are None."""
    return dict.fromkeys(TRIAL_COLUMNS) | {
        RENAMED_COLUMNS.get(name, name): value for name, value in row.items()
    }


def database_row(row: dict) -> dict:
    """Convert a row for the database, with dicts as JSON; SQLite itself stores NaN as NULL."""
    as_json = {name: json.dumps(row[name]) for name in ("hyperparameters", "versions")}
    nullable = {name: json.dumps(row[name]) if row.get(name) else None for name in ("code", "longer_tests")}
    return {name: row.get(name) for name in TRIAL_COLUMNS} | as_json | nullable


def connect_database(path: Path) -> sqlite3.Connection:
    """Open a database; refuse a file that is not a SQLite database."""
    database = sqlite3.connect(path, timeout=DATABASE_TIMEOUT)
    try:
        with refuse_database_errors(path):
            database.execute("SELECT * FROM sqlite_master LIMIT 1").fetchall()
    except Refusal:
        database.close()
        raise
    return database


@contextlib.contextmanager
def refuse_database_errors(path: Path) -> Iterator[None]:
    """Refuse a database that cannot be read or written."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise unusable_file(path, error) from error
