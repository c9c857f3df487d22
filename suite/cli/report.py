"""`odyssey status` and `odyssey report`: what has come of a sweep."""

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.common import ResultsArgument


def status(
    folder: ResultsArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Print it again every few seconds until all trials are done.")
    ] = False,
) -> None:
    """Print how a sweep stands: its searches, the process at work on it, and how long it will take."""
    from suite import progress

    progress.show_status(folder, as_json, watch)


def report(
    folder: ResultsArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", "--reports", help="Report folder.", show_default="reports/NAME of the sweep"),
    ] = None,
) -> None:
    """Write the report of a sweep."""
    from suite import files, store
    from suite.report import write_report

    asked = store.read_config(folder)
    out = out or files.path_in_folder(Path("reports"), asked["name"])
    page = write_report(store.load(folder), asked, out, lambda keys: store.load_curves(folder, keys))
    print(f"report   {page}")
