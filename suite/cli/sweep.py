"""`odyssey sweep`: every search of a question."""

import contextlib
import math
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from suite import Refusal
from suite.cli.common import BackendOption, Data, ready, use
from suite.cli.report import report


def sweep(
    preset: Annotated[str | None, typer.Argument(help="A preset, or a TOML file that asks like one.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Instead of the preset's; several allowed.")] = None,
    cell: Annotated[list[str] | None, typer.Option(help="A name, or module:Class; several allowed.")] = None,
    trials: Annotated[int | None, typer.Option(help="Trials a search.")] = None,
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
        float | None, typer.Option(help="End then, with what is there; asked again, it goes on.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed trials again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do and cost.")] = False,
    data: Data = None,
    backend: BackendOption = None,
) -> None:
    """Run every search of a question, or what is missing of it, and write the report.

    Ctrl-C ends it after the epochs under way and keeps the trials half done; a second one ends it at once.
    """
    use(backend)
    from dataclasses import replace

    from suite import files, machine, space, store
    from suite.search import asked as ask

    question = ask.preset(preset) if preset else ask.Asked("custom")
    settings = {"epochs": epochs, "patience": patience, "batch": batch, "optimiser": optimiser}
    changes = {"trials": trials, "seed": seed, "oracle": oracle}
    question = replace(
        question,
        **{name: value for name, value in changes.items() if value is not None},
        **{name: tuple(value) for name, value in {"tasks": task, "cells": cell}.items() if value},
        protocol=replace(question.protocol, **{n: v for n, v in settings.items() if v is not None}),
        space=space.override(question.space, dict(map(parsed, range_ or []))),
    )
    if results:
        question = replace(question, name=results.resolve().name)
    folder = results or files.within(Path("results"), question.name)
    for name, least, value in (("workers", 0, workers), ("lanes", 1, lanes)):
        if value is not None and value < least:
            raise Refusal(f"{name}: expected at least {least}, got {value}")
    if max_hours is not None and not max_hours > 0:
        raise Refusal(f"max-hours: expected more than 0, got {max_hours:g}")
    names = (*question.tasks, *question.cells)
    crew = crew_of(workers, scheduler, (tls_ca, tls_cert, tls_key), slurm, folder, names)
    splits = ready(question, data)
    from suite.search import sweep as search

    plan = machine.plan(workers, lanes)
    if dry_run:
        from suite.cli.forecast import forecast

        return forecast(question, splits, search.lanes(question, splits, plan), plan.workers or 1, slurm)
    seconds = math.inf if max_hours is None else 3600 * max_hours
    with created(question, folder, data), crew(plan) as at_work:
        if retry_failed:  # not before there is a crew: what is forgotten is lost to a report
            retry(question, folder)
        counts = search.lanes(question, splits, at_work.worker_plan(plan))
        events = search.run(question, folder, at_work, counts, data and data.resolve(), seconds, lanes)
        conduct(folder, events, at_work.size)
    print(f"results  {folder}")
    if not (store.stopping(folder) and store.load(folder).empty):  # else there is nothing to report of
        report(folder, reports)


def parsed(text: str) -> tuple[str, tuple[float, float]]:
    """Return the name and the ends of a range given as NAME=LOW:HIGH, or NAME=VALUE for both."""
    name, _, ends = text.partition("=")
    low, _, high = ends.partition(":")
    try:
        return name, (float(low), float(high or low))
    except ValueError:
        raise Refusal(f"--range {text}: expected NAME=LOW:HIGH, such as units=20:200") from None


@contextlib.contextmanager
def created(question, folder: Path, data: Path | None) -> Iterator[None]:
    """Make the results folder of a question, or find it there; without a crew, one just made goes again."""
    from dataclasses import asdict

    from suite import store
    from suite.search import asked as ask
    from suite.training.trial import Protocol

    made = not folder.exists()
    store.create(folder, question.to_table() | {"about": ask.about(question, data)}, asdict(Protocol()))
    try:
        yield
    except BaseException:
        if made and not (folder / "trials.sqlite").exists():
            shutil.rmtree(folder)
        raise


def crew_of(
    workers: int | None, scheduler: str | None, tls: tuple, slurm: Path | None, folder: Path, names: tuple
) -> Callable:
    """Return what makes the crew that was asked for, given the plan for this machine.

    `names` are the cells and tasks of the sweep.
    """
    given = {"--workers": workers, "--scheduler": scheduler, "--slurm": slurm}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise Refusal(f"expected one of {', '.join(given)}, got {' and '.join(named)}")
    if any(tls) and not scheduler:
        raise Refusal("--tls-ca, --tls-cert and --tls-key are for --scheduler ADDRESS; name one")
    if workers == 0:
        from suite.search.workers import Here

        return lambda plan: Here()
    from suite.search import clusters

    if scheduler:
        security = clusters.security(*tls)
        return lambda plan: clusters.Remote(scheduler, folder, security, names)
    if slurm:
        asked = clusters.jobs_asked(slurm)
        return lambda plan: clusters.Slurm(*asked, folder, names)
    return lambda plan: clusters.Local(plan.workers, plan.gpus)


def retry(question, folder: Path) -> None:
    """Forget the failed trials of a sweep, so that they are run again."""
    from suite import store

    if question.oracle != "random":
        raise Refusal(f"--retry-failed: a {question.oracle} search has already drawn from what failed")
    with contextlib.closing(store.Store(folder)) as book:
        book.collect()
        print(f"failed trials to run again: {book.forget_failed()}")


def conduct(folder: Path, events: Iterator, workers: int) -> None:
    """Run a sweep to its end, or to the first Ctrl-C, and say how to go on."""
    from suite import store
    from suite.progress import show

    interrupted = False

    def finish(*_):
        nonlocal interrupted
        interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        store.stop(folder)
        print("\nFinishing the epochs under way; Ctrl-C again to stop at once.", file=sys.stderr, flush=True)

    def to_go_on():
        print(f"To go on: odyssey sweep {' '.join(sys.argv[2:])}", file=sys.stderr, flush=True)

    signal.signal(signal.SIGINT, finish)
    try:
        with contextlib.closing(events):
            show(events, folder.name, workers)
    except KeyboardInterrupt:
        print(f"\nStopped at once; all finished trials are kept in {folder}.", file=sys.stderr)
        to_go_on()
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if store.stopping(folder):
        print(f"Stopped; all trials, finished and half done, are kept in {folder}.", file=sys.stderr)
        to_go_on()
    if interrupted:
        raise KeyboardInterrupt
