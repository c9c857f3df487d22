"""`odyssey status` and `odyssey report`: what has come of a sweep."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from suite.cli.common import BaselineOption, ResultsArgument


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
