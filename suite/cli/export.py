"""`odyssey export`: write the rows of a sweep as one CSV or Parquet table."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite import Refusal
from suite.cli.common import ResultsArgument
from suite.text import format_count

if TYPE_CHECKING:
    import pandas as pd


def export(
    folder: ResultsArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File to write, ending in .csv or .parquet.",
            show_default="FOLDER.csv in the current folder, by the name of the results folder",
        ),
    ] = None,
    curves: Annotated[
        bool, typer.Option("--curves", help="Write the learning curves instead, with one row for each epoch.")
    ] = False,
) -> None:
    """Write the trials of a sweep as a table, with one row for each trial."""
    path = out or Path(f"{folder.resolve().name}{'-curves' if curves else ''}.csv")
    if path.suffix not in EXPORT_FORMATS:
        raise Refusal(f"--out {path}: expected a file ending in {' or '.join(EXPORT_FORMATS)}; name one")
    if path.suffix == ".parquet" and not find_spec("pyarrow"):
        raise Refusal("Parquet needs pyarrow, which is not installed: pip install pyarrow")
    from suite import files, store

    frame = store.load_curves(folder) if curves else expand_dict_columns(store.load(folder))
    if frame.empty:
        raise Refusal(
            f"{folder}: expected {'curves' if curves else 'trials'} to export, got none; run the sweep"
        )
    files.write_atomic(path, EXPORT_FORMATS[path.suffix](frame))
    print(f"{format_count(len(frame), 'row')} of {format_count(len(frame.columns), 'column')}: {path}")


def expand_dict_columns(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return rows (`suite.store.load`) with a column for each version and hash: version_keras, code_cell."""
    import pandas as pd

    for name, prefix in (("versions", "version"), ("code", "code")):
        columns = pd.DataFrame(rows[name].tolist(), index=rows.index)
        columns.columns = [f"{prefix}_{str(key).replace('-', '_')}" for key in columns]
        rows = rows.drop(columns=name).join(columns)
    return rows


def to_csv(frame: "pd.DataFrame") -> bytes:
    """Return a frame as CSV with all digits; missing values are empty."""
    return frame.to_csv(index=False, lineterminator="\n").encode()


def to_parquet(frame: "pd.DataFrame") -> bytes:
    """Return a frame as Parquet; missing values are null, and an empty text column keeps its type."""
    import io

    text = frame.select_dtypes(exclude="number").columns
    buffer = io.BytesIO()
    frame.astype(dict.fromkeys(text, "string")).to_parquet(buffer, engine="pyarrow", index=False)
    return buffer.getvalue()


EXPORT_FORMATS = {".csv": to_csv, ".parquet": to_parquet}
