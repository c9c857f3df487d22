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
    except (ValueError, OSError, Warning, zipfile.BadZipFile, zlib.error) as error:  # of pandas: ValueError
        raise Refusal(f"{path} cannot be read ({' '.join(str(error).split())}); correct the file") from error


def read_csv(path: Path) -> "pd.DataFrame":
    """Return the columns of a CSV file; a row with too many fields raises an error.

    Refused: columns that are separated by semicolons or tabs.
    """
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = pd.read_csv(path, index_col=False, low_memory=False)
    if len(table.columns) == 1 and any(separator in table.columns[0] for separator in ";\t"):
        raise Refusal(f"{path}: expected columns separated by commas, got one column {table.columns[0]!r}")
    return table


def read_parquet(path: Path) -> "pd.DataFrame":
    """Return the columns of a Parquet file."""
    import pandas as pd

    if not find_spec("pyarrow"):
        raise Refusal("Parquet needs pyarrow, which is not installed: pip install 'rnn-odyssey[parquet]'")
    return pd.read_parquet(path, engine="pyarrow")


def read_arrays(path: Path) -> "pd.DataFrame":
    """Return the arrays of a NumPy file as columns; with `lengths`, the column "sequence" counts from 0."""
    import pandas as pd

    if not zipfile.is_zipfile(path):  # NumPy would take it for a pickle, and say how to load it unsafely
        raise ValueError("it is not a ZIP archive, as numpy.savez writes")
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    lengths = arrays.pop(LENGTHS, None)
    columns: dict[str, np.ndarray] = {}
    if lengths is not None:
        if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or lengths.min(initial=1) < 1:
            raise Refusal(
                f"{path}: expected lengths to be whole numbers of at least 1, (sequences,), got "
                f"{lengths.dtype} {lengths.shape} with the minimum {lengths.min(initial=1)}"
            )
        columns["sequence"] = np.repeat(np.arange(len(lengths)), lengths)
        arrays = {
            name: np.repeat(array, lengths, axis=0) if array.ndim and len(array) == len(lengths) else array
            for name, array in arrays.items()
        }
    rows = (
        len(columns["sequence"]) if columns else max((len(a) for a in arrays.values() if a.ndim), default=0)
    )
    for name, array in arrays.items():
        if array.ndim not in (1, 2) or len(array) != rows:
            each = f", or {len(lengths)}, one for each sequence" if lengths is not None else ""
            raise Refusal(f"{path}: expected {name} to have {rows} rows{each}, got the shape {array.shape}")
        if array.ndim == 1:
            columns[name] = array
        else:
            columns |= {f"{name}.{k}": array[:, k] for k in range(array.shape[1])}
    return pd.DataFrame(columns)


READERS = {".csv": read_csv, ".parquet": read_parquet, ".npz": read_arrays}
