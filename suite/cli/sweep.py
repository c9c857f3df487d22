"""`odyssey sweep`: train every search of a sweep."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from suite import Refusal
from suite.cli.common import (
    BackendOption,
    BaselineOption,
    DataOption,
    add_own_ranges,
    canonical_config,
    change_declared_ranges,
    check_own_settings,
    select_backend,
    split_names,
    validate_and_load,
)
from suite.cli.execution import exit_code, run_interruptible
from suite.cli.report import report


def sweep(
    preset: Annotated[
        str | None,
        typer.Argument(
            metavar="PRESET", help="A preset (see odyssey list presets), or a TOML file with the same keys."
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME,…",
            help="Tasks, such as jsb or adding@length=100, instead of those of the preset; in the folder of "
            "an existing sweep, tasks to add.",
        ),
    ] = None,
    cell: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME,…",
            help="Variants, such as gru, window or gru@layers=2, or a cell as module:Class, instead of those "
            "of the preset or to add, as --task.",
        ),
    ] = None,
    baseline: BaselineOption = None,
    trials: Annotated[
        int | None,
        typer.Option(help="Trials per search; default: the preset's, or 200. A larger number grows a sweep."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sweep; default: the preset's, or 1.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Maximum epochs of a trial; default: the preset's, or 150.")
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Epochs to wait for a better validation score; default: the preset's, or 15."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Sequences per update; default: the preset's, or 1.")
    ] = None,
    optimiser: Annotated[
        str | None,
        typer.Option(
            "--optimiser",
            "--optimizer",
            help="nesterov, sgd, rmsprop or adam; default: the preset's, or nesterov.",
        ),
    ] = None,
    oracle: Annotated[
        str | None, typer.Option(help="random, bayesian or hyperband; default: the preset's, or random.")
    ] = None,
    range_: Annotated[
        list[str] | None,
        typer.Option(
            "--range",
            metavar="NAME=LOW:HIGH,…",
            help="Range of units, learning_rate, momentum, input_noise, clip_norm, clip_value, or "
            "what a cell declares, such as dropout; NAME=VALUE fixes it. Default: that of the preset, the "
            "paper or the cell.",
        ),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(help="Results folder; default: results/NAME. Without PRESET, its sweep continues."),
    ] = None,
    reports: Annotated[Path | None, typer.Option(help="Report folder; default: reports/NAME.")] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Number of worker processes; default: one per GPU or core. 0 trains in this process."
        ),
    ] = None,
    lanes: Annotated[
        int | None,
        typer.Option(help="Trials that a worker trains side by side; default: chosen automatically."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Use the workers of a running Dask scheduler.")
    ] = None,
    tls_ca: Annotated[
        Path | None, typer.Option(help="PEM file with the certificate authority of the scheduler.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="PEM file with the certificate for the scheduler.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file with the key of that certificate.")] = None,
    slurm: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Use SLURM jobs as workers, with the settings in this TOML file."),
    ] = None,
    max_hours: Annotated[
        float | None,
        typer.Option(help="Stop after this many hours; the same command continues later. Default: no limit."),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed trials again.")] = False,
    keep_rows: Annotated[
        bool,
        typer.Option(
            "--keep-rows", help="Continue although code or data have changed since the rows were made."
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the trials to train and the estimated time; train nothing."),
    ] = False,
    data: DataOption = None,
    backend: BackendOption = None,
) -> None:
    """Train every search of a sweep, or the trials that are missing, and write the report.

    In the folder of an existing sweep, --cell, --task and a larger --trials add to the sweep and keep every
    row; in a new folder they replace those of the preset. A sweep never shrinks: cells that are not named
    stay in it.

    Ctrl-C or SIGTERM ends a sweep after the running epochs and keeps unfinished trials; a second one ends it
    at once. Exit codes: 0, all trials have ended; 1, all of them failed; 2, bad input; 3, --max-hours was
    reached before all trials were trained; 130, Ctrl-C; 143, SIGTERM.
    """
    select_backend(backend)
    from dataclasses import replace

    import tasks
    from suite import files, identity, machine, space, store
    from suite.cli import results_folder

    config = results_folder.base_config(preset, results, named=bool(task or cell))
    protocol: dict[str, Any] = {
        "epochs": epochs,
        "patience": patience,
        "batch": batch,
        "optimiser": optimiser,
    }
    ranges = dict(parse_range(part) for text in range_ or [] for part in text.split(","))
    of_cells = ranges.keys() - config.space.keys() - space.OPTIONAL_RANGES.keys()
    settings: dict[str, Any] = {
        "trials": trials,
        "seed": seed,
        "oracle": oracle,
        "baseline": baseline,
        "tasks": tuple(split_names("--task", task)),
        "cells": tuple(split_names("--cell", cell)),
    }
    config = replace(
        config,
        **{name: value for name, value in settings.items() if value not in (None, ())},
        protocol=replace(config.protocol, **{n: v for n, v in protocol.items() if v is not None}),
        space=space.override_ranges(
            config.space, {name: ends for name, ends in ranges.items() if name not in of_cells}
        ),
    )
    config = canonical_config(config)
    config = change_declared_ranges(config, {name: ranges[name] for name in ranges if name in of_cells})
    if trials is not None and config.oracle == "hyperband":
        raise Refusal(
            f"--trials {trials}: Hyperband sets the number of trials of a search itself "
            f"({config.trials_per_search} of at most {config.protocol.epochs} epochs); leave out --trials"
        )
    if results:
        config = replace(config, name=results.resolve().name)
    folder = results or files.path_in_folder(Path("results"), config.name)
    for name, least, value in (("workers", 0, workers), ("lanes", 1, lanes)):
        if value is not None and value < least:
            raise Refusal(f"{name}: expected at least {least}, got {value}")
    if reports and reports.is_file():
        raise Refusal(f"--reports {reports}: expected a folder, got a file; name another")
    if max_hours is not None and not max_hours > 0:
        raise Refusal(f"max-hours: expected more than 0, got {max_hours:g}")
    for option, names in (("--task", config.tasks), ("--cell", config.cells)):
        if not names:
            raise Refusal(
                f"expected a preset, or tasks and variants; name some with {option}, see odyssey list"
            )
    replace(config, baseline="").validate()  # the baseline may be a cell of the folder that is not named
    config = results_folder.config_with_folder(config, folder, trials)
    if baseline is None and config.baseline not in config.cells:
        config = replace(config, baseline="")  # the preset's, in a new folder of other cells
    make_executor = executor_factory(
        workers, scheduler, (tls_ca, tls_cert, tls_key), slurm, folder, config.cells
    )
    splits = validate_and_load(config, data)
    config = add_own_ranges(config)
    check_own_settings(config)
    from suite.search import sweep as search

    codes = identity.row_codes({name: tasks.find_task(name) for name in splits}, config.cells, splits)
    missing = results_folder.missing_trials(config, folder, retry_failed)
    if results_folder.is_results_folder(folder):
        if not keep_rows:
            results_folder.refuse_changed_code(folder, codes, retry_failed)
        print(results_folder.folder_summary(folder, config, missing), flush=True)
    plan = machine.plan_workers(workers, lanes)
    if dry_run:
        from suite.cli.forecast import print_forecast

        shapes = search.padded_shapes(config, splits, plan)
        return print_forecast(config, shapes, missing, plan, slurm)
    seconds = math.inf if max_hours is None else 3600 * max_hours
    table = config.to_table() | {"about": search.sweep_metadata(config, splits)}
    with results_folder.created_folder(folder, table), make_executor(plan) as executor:
        # only after workers exist, so that a sweep that cannot start leaves its folder unchanged
        results_folder.save_settings(folder, table)
        if retry_failed:
            results_folder.reset_failed_trials(config, folder)
        shapes = search.padded_shapes(config, splits, executor.worker_plan(plan))
        events = search.run_sweep(
            config, folder, executor, shapes, data and data.resolve(), seconds, lanes, codes
        )
        run_interruptible(folder, events, executor.size)
    print(f"results  {folder}")
    if not (store.is_stop_requested(folder) and store.load(folder).empty):  # else a report would be empty
        report(folder, reports, config.baseline or None)
    sys.exit(exit_code(folder))


def parse_range(text: str) -> tuple[str, tuple[float, float]]:
    """Return the name and the ends of a range given as NAME=LOW:HIGH, or NAME=VALUE for both."""
    name, _, bounds_text = text.partition("=")
    low, _, high = bounds_text.partition(":")
    try:
        return name.strip(), (float(low), float(high or low))
    except ValueError:
        raise Refusal(f"--range {text}: expected NAME=LOW:HIGH, such as units=20:200") from None


def executor_factory(
    workers: int | None, scheduler: str | None, tls: tuple, slurm: Path | None, folder: Path, cells: tuple
) -> Callable:
    """Return a function that creates the chosen executor from the plan for this machine.

    `tls` holds the files of the certificate authority, certificate and key; `cells` are those of the sweep.
    """
    options = {"--workers": workers, "--scheduler": scheduler, "--slurm": slurm}
    named = [name for name, value in options.items() if value is not None]
    if len(named) > 1:
        raise Refusal(f"expected one of {', '.join(options)}, got {' and '.join(named)}")
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
        jobs = clusters.read_slurm_file(slurm)
        return lambda plan: clusters.SlurmExecutor(*jobs, folder, cells)
    return lambda plan: clusters.LocalExecutor(plan.workers, plan.gpus)
