"""Rows and curves of a sweep, safe from any crash.

A results folder holds

- `sweep.toml`: what was asked, written once;
- `trials.sqlite`: the rows, one a trial, and the curves; the driver of the sweep is its only writer;
- `finished/`: rows that a worker has finished, a file each, until the driver has taken them in and the unit
  of work they belong to has ended;
- `running/`: checkpoints of trials half done, a folder a search (`suite.training.checkpoint`);
- `driver`: which process is or was the driver, locked for as long as it lives;
- `stop`: there once the sweep is to end: workers finish their epoch, keep what they have, and leave.

A worker makes a row durable before it reports it; the driver takes it in, and only then is the file removed.
So at any moment a finished trial is in one of the two or both, and taking it in twice changes nothing.
Workers never open the database, which may be on a network's disk: a unit that is begun again, where its
worker died, finds its own rows in `finished/`.
"""

import contextlib
import json
import sqlite3
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path

from suite import Refusal
from suite.files import holder, lock, plain, unusable, write_atomic

COLUMNS = {
    "sweep": "TEXT NOT NULL",
    "task": "TEXT NOT NULL",
    "cell": "TEXT NOT NULL",
    "trial": "INTEGER NOT NULL",
    "seed": "INTEGER NOT NULL",
    "status": "TEXT NOT NULL",  # done, diverged or failed
    "valid": "REAL",  # the best validation score; lower is better
    "test": "REAL",  # the test score at that moment
    "epochs": "INTEGER NOT NULL",
    "best_epoch": "INTEGER NOT NULL",
    "seconds": "REAL NOT NULL",
    "operations": "REAL",  # multiply–adds of the whole trial
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
KEY = ("task", "cell", "trial")
RENAMED = {"commit": "git_commit"}  # columns of older folders; those they lack are NULL
PATIENCE = 30.0  # seconds to wait for another process that has the database
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS trials (
    {", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())}, PRIMARY KEY ({", ".join(KEY)}));
CREATE TABLE IF NOT EXISTS curves (
    task TEXT NOT NULL, cell TEXT NOT NULL, trial INTEGER NOT NULL, epoch INTEGER NOT NULL, train REAL,
    valid REAL, PRIMARY KEY (task, cell, trial, epoch)) WITHOUT ROWID;
"""


def create(folder: Path, asked: dict, implied: dict | None = None) -> None:
    """Make a results folder of a sweep, or find it there; refuse the folder of another sweep.

    `implied` is what a folder was asked whose sweep.toml is older than such a setting.
    """
    import tomli_w

    if (folder / "sweep.toml").exists():
        there = {**(implied or {}), **read_asked(folder)}
        keys = [key for key in {**there, **asked} if key not in ("name", "title", "about")]
        differ = [key for key in keys if there.get(key) != asked.get(key)]
        if differ:
            raise Refusal(
                f"{folder} holds another sweep, with another {', '.join(differ)}; "
                f"name another folder with --results, or remove this one"
            )
        return
    if folder.exists() and not folder.is_dir():
        raise Refusal(f"{folder}: expected a folder for results, got a file; name another with --results")
    if folder.exists() and any(folder.iterdir()):
        raise Refusal(f"{folder} holds files, but no sweep.toml; name another folder with --results")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / "sweep.toml", tomli_w.dumps(asked).encode())


def read_asked(folder: Path) -> dict:
    """Return what a sweep was asked, as in its sweep.toml; its name is the folder's, renamed or not."""
    try:
        asked = tomllib.loads((folder / "sweep.toml").read_text(encoding="utf-8"))
        return asked | {"name": folder.resolve().name}
    except (FileNotFoundError, NotADirectoryError):
        raise Refusal(
            f"{folder}: expected the results folder of a sweep, found no sweep.toml there"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise Refusal(
            f"{folder / 'sweep.toml'} cannot be read ({error}); restore it, or start anew"
        ) from None


def trials_a_search(asked: dict) -> int:
    """Return how many trials each search of a sweep holds: Hyperband decides by itself, whatever is asked."""
    return asked.get("about", {}).get("trials_a_search", asked["trials"])


def finish(folder: Path, row: dict) -> None:
    """Make a finished row durable, from any process: a row of `COLUMNS`, and its curve."""
    write_atomic(row_file(folder, *(row[key] for key in KEY)), json.dumps(row).encode())


def row_file(folder: Path, task: str, cell: str, trial: int) -> Path:
    """Return the file of a finished row, from when it is finished until its unit of work has ended."""
    return folder / "finished" / f"{plain((task, cell))}-{trial}.json"


def running(folder: Path, task: str, cell: str) -> Path:
    """Return where the checkpoints of a search are."""
    return folder / "running" / plain((task, cell))


def stop(folder: Path) -> None:
    """Ask the sweep in a folder to end after the epochs that are under way."""
    (folder / "stop").touch()


def stopping(folder: Path) -> bool:
    """Whether the sweep in a folder has been asked to end."""
    return (folder / "stop").exists()


class Store:
    """The rows of a results folder, open for their one writer."""

    def __init__(self, folder: Path, workers: int = 0):
        self.folder, self.taken = folder, set()
        about = {"workers": workers, "since": time.time(), "rows": count_rows(folder)}
        self.lock = lock(folder / "driver", about)
        (folder / "stop").unlink(missing_ok=True)
        try:
            self.database = connect(folder / "trials.sqlite")
            with usable(folder / "trials.sqlite"):
                self.database.executescript(SCHEMA)
                [[found], *_] = self.database.execute("PRAGMA quick_check(1)").fetchall()
                if found != "ok":
                    raise sqlite3.DatabaseError(found)
                migrate(self.database)
        except BaseException:
            self.lock.close()
            raise

    def collect(self) -> list[dict]:
        """Take in the rows that workers have finished since the last time, and return them."""
        files = sorted(set((self.folder / "finished").glob("*.json")) - self.taken)
        rows = [read_row(file) for file in files]
        self.add(rows)
        self.taken.update(files)
        return rows

    def remove(self, files: Iterable[Path]) -> None:
        """Remove files of rows (`row_file`) that have been taken in, and that no worker will look for."""
        for file in self.taken & set(files):
            file.unlink(missing_ok=True)
            self.taken.remove(file)

    def add(self, rows: Iterable[dict]) -> None:
        """Add rows with their curves, all or none; a row that is there already stays as it is."""
        names = ", ".join(f'"{name}"' for name in COLUMNS)
        marks = ", ".join(f":{name}" for name in COLUMNS)
        conflict = f"ON CONFLICT ({', '.join(KEY)}) DO NOTHING"
        insert = f"INSERT INTO trials ({names}) VALUES ({marks}) {conflict}"
        with usable(self.folder / "trials.sqlite"), self.database:
            for row in rows:
                try:
                    added = self.database.execute(insert, flat(row))
                except sqlite3.IntegrityError as error:
                    which = f"trial {row['trial']} of {row['cell']} on {row['task']}"
                    raise Refusal(
                        f"the row of {which} is not one ({error}); remove its file from "
                        f"{self.folder / 'finished'}, and the trial is run again"
                    ) from error
                if added.rowcount:
                    key = [row[name] for name in KEY]
                    points = ([*key, epoch, *point] for epoch, point in enumerate(row["curve"], 1))
                    self.database.executemany("INSERT INTO curves VALUES (?, ?, ?, ?, ?, ?)", points)

    def scores(self, task: str, cell: str) -> dict[int, float]:
        """Return the validation scores of a search by number of trial; NaN where a row has none."""
        query = "SELECT trial, valid FROM trials WHERE task = ? AND cell = ?"
        rows = self.database.execute(query, (task, cell))
        return {trial: float("nan") if valid is None else valid for trial, valid in rows}

    def forget_failed(self) -> int:
        """Remove the rows of failed trials, which have no curves, and return how many there were."""
        with usable(self.folder / "trials.sqlite"), self.database:
            return self.database.execute("DELETE FROM trials WHERE status = 'failed'").rowcount

    def close(self) -> None:
        """Close the database, for the next driver."""
        self.remove(self.taken)
        self.database.close()
        self.lock.close()


def driver(folder: Path) -> dict | None:
    """Return what the driver at work in a folder wrote of itself; None where none is.

    "who", "workers", and "since" when (seconds since 1970) with how many "rows", to tell how fast it is.
    """
    found = holder(folder / "driver")
    return found and {"workers": 0} | found


def migrate(database: sqlite3.Connection) -> None:
    """Give a database of an older version today's columns, where it is; all or none."""
    there = [name for _, name, *_ in database.execute("PRAGMA table_info(trials)")]
    changes = [f'RENAME COLUMN "{name}" TO "{RENAMED[name]}"' for name in there if name in RENAMED]
    added = COLUMNS.keys() - {RENAMED.get(name, name) for name in there}
    changes += [f'ADD COLUMN "{name}" {COLUMNS[name]}' for name in sorted(added)]
    if changes:
        with database:
            database.execute("BEGIN IMMEDIATE")
            for change in changes:
                database.execute(f"ALTER TABLE trials {change}")


def upgraded(row: dict) -> dict:
    """Return a row of any version with today's columns; those it lacks are None."""
    return dict.fromkeys(COLUMNS) | {RENAMED.get(name, name): value for name, value in row.items()}


def flat(row: dict) -> dict:
    """Return a row as the database holds it: structures as JSON, and None for NaN, which SQLite has not."""
    structured = {name: json.dumps(row[name]) for name in ("hyperparameters", "versions")}
    structured["code"] = json.dumps(row["code"]) if row.get("code") else None
    return {name: structured.get(name, row.get(name)) for name in COLUMNS}


def connect(path: Path) -> sqlite3.Connection:
    """Open a database, refusing a file that is none."""
    database = sqlite3.connect(path, timeout=PATIENCE)
    try:
        with usable(path):
            database.execute("SELECT * FROM sqlite_master LIMIT 1").fetchall()
    except Refusal:
        database.close()
        raise
    return database


@contextlib.contextmanager
def usable(path: Path):
    """Refuse a database that cannot be read or written."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise unusable(path, error) from error


def load(folder: Path | str):
    """Return the rows of a results folder as a pandas frame, one row a trial, in order of `KEY`.

    Beside the columns of `COLUMNS` there is one for each hyperparameter. `versions` and `code` are dicts.
    What rows of an older version lack is NaN or None, and their `code` is empty. Rows that a worker has
    finished and no driver has taken in yet are there too; nothing is written.
    """
    import pandas as pd

    folder = Path(folder)
    found = [*unread(folder), *map(upgraded, stored(folder, "trials"))]
    rows = {tuple(row[k] for k in KEY): row for row in found}
    frame = pd.DataFrame([flat(rows[key]) if "curve" in rows[key] else rows[key] for key in sorted(rows)])
    frame = frame.reindex(columns=list(COLUMNS))
    drawn = [json.loads(text) for text in frame.pop("hyperparameters")]
    for name in ("versions", "code"):
        frame[name] = [json.loads(text) if isinstance(text, str) else {} for text in frame[name]]
    frame[["valid", "test", "operations"]] = frame[["valid", "test", "operations"]].astype(float)
    return frame.join(pd.DataFrame(drawn, index=frame.index))


def load_curves(folder: Path | str, trials: Iterable[tuple[str, str, int]] | None = None):
    """Return the curves of a results folder as a pandas frame: task, cell, trial, epoch, train, valid.

    Those of all trials, or of some by their `KEY`.
    """
    import pandas as pd

    folder, where, values = Path(folder), "", ()
    wanted = None if trials is None else {(task, cell, int(trial)) for task, cell, trial in trials}
    if wanted is not None:  # as one value: SQLite has limits to the terms and to the values of a query
        key = ", ".join(f"json_extract(value, '$[{k}]')" for k in range(len(KEY)))
        where = f"WHERE ({', '.join(KEY)}) IN (SELECT {key} FROM json_each(?))"
        values = (json.dumps(list(wanted)),)
    points = {
        tuple(point[k] for k in (*KEY, "epoch")): point for point in stored(folder, "curves", where, values)
    }
    for row in unread(folder):
        key = {k: row[k] for k in KEY}
        if wanted is not None and tuple(key.values()) not in wanted:
            continue
        for epoch, (train, valid) in enumerate(row["curve"], 1):
            points[*key.values(), epoch] = {**key, "epoch": epoch, "train": train, "valid": valid}
    columns = [*KEY, "epoch", "train", "valid"]
    frame = pd.DataFrame([points[key] for key in sorted(points)], columns=columns)
    return frame.astype({"train": float, "valid": float})


def unread(folder: Path) -> list[dict]:
    """Return the finished rows that are files, whether a driver has taken them in or not.

    To be read before the database: a row that a driver takes in meanwhile is in the database by then.
    """
    rows = []
    for file in sorted((folder / "finished").glob("*.json")):
        with contextlib.suppress(FileNotFoundError):
            rows.append(read_row(file))
    return rows


def read_row(file: Path) -> dict:
    """Return the row in a file."""
    try:
        return upgraded(json.loads(file.read_bytes()))
    except ValueError as error:
        raise Refusal(f"{file} is not whole ({error}); remove it, and its trial is run again") from error


def stored(folder: Path, table: str, where: str = "", values: tuple = (), what: str = "*") -> list[dict]:
    """Return the rows of a table of a results folder, or `what` of them: all, or of a condition in SQL."""
    read_asked(folder)  # refuses what is no results folder
    if not (folder / "trials.sqlite").exists():
        return []
    path = folder / "trials.sqlite"
    with contextlib.closing(connect(path)) as database, usable(path):
        database.row_factory = sqlite3.Row
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table]).fetchone():
            return []  # a driver is just making it
        return [dict(row) for row in database.execute(f"SELECT {what} FROM {table} {where}", values)]


def count_rows(folder: Path) -> int:
    """Return how many rows a results folder has, taken in or not."""
    rows = [*unread(folder), *stored(folder, "trials", what=", ".join(KEY))]
    return len({tuple(row[key] for key in KEY) for row in rows})
