"""`odyssey sweep`: every search of a question."""

import contextlib
import math
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from suite import Refusal
from suite.cli.common import BackendOption, BaselineOption, DataOption, select_backend, validate_and_load
from suite.cli.execution import exit_code, run_interruptible
from suite.cli.report import report


def sweep(
    preset: Annotated[str | None, typer.Argument(help="A preset, or a TOML file that asks like one.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Instead of the preset's; several allowed.")] = None,
    cell: Annotated[list[str] | None, typer.Option(help="A name, or module:Class; several allowed.")] = None,
    baseline: BaselineOption = None,
    trials: Annotated[int | None, typer.Option(help="Trials a search; Hyperband decides by itself.")] = None,
    seed: int | None = None,
    epochs: int | None = None,
    patience: int | None = None,
    batch: int | None = None,
    optimiser: Annotated[str | None, typer.Option(help="nesterov, sgd, rmsprop or adam.")] = None,
    oracle: Annotated[str | None, typer.Option(help="random, bayesian or hyperband.")] = None,
    range_: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="NAME=LOW:HIGH", help="Another range; several allowed."),
    ] = None,
    results: Annotated[Path | None, typer.Option(help="Results folder; else results/NAME.")] = None,
    reports: Annotated[Path | None, typer.Option(help="Report folder; else reports/NAME.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes; else one a GPU or core. 0: this process.")
    ] = None,
    lanes: Annotated[
        int | None, typer.Option(help="Trials a worker trains side by side; else what suits their shape.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Workers of a Dask scheduler that is running.")
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="Certificate authority of the scheduler, PEM.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate for the scheduler, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Key of that certificate, PEM.")] = None,
    slurm: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Workers that are jobs of SLURM, as a TOML file asks.")
    ] = None,
    max_hours: Annotated[
        float | None, typer.Option(help="End then, with code 3 if trials are left; asked again, it goes on.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed trials again.")] = False,
    keep_rows: Annotated[
        bool, typer.Option("--keep-rows", help="Go on, although code or data changed since there were rows.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do and cost.")] = False,
    data: DataOption = None,
    backend: BackendOption = None,
) -> None:
    """Run every search of a question, or what is missing of it, and write the report.

    Ctrl-C or SIGTERM ends it after the epochs under way and keeps the trials half done; a second one ends it
    at once. Exit codes: 0, all trials are there; 1, all of them failed; 2, it cannot be done as asked; 3, its
    hours are over and trials are left; 130, Ctrl-C; 143, SIGTERM.
    """
    select_backend(backend)
    from dataclasses import replace

    import tasks
    from suite import config as ask
    from suite import files, identity, machine, space, store

    question = ask.load_preset(preset) if preset else ask.SweepConfig("custom")
    settings = {"epochs": epochs, "patience": patience, "batch": batch, "optimiser": optimiser}
    changes = {"trials": trials, "seed": seed, "oracle": oracle, "baseline": baseline}
    question = replace(
        question,
        **{name: value for name, value in changes.items() if value is not None},
        **{name: tuple(value) for name, value in {"tasks": task, "cells": cell}.items() if value},
        protocol=replace(question.protocol, **{n: v for n, v in settings.items() if v is not None}),
        space=space.override_ranges(question.space, dict(map(parse_range, range_ or []))),
    )
    if trials is not None and question.oracle == "hyperband":
        raise Refusal(
            f"--trials {trials}: Hyperband decides by itself how many trials a search holds, "
            f"{question.trials_per_search} of at most {question.protocol.epochs} epochs; leave it out"
        )
    if results:
        question = replace(question, name=results.resolve().name)
    folder = results or files.path_in_folder(Path("results"), question.name)
    for name, least, value in (("workers", 0, workers), ("lanes", 1, lanes)):
        if value is not None and value < least:
            raise Refusal(f"{name}: expected at least {least}, got {value}")
    if reports and reports.is_file():
        raise Refusal(f"--reports {reports}: expected a folder, got a file; name another")
    if max_hours is not None and not max_hours > 0:
        raise Refusal(f"max-hours: expected more than 0, got {max_hours:g}")
    crew = executor_factory(workers, scheduler, (tls_ca, tls_cert, tls_key), slurm, folder, question.cells)
    splits = validate_and_load(question, data)
    from suite.search import sweep as search

    plan = machine.plan_workers(workers, lanes)
    if dry_run:
        from suite.cli.forecast import print_forecast

        return print_forecast(
            question, search.padded_shapes(question, splits, plan), plan.workers or 1, slurm
        )
    seconds = math.inf if max_hours is None else 3600 * max_hours
    codes = identity.row_codes({name: tasks.find_task(name) for name in splits}, question.cells, splits)
    with created_folder(question, folder, splits):
        if not keep_rows:
            refuse_changed_code(folder, codes, retry_failed)
        with crew(plan) as at_work:
            if retry_failed:  # not before there is a crew: what is forgotten is lost to a report
                reset_failed_trials(question, folder)
            shapes = search.padded_shapes(question, splits, at_work.worker_plan(plan))
            how = {"data": data and data.resolve(), "seconds": seconds, "lanes": lanes, "codes": codes}
            run_interruptible(
                folder, search.run_sweep(question, folder, at_work, shapes, **how), at_work.size
            )
    print(f"results  {folder}")
    if not (
        store.is_stop_requested(folder) and store.load(folder).empty
    ):  # else there is nothing to report of
        report(folder, reports, question.baseline or None)
    sys.exit(exit_code(folder))


def parse_range(text: str) -> tuple[str, tuple[float, float]]:
    """Return the name and the ends of a range given as NAME=LOW:HIGH, or NAME=VALUE for both."""
    name, _, ends = text.partition("=")
    low, _, high = ends.partition(":")
    try:
        return name, (float(low), float(high or low))
    except ValueError:
        raise Refusal(f"--range {text}: expected NAME=LOW:HIGH, such as units=20:200") from None


@contextlib.contextmanager
def created_folder(config, folder: Path, splits: dict) -> Iterator[None]:
    """Make the results folder of a question, or find it there; without a crew, one just made goes again."""
    from dataclasses import asdict

    from suite import store
    from suite.config import Protocol
    from suite.search.sweep import sweep_metadata

    made = not folder.exists()
    store.create_results_folder(
        folder, config.to_table() | {"about": sweep_metadata(config, splits)}, asdict(Protocol())
    )
    try:
        yield
    except BaseException:
        if made and not (folder / "trials.sqlite").exists():
            shutil.rmtree(folder)
        raise


def refuse_changed_code(folder: Path, codes: dict, retry_failed: bool) -> None:
    """Refuse to go on where code or data changed since there were rows, but for those to be run again."""
    from suite import identity, store

    rows = store.load(folder)[["task", "cell", "status", "code"]].to_dict("records")
    rows = [row for row in rows if not (retry_failed and row["status"] == "failed")]
    if changed := identity.changed_parts(rows, codes):
        what = " and ".join(f"{part} changed (trials from before: {n})" for part, n in changed.items())
        raise Refusal(
            f"{folder}: {what}; name another folder with --results, or keep them and go on with --keep-rows"
        )


def executor_factory(
    workers: int | None, scheduler: str | None, tls: tuple, slurm: Path | None, folder: Path, cells: tuple
) -> Callable:
    """Return what makes the crew that was asked for, given the plan for this machine.

    `cells` are those of the sweep.
    """
    given = {"--workers": workers, "--scheduler": scheduler, "--slurm": slurm}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise Refusal(f"expected one of {', '.join(given)}, got {' and '.join(named)}")
    if any(tls) and not scheduler:
        raise Refusal("--tls-ca, --tls-cert and --tls-key are for --scheduler ADDRESS; name one")
    if workers == 0:
        from suite.search.executors import InProcess

        return lambda plan: InProcess()
    from suite.search import clusters

    if scheduler:
        security = clusters.tls_security(*tls)
        return lambda plan: clusters.SchedulerExecutor(scheduler, folder, security, cells)
    if slurm:
        asked = clusters.read_slurm_file(slurm)
        return lambda plan: clusters.SlurmExecutor(*asked, folder, cells)
    return lambda plan: clusters.LocalExecutor(plan.workers, plan.gpus)


def reset_failed_trials(question, folder: Path) -> None:
    """Forget the failed trials of a sweep, so that they are run again."""
    from suite import store

    if question.oracle != "random":
        raise Refusal(f"--retry-failed: a {question.oracle} search has already drawn from what failed")
    with contextlib.closing(store.Store(folder)) as book:
        book.collect()
        book.remove_row_files(
            book.collected_files
        )  # before they are forgotten: a file left by a kill would bring them back
        print(f"failed trials to run again: {book.delete_failed_rows()}")
