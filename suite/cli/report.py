"""`odyssey status` and `odyssey report`: show the progress and the results of a sweep."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from suite.cli.common import BaselineOption, ResultsArgument, listed_variant


def status(
    folder: ResultsArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Print the status again every few seconds until all trials have ended."),
    ] = False,
) -> None:
    """Print the status of a sweep: its searches, the process that runs it, and the time left."""
    from suite import progress

    progress.show_status(folder, as_json, watch)


def report(
    folder: ResultsArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "--reports", help="Report folder.", show_default="reports/NAME, by the name of the sweep"
        ),
    ] = None,
    baseline: BaselineOption = None,
    all_pairs: Annotated[
        bool, typer.Option("--all-pairs", help="Also compare every pair of variants.")
    ] = False,
) -> None:
    """Write the report of a sweep."""
    from suite import files, store
    from suite.config import check_baseline
    from suite.report import write_report

    record = store.read_sweep(folder)
    if baseline is not None:
        baseline = listed_variant(baseline, record.config.cells)
        check_baseline(baseline, record.config.cells)
        record = replace(record, config=replace(record.config, baseline=baseline))
    out = out or files.path_in_folder(Path("reports"), record.config.name)
    rows = store.load(folder)
    page = write_report(rows, record, out, lambda keys: store.load_curves(folder, keys), all_pairs)
    print(f"report   {page}")
