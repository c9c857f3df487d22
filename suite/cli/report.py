"""`odyssey status` and `odyssey report`: what has come of a sweep."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from suite.cli.common import BaselineOption


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
    baseline: BaselineOption = None,
    all_pairs: Annotated[
        bool, typer.Option("--all-pairs", help="Compare every pair of variants too.")
    ] = False,
) -> None:
    """Write the report of a sweep."""
    from suite import files, store
    from suite.config import check_baseline
    from suite.report import write_report

    record = store.read_sweep(folder)
    if baseline is not None:
        check_baseline(baseline, record.config.cells)
        record = replace(record, config=replace(record.config, baseline=baseline))
    out = out or files.path_in_folder(Path("reports"), record.config.name)
    rows = store.load(folder)
    page = write_report(rows, record, out, lambda keys: store.load_curves(folder, keys), all_pairs)
    print(f"report   {page}")
