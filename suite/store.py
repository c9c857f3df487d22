"""The store: rows and curves of a sweep, which no crash can damage.

A results folder holds

- `sweep.toml`: the settings of the sweep; replaced when the sweep grows (`create_results_folder`);
- `trials.sqlite`: the rows, one per trial, and the curves (`suite.database`); the driver of the sweep is its
  only writer;
- `finished/`: rows that a worker has finished, one file each, until the driver has collected them and their
  unit of work has ended;
- `running/`: checkpoints of unfinished trials, one folder per search (`suite.training.checkpoint`);
- `driver`: a description of the driver process, locked while that process lives (`read_driver`);
- `stop`: exists if the sweep has been asked to end (`request_stop`): workers finish their epoch, write
  checkpoints and stop.

A worker writes a row to disk before it reports the row; the driver adds it to the database, and only then
removes the file. So a finished trial is always in the file, in the database, or in both, and adding it twice
changes nothing. Workers never open the database, which may be on a network's disk: a unit that is restarted
after its worker died finds its own rows in `finished/`.
"""

import contextlib
import json
import sqlite3
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from suite import Refusal
from suite.config import SweepRecord, record_from_table
from suite.database import (
    NULLABLE_NUMBERS,
    SCHEMA,
    TRIAL_COLUMNS,
    TRIAL_KEY,
    connect_database,
    create_wide_view,
    database_row,
    migrate_columns,
    refuse_database_errors,
    upgraded_row,
)
from suite.files import (
    lock_file,
    lock_holder,
    nearest_path_hint,
    safe_file_name,
    write_atomic,
)
from suite.growth import added_settings, grown_config

if TYPE_CHECKING:
    import pandas as pd


def create_results_folder(folder: Path, config: dict, default_settings: dict | None = None) -> None:
    """Create the results folder of a sweep, or grow an existing one by what `config` adds.

    Refuses a folder with other settings, and growing it while a driver is running there. `default_settings`
    are the values of settings that an older sweep.toml lacks.
    """
    import tomli_w

    path, defaults = folder / "sweep.toml", default_settings or {}
    if path.exists():
        grown = grown_config(folder, defaults | read_config(folder), config)
        if added_settings(read_config(folder), config):
            with contextlib.closing(lock_file(folder / "driver", {})):
                grown = grown_config(folder, defaults | read_config(folder), config)
                write_atomic(path, tomli_w.dumps(grown).encode())
        return
    if folder.exists() and not folder.is_dir():
        raise Refusal(f"{folder}: expected a folder for results, got a file; name another with --results")
    if folder.exists() and any(folder.iterdir()):
        raise Refusal(f"{folder} holds files, but no sweep.toml; name another folder with --results")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(path, tomli_w.dumps(config).encode())


def read_config(folder: Path) -> dict:
    """Return the settings of a sweep from its sweep.toml, with the current name of the folder as its name."""
    try:
        config = tomllib.loads((folder / "sweep.toml").read_text(encoding="utf-8"))
        return config | {"name": folder.resolve().name}
    except (FileNotFoundError, NotADirectoryError):
        raise Refusal(
            f"{folder}: expected the results folder of a sweep, found no sweep.toml there"
            f"{nearest_path_hint(folder, 'sweep.toml', Path('results'))}"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise Refusal(
            f"{folder / 'sweep.toml'} cannot be read ({error}); restore it, or begin again in another folder"
        ) from None


def read_sweep(folder: Path) -> SweepRecord:
    """Return the configuration of the sweep in a results folder, with descriptions of its tasks and cells."""
    return record_from_table(read_config(folder))


def trials_per_search(config: dict) -> int:
    """Return the number of trials of each search: `trials`, unless Hyperband sets it."""
    return config.get("about", {}).get("trials_a_search", config["trials"])


def hyperparameter_names(config: dict) -> list[str]:
    """Return the names of the hyperparameters of all variants, from the settings of a sweep."""
    own = [name for space in config.get("variant_spaces", {}).values() for name in space]
    return list(dict.fromkeys([*config.get("space", {}), *own]))


def write_finished_row(folder: Path, row: dict) -> None:
    """Write a finished row (`TRIAL_COLUMNS`) and its curve to disk; any process may do this."""
    write_atomic(row_file(folder, *(row[key] for key in TRIAL_KEY)), json.dumps(row).encode())


def row_file(folder: Path, task: str, cell: str, trial: int) -> Path:
    """Return the path of the file that holds a finished row until its unit of work has ended."""
    return folder / "finished" / f"{safe_file_name((task, cell))}-{trial}.json"


def checkpoint_folder(folder: Path, task: str, cell: str) -> Path:
    """Return the folder of the checkpoints of a search."""
    return folder / "running" / safe_file_name((task, cell))


def request_stop(folder: Path) -> None:
    """Ask the sweep in a folder to end once its workers have finished the epochs they are training."""
    (folder / "stop").touch()


def is_stop_requested(folder: Path) -> bool:
    """Whether the sweep in a folder has been asked to end."""
    return (folder / "stop").exists()


class Store:
    """The rows of a results folder, open for their one writer."""

    def __init__(self, folder: Path, workers: int = 0):
        self.folder = folder
        self.collected_files: set[Path] = set()
        about = {"workers": workers, "since": time.time(), "rows": count_rows(folder)}
        self.lock = lock_file(folder / "driver", about)
        (folder / "stop").unlink(missing_ok=True)
        try:
            self.database = connect_database(folder / "trials.sqlite")
            with refuse_database_errors(folder / "trials.sqlite"):
                self.database.executescript(SCHEMA)
                [[verdict], *_] = self.database.execute("PRAGMA quick_check(1)").fetchall()
                if verdict != "ok":
                    raise sqlite3.DatabaseError(verdict)
                migrate_columns(self.database)
                create_wide_view(self.database, hyperparameter_names(read_config(folder)))
        except BaseException:
            self.lock.close()
            raise

    def collect(self) -> list[dict]:
        """Add the rows that workers have finished since the last call to the database, and return them."""
        files = sorted(set((self.folder / "finished").glob("*.json")) - self.collected_files)
        rows = [read_row_file(file) for file in files]
        self.add_rows(rows)
        self.collected_files.update(files)
        return rows

    def remove_row_files(self, files: Iterable[Path]) -> None:
        """Remove files of rows (`row_file`) that are in the database and that no worker needs."""
        for file in self.collected_files & set(files):
            file.unlink(missing_ok=True)
            self.collected_files.remove(file)

    def add_rows(self, rows: Iterable[dict]) -> None:
        """Add rows with their curves in one transaction; existing rows stay as they are."""
        names = ", ".join(f'"{name}"' for name in TRIAL_COLUMNS)
        marks = ", ".join(f":{name}" for name in TRIAL_COLUMNS)
        conflict = f"ON CONFLICT ({', '.join(TRIAL_KEY)}) DO NOTHING"
        insert = f"INSERT INTO trials ({names}) VALUES ({marks}) {conflict}"
        with refuse_database_errors(self.folder / "trials.sqlite"), self.database:
            for row in rows:
                try:
                    added = self.database.execute(insert, database_row(row))
                except sqlite3.IntegrityError as error:
                    which = f"trial {row['trial']} of {row['cell']} on {row['task']}"
                    raise Refusal(
                        f"the row of {which} is invalid ({error}); remove its file from "
                        f"{self.folder / 'finished'} to run the trial again"
                    ) from error
                if added.rowcount:
                    key = [row[name] for name in TRIAL_KEY]
                    points = ([*key, epoch, *point] for epoch, point in enumerate(row["curve"], 1))
                    self.database.executemany("INSERT INTO curves VALUES (?, ?, ?, ?, ?, ?)", points)

    def scores(self, task: str, cell: str) -> dict[int, float]:
        """Return the validation scores of a search by number of trial; NaN where a row has none."""
        query = "SELECT trial, valid FROM trials WHERE task = ? AND cell = ?"
        rows = self.database.execute(query, (task, cell))
        return {trial: float("nan") if valid is None else valid for trial, valid in rows}

    def delete_failed_rows(self) -> int:
        """Remove the rows of failed trials (they have no curves), and return their number."""
        with refuse_database_errors(self.folder / "trials.sqlite"), self.database:
            return self.database.execute("DELETE FROM trials WHERE status = 'failed'").rowcount

    def close(self) -> None:
        """Close the database, for the next driver."""
        self.remove_row_files(self.collected_files)
        self.database.close()
        self.lock.close()


def read_driver(folder: Path) -> dict | None:
    """Return what the running driver of a folder wrote about itself; None if no driver is running.

    The keys are "who"; "workers", their number; "since", the start in seconds since 1970; and "rows", the
    number of rows at the start, which gives the speed.
    """
    holder = lock_holder(folder / "driver")
    return holder and {"workers": 0} | holder


def load(folder: Path | str) -> "pd.DataFrame":
    """Return the rows of a results folder as a pandas frame, one row a trial, in order of `TRIAL_KEY`.

    Beside the columns of `TRIAL_COLUMNS` there is one for each hyperparameter, and in place of `longer_tests`
    one for each score in it. `versions` and `code` are dicts. Values that rows of an older version lack are
    NaN or None, and their `code` is empty. Finished rows that are not in the database yet are included;
    nothing is written.
    """
    import pandas as pd

    folder = Path(folder)
    all_rows = [*read_finished_rows(folder), *map(upgraded_row, query_rows(folder, "trials"))]
    rows = {tuple(row[k] for k in TRIAL_KEY): row for row in all_rows}
    frame = pd.DataFrame(
        [database_row(rows[key]) if "curve" in rows[key] else rows[key] for key in sorted(rows)]
    )
    frame = frame.reindex(columns=list(TRIAL_COLUMNS))
    hyperparameters = [json.loads(text) for text in frame.pop("hyperparameters")]
    longer_tests = [json.loads(text) if isinstance(text, str) else {} for text in frame.pop("longer_tests")]
    for name in ("versions", "code"):
        frame[name] = [json.loads(text) if isinstance(text, str) else {} for text in frame[name]]
    frame[NULLABLE_NUMBERS] = frame[NULLABLE_NUMBERS].astype(float)
    for values in (longer_tests, hyperparameters):
        frame = frame.join(pd.DataFrame(values, index=frame.index))
    return frame


def load_curves(folder: Path | str, trials: Iterable[tuple[str, str, int]] | None = None) -> "pd.DataFrame":
    """Return the curves of a results folder as a pandas frame: task, cell, trial, epoch, train, valid.

    With `trials`, a list of `TRIAL_KEY` values, only the curves of these trials.
    """
    import pandas as pd

    folder, condition = Path(folder), ""
    values: tuple = ()
    wanted_keys = None if trials is None else {(task, cell, int(trial)) for task, cell, trial in trials}
    if wanted_keys is not None:  # as one value: SQLite has limits to the terms and to the values of a query
        key = ", ".join(f"json_extract(value, '$[{k}]')" for k in range(len(TRIAL_KEY)))
        condition = f"WHERE ({', '.join(TRIAL_KEY)}) IN (SELECT {key} FROM json_each(?))"
        values = (json.dumps(list(wanted_keys)),)
    points = {
        tuple(point[k] for k in (*TRIAL_KEY, "epoch")): point
        for point in query_rows(folder, "curves", condition, values)
    }
    for row in read_finished_rows(folder):
        trial = {k: row[k] for k in TRIAL_KEY}
        if wanted_keys is not None and tuple(trial.values()) not in wanted_keys:
            continue
        for epoch, (train, valid) in enumerate(row["curve"], 1):
            points[*trial.values(), epoch] = {**trial, "epoch": epoch, "train": train, "valid": valid}
    columns = [*TRIAL_KEY, "epoch", "train", "valid"]
    frame = pd.DataFrame([points[key] for key in sorted(points)], columns=columns)
    return frame.astype({"train": float, "valid": float})


def read_finished_rows(folder: Path) -> list[dict]:
    """Return the finished rows that are files, whether or not they are in the database.

    Call this before reading the database: a row that a driver collects meanwhile is then in the database.
    """
    rows = []
    for file in sorted((folder / "finished").glob("*.json")):
        with contextlib.suppress(FileNotFoundError):
            rows.append(read_row_file(file))
    return rows


def read_row_file(file: Path) -> dict:
    """Return the row in a file."""
    try:
        return upgraded_row(json.loads(file.read_bytes()))
    except ValueError as error:
        raise Refusal(f"{file} is incomplete ({error}); remove it to run its trial again") from error


def query_rows(
    folder: Path, table: str, condition: str = "", values: tuple = (), columns: str = "*"
) -> list[dict]:
    """Return rows of a table of a results folder, with all or some `columns`, optionally filtered by SQL."""
    read_config(folder)  # refuses what is no results folder
    if not (folder / "trials.sqlite").exists():
        return []
    path = folder / "trials.sqlite"
    with contextlib.closing(connect_database(path)) as database, refuse_database_errors(path):
        database.row_factory = sqlite3.Row
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table]).fetchone():
            return []  # a driver is just creating it
        return [dict(row) for row in database.execute(f"SELECT {columns} FROM {table} {condition}", values)]


def count_rows(folder: Path) -> int:
    """Return the number of rows of a results folder, including those not in the database yet."""
    rows = [*read_finished_rows(folder), *query_rows(folder, "trials", columns=", ".join(TRIAL_KEY))]
    return len({tuple(row[key] for key in TRIAL_KEY) for row in rows})
