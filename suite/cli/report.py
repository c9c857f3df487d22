"""`odyssey status` and `odyssey report`: what has come of a sweep."""

from pathlib import Path
from typing import Annotated

import typer


def status(
    folder: Annotated[Path, typer.Argument(help="Results folder of a sweep, at work or not.")],
) -> None:
    """Say how a sweep stands: its searches, who works on it, how long it will take."""
    from suite import progress

    progress.print_status(folder)


def report(
    folder: Annotated[Path, typer.Argument(help="Results folder of a sweep, finished or not.")],
    out: Annotated[
        Path | None, typer.Option(help="Report folder; else reports/ and the sweep's name.")
    ] = None,
) -> None:
    """Write the report of a sweep."""
    from suite import files, store
    from suite.report import write_report

    record = store.read_sweep(folder)
    out = out or files.path_in_folder(Path("reports"), record.config.name)
    page = write_report(store.load(folder), record, out, lambda keys: store.load_curves(folder, keys))
    print(f"report   {page}")
