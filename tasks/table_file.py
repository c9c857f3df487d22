"""Read a table from a CSV, Parquet or NumPy file, for `tasks.table`."""

import warnings
import zipfile
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from suite import Refusal

if TYPE_CHECKING:
    import pandas as pd

LENGTHS = "lengths"  # the array of a NumPy file that has the number of rows of each sequence


def read_table(path: Path) -> "pd.DataFrame":
    """Return the columns of a file; refuse one that is in no known format, or damaged."""
    if path.suffix not in READERS:
        raise Refusal(
            f"{path}: expected a file ending in {', '.join(READERS)}, got {path.suffix or 'no ending'}"
        )
    try:
        return READERS[path.suffix](path)
    except UnicodeDecodeError as error:
        raise Refusal(
            f"{path}: expected text in UTF-8, got another encoding ({error}); save it so"
        ) from error
    except (ValueError, OSError, Warning, zipfile.BadZipFile, zlib.error) as error:  # of pandas: ValueError
        raise Refusal(f"{path} cannot be read ({' '.join(str(error).split())}); correct the file") from error


def read_csv(path: Path) -> "pd.DataFrame":
    """Return the columns of a CSV file.

    Refused: a name of several columns, which pandas would change; columns that are separated by semicolons or
    tabs; and a row with more fields than there are columns.
    """
    import pandas as pd

    names = pd.read_csv(path, header=None, nrows=1, index_col=False, dtype=str).iloc[0].dropna().tolist()
    if len(names) == 1 and any(separator in names[0] for separator in ";\t"):
        raise Refusal(f"{path}: expected columns separated by commas, got one column {names[0]!r}")
    refuse_repeated(path, names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return pd.read_csv(path, index_col=False, low_memory=False)
        except pd.errors.ParserWarning as error:
            raise Refusal(
                f"{path}: expected {len(names)} fields in every row, as in the first line, got more in some"
            ) from error


def refuse_repeated(path: Path, names: list[str]) -> None:
    """Refuse names of columns of which two are the same."""
    for place, name in enumerate(names):
        if name in names[:place]:
            raise Refusal(f"{path}: expected different names of columns, got {name!r} twice; rename one")


def read_parquet(path: Path) -> "pd.DataFrame":
    """Return the columns of a Parquet file."""
    import pandas as pd

    if not find_spec("pyarrow"):
        raise Refusal("Parquet needs pyarrow, which is not installed: pip install pyarrow")
    return pd.read_parquet(path, engine="pyarrow")


def read_arrays(path: Path) -> "pd.DataFrame":
    """Return the arrays of a NumPy file as columns; with `lengths`, the column "sequence" counts from 0.

    Texts may be of bytes, in UTF-8. Refused: arrays of other types, and of other lengths.
    """
    import pandas as pd

    if not zipfile.is_zipfile(path):  # NumPy would take it for a pickle, and say how to load it unsafely
        raise ValueError("it is not a ZIP archive, as numpy.savez writes")
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for name, array in arrays.items():
        if array.dtype.kind == "S":
            arrays[name] = np.char.decode(array, "utf-8")
        elif array.dtype.kind not in "biufU":
            raise Refusal(f"{path}: expected {name} to hold real numbers or texts, got {array.dtype}")
    lengths = arrays.pop(LENGTHS, None)
    columns: dict[str, np.ndarray] = {}
    if lengths is not None:
        if "sequence" in arrays:
            raise Refusal(f"{path}: expected an array lengths or an array sequence, got both; leave one out")
        if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or lengths.min(initial=1) < 1:
            raise Refusal(
                f"{path}: expected lengths to be whole numbers of at least 1, (sequences,), got "
                f"{lengths.dtype} {lengths.shape} with the minimum {lengths.min(initial=1)}"
            )
        if (total := sum(lengths.tolist())) not in map(len, filter(np.ndim, arrays.values())):
            raise Refusal(f"{path}: expected arrays with {total} rows, the sum of lengths, got none")
        lengths = lengths.astype(np.int64)  # NumPy cannot repeat by uint64
        columns["sequence"] = np.repeat(np.arange(len(lengths)), lengths)
        arrays = {
            name: np.repeat(array, lengths, axis=0) if array.ndim and len(array) == len(lengths) else array
            for name, array in arrays.items()
        }
    rows = (
        len(columns["sequence"]) if columns else max((len(a) for a in arrays.values() if a.ndim), default=0)
    )
    names = list(columns)
    for name, array in arrays.items():
        if array.ndim not in (1, 2) or len(array) != rows:
            each = f", or {len(lengths)}, one for each sequence" if lengths is not None else ""
            raise Refusal(f"{path}: expected {name} to have {rows} rows{each}, got the shape {array.shape}")
        own = {name: array} if array.ndim == 1 else {f"{name}.{k}": c for k, c in enumerate(array.T)}
        names += own
        columns |= own
    refuse_repeated(path, names)
    return pd.DataFrame(columns)


READERS = {".csv": read_csv, ".parquet": read_parquet, ".npz": read_arrays}
