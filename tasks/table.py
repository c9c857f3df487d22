"""Task `table`: sequences of the user's own, from a CSV, Parquet or NumPy file.

A file has a row for each step, in order, such as

    sequence,x1,x2,label
    a,0.1,0.9,left
    a,0.3,0.8,left
    b,0.9,0.1,right
    b,0.7,0.2,right
    b,0.6,0.2,right

`table@file=data.csv,target=label` classifies these sequences after their last step; all other columns are
inputs, here x1 and x2. The file is looked for in the data folder, or in the current folder if none is named.
The options:

- `sequence`: the column that says which sequence a row belongs to.
- `target`: the column to predict. Text, whole numbers and yes/no are classes, scored by the error rate;
  numbers with a decimal point are predicted as numbers, scored by the root of the mean squared error.
- `per`: "sequence" for one target of each sequence, the same in all its rows, or "step".
- `balance`: whether rare classes count as much as frequent ones in training: with "yes", the loss of a label
  is multiplied by n / (classes · count), for n labels in train, of which `count` have its class.
- `split`: a column of the words train, valid and test, the same in all rows of a sequence. Without it,
  `seed` draws a fifth of the sequences for valid, and a fifth for test.

Inputs, and targets that are numbers, are shifted and scaled to mean 0 and variance 1 in train. A constant
predictor of numbers therefore scores about 1.

A NumPy file (.npz) holds the columns as arrays (rows,), or (rows, n) for n columns `name.0` and so on. An
array `lengths`, with the number of rows of each sequence, may stand in place of the column `sequence`; then
an array may also have one value for each sequence.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import numpy as np

from suite import Refusal
from suite.options import Between, Text
from suite.registry import did_you_mean
from suite.seeds import derive_seed
from suite.task import SPLITS, Split, Task
from tasks.data import user_data_folder
from tasks.splits import standardise_inputs
from tasks.table_file import read_table

if TYPE_CHECKING:
    import pandas as pd

Name: TypeAlias = Annotated[str, Text()]
FileName: TypeAlias = Annotated[str, Text("give the folder of the file with --data or $ODYSSEY_DATA")]

MIN_SEQUENCES = 5  # for a split that is drawn: a fifth is valid, a fifth is test


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are, as the options of the task say."""

    sequence: str
    target: str
    per: str
    split: str
    seed: int


@dataclass(frozen=True)
class Sequences:
    """The contents of a table: its splits, the number of features, and that of classes, 0 for numbers."""

    splits: Mapping[str, Split]
    features: int
    classes: int

    def balanced_weights(self) -> tuple[float, ...]:
        """Return the weights with which every class counts the same in train, 1 on average over labels."""
        counts = np.bincount(np.concatenate(self.splits["train"].targets), minlength=self.classes)
        return tuple((counts.sum() / (self.classes * counts)).tolist())


def user_table(
    *,
    file: FileName = "",
    sequence: Name = "sequence",
    target: Name = "target",
    per: Literal["sequence", "step"] = "sequence",
    balance: bool = False,
    split: Name = "",
    seed: Annotated[int, Between(0, 1_000_000)] = 0,
) -> Task:
    """Return the task of predicting a column of a file of the user's.

    The file is read here, for the number of features and of classes. Without a file, the task can be listed,
    but not loaded.
    """
    if split and seed:
        raise Refusal(f"table: the column {split} says which split a sequence is in; leave seed out")
    columns = Columns(sequence, target, per, split, seed)
    content = read_sequences(file, columns) if file else Sequences({}, 1, 2)
    if file and balance and not content.classes:
        raise Refusal(f"table: expected classes in {target} for balance=yes, got numbers; leave balance out")
    return Task(
        name="table",
        title=f"{file or 'A file of your own'}, {target} of every {per}",
        load=functools.partial(load, file=file, columns=columns),
        features=content.features,
        outputs=content.classes or 1,
        loss="categorical" if content.classes else "squared",
        metric="error" if content.classes else "rmse",
        unit="error rate" if content.classes else "RMSE in standard deviations of train",
        answers="last step" if per == "sequence" else "every step",
        class_weights=content.balanced_weights() if file and balance else None,
        source=f"the user's file {file}" if file else "a file of the user's",
    )


def load(folder: Path | None = None, *, file: str, columns: Columns) -> Mapping[str, Split]:
    """Return the three splits: inputs (steps, features), float32, and targets (labels,) or (labels, 1)."""
    if not file:
        raise Refusal("table: give the file, such as table@file=data.csv,sequence=id,target=label")
    return read_sequences(file, columns, folder).splits


def read_sequences(file: str, columns: Columns, folder: Path | None = None) -> Sequences:
    """Return the contents of a file in the data folder; a file that has not changed is not read again."""
    path = (user_data_folder(folder) or Path()) / file
    try:
        status = path.stat()
    except OSError as error:
        beside = [other.name for other in path.parent.iterdir()]
        hint = did_you_mean(file, beside)
        here = f" (It is in {Path.cwd()}.)" if Path(file).exists() else ""
        raise Refusal(
            f"the file {path} does not exist.{hint} Name its folder with --data or $ODYSSEY_DATA{here}"
        ) from error
    return cached_sequences(path, columns, (status.st_mtime_ns, status.st_size))


@functools.lru_cache(maxsize=2)
def cached_sequences(path: Path, columns: Columns, version: tuple[int, int]) -> Sequences:
    """Return the contents of a file; `version` tells a changed file from the one in the cache."""
    frame = read_table(path)
    inputs = check_columns(path, frame, columns)
    features = frame[inputs].to_numpy(float)
    rows = sequence_rows(frame, columns.sequence)
    if columns.split:
        split_of = column_splits(path, frame, columns, rows)
    else:
        split_of = drawn_splits(path, columns, rows)
    for split in SPLITS:
        if split not in split_of.values():
            raise Refusal(f"{path}: expected sequences in train, valid and test, got none in {split}")
    labels = {name: own if columns.per == "step" else own[:1] for name, own in rows.items()}
    in_train = np.concatenate([labels[name] for name, split in split_of.items() if split == "train"])
    targets, classes = encoded_targets(path, frame, columns, rows, split_of, in_train)
    splits = {}
    for split in SPLITS:
        names = [name for name in rows if split_of[name] == split]
        splits[split] = Split(
            [features[rows[name]] for name in names], [targets[labels[name]] for name in names]
        )
    return Sequences(standardised(path, inputs, splits), len(inputs), classes)


def standardised(path: Path, names: list[str], splits: Mapping[str, Split]) -> Mapping[str, Split]:
    """Return the splits with inputs scaled by train; refuse a value that is then too large for float32."""
    with np.errstate(over="ignore"):
        splits = standardise_inputs(splits)
    for split, sequences in splits.items():
        for k in np.flatnonzero(~np.isfinite(np.concatenate(sequences.inputs)).all(axis=0)):
            raise Refusal(
                f"{path}: column {names[k]}: a value in {split} is too large to be scaled as those in train; "
                "correct it"
            )
    return splits


def check_columns(path: Path, frame: "pd.DataFrame", columns: Columns) -> list[str]:
    """Return the names of the inputs; refuse a column that is missing or cannot be used."""
    from pandas.api import types

    roles = {option: getattr(columns, option) for option in ("sequence", "target", "split")}
    roles = {option: name for option, name in roles.items() if name}
    present = list(map(str, frame.columns))
    for option, name in roles.items():
        if name not in present:
            raise Refusal(
                f"{path}: no column {name!r}.{did_you_mean(name, present)} Columns: {', '.join(present)}; "
                f"name one of them with {option}="
            )
    if len(set(roles.values())) < len(roles):
        got = ", ".join(f"{option}={name}" for option, name in roles.items())
        raise Refusal(f"{path}: expected different columns, got {got}")
    names = [name for name in present if name not in roles.values()]
    if not names:
        raise Refusal(f"{path}: expected columns with inputs beside {', '.join(roles.values())}, got none")
    if frame.empty:
        raise Refusal(f"{path}: expected rows, got none")
    for name in present:
        if frame[name].isna().any():
            refuse_value(path, name, int(frame[name].isna().argmax()), "a value", "none")
    for name in names:
        if not types.is_numeric_dtype(frame[name]):
            row = first_text(frame[name])
            refuse_value(path, name, row, "a number, as in every input", repr(frame[name].iloc[row]))
    for name in [*names, *([columns.target] if types.is_float_dtype(frame[columns.target]) else [])]:
        too_large = np.abs(frame[name].to_numpy(float)) > np.finfo(np.float32).max
        if too_large.any():
            row = int(too_large.argmax())
            refuse_value(path, name, row, "a finite number of float32", str(frame[name].iloc[row]))
    return names


def refuse_value(path: Path, column: str, row: int, expected: str, got: str) -> None:
    """Refuse the value in a row, which is counted from 0 here and from 1 in the message."""
    raise Refusal(f"{path}: column {column}, row {row + 1} of the data: expected {expected}, got {got}")


def first_text(column: "pd.Series") -> int:
    """Return the first row of a column whose value is no number; 0 if all could be read as numbers."""
    import pandas as pd

    return int(pd.to_numeric(column, errors="coerce").isna().argmax())


def sequence_rows(frame: "pd.DataFrame", column: str) -> dict:
    """Return {name of a sequence: its rows, in order}, from the column of these names."""
    import pandas as pd

    codes, names = pd.factorize(frame[column])
    rows = np.argsort(codes, kind="stable")
    return dict(zip(names.tolist(), np.split(rows, np.cumsum(np.bincount(codes))[:-1]), strict=True))


def drawn_splits(path: Path, columns: Columns, rows: dict) -> dict:
    """Return {name of a sequence: its split}, drawn from the seed."""
    if len(rows) < MIN_SEQUENCES:
        raise Refusal(
            f"{path}: expected at least {MIN_SEQUENCES} sequences to split, got {len(rows)}; is "
            f"{columns.sequence} the column that tells them apart?"
        )
    rank = np.random.default_rng(derive_seed("table", columns.seed)).permutation(len(rows))
    fifth = len(rows) // 5
    return {
        name: "test" if place < fifth else "valid" if place < 2 * fifth else "train"
        for name, place in zip(rows, rank, strict=True)
    }


def column_splits(path: Path, frame: "pd.DataFrame", columns: Columns, rows: dict) -> dict:
    """Return {name of a sequence: its split}, from the column of splits."""
    words = frame[columns.split].to_numpy()
    for row, word in enumerate(words):
        if word not in SPLITS:
            got = f"{str(word)!r}.{did_you_mean(str(word), SPLITS)}".removesuffix(".")
            refuse_value(path, columns.split, row, "train, valid or test", got)
    return {name: single_value(path, name, columns.split, words[own]) for name, own in rows.items()}


def single_value(path: Path, sequence: object, column: str, values: np.ndarray, hint: str = "") -> object:
    """Return the value that a sequence has in all its rows; refuse one that has several."""
    distinct = list(dict.fromkeys(values.tolist()))
    if len(distinct) > 1:
        raise Refusal(
            f"{path}: sequence {sequence!r}: expected one {column} in all its rows, got {distinct[0]!r} and "
            f"{distinct[1]!r}{hint}"
        )
    return distinct[0]


def encoded_targets(
    path: Path, frame: "pd.DataFrame", columns: Columns, rows: dict, split_of: dict, in_train: np.ndarray
) -> tuple[np.ndarray, int]:
    """Return the targets, classes (rows,) or numbers (rows, 1), and the number of classes, 0 for numbers.

    `in_train` are the rows that hold the labels of train, of which there is one for each sequence or step.
    """
    from pandas.api import types

    values = frame[columns.target].to_numpy()
    if columns.per == "sequence":
        for name, own in rows.items():
            hint = "; with per=step, every step has a target"
            single_value(path, name, columns.target, values[own], hint)
    classes = sorted(set(values[in_train].tolist()))
    if len(classes) == 1:
        raise Refusal(
            f"{path}: expected different values of {columns.target} in train, got {classes[0]!r} only"
        )
    if types.is_float_dtype(frame[columns.target]):
        numbers = values.astype(float)
        scaled = (numbers - numbers[in_train].mean()) / numbers[in_train].std()
        return scaled.astype(np.float32)[:, None], 0
    index = {value: k for k, value in enumerate(classes)}
    for name, split in split_of.items():
        for value in values[rows[name]].tolist():
            if value not in index:
                advice = ", or write numbers with a decimal point" if isinstance(value, int) else ""
                raise Refusal(
                    f"{path}: the class {value!r} of {columns.target} is in {split} but not in train; give "
                    f"another seed, or name a column of splits with split={advice}"
                )
    return np.array([index[value] for value in values.tolist()], np.int32), len(classes)
