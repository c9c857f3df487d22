"""The command line: `odyssey list | train | sweep | status | report | bench | doctor`.

Nothing heavy is imported before a command needs it: `--help` and `list` must answer at once.
"""

import math
import os
import signal
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from suite import Refusal
from suite.quiet import load_keras

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Which parts of an LSTM matter, on which tasks, and how sure are we?",
)


class Backend(StrEnum):
    """The backends that populations train on."""

    tensorflow = "tensorflow"
    jax = "jax"


class Listed(StrEnum):
    """What can be listed."""

    cells = "cells"
    tasks = "tasks"
    presets = "presets"


Data = Annotated[
    Path | None, typer.Option(help="Folder with data files; else $ODYSSEY_DATA, else downloaded.")
]
BackendOption = Annotated[Backend | None, typer.Option(help="Else $KERAS_BACKEND, else tensorflow.")]


def main() -> None:
    """Run the command line; tell bad input in one line and exit with 2."""
    sys.path.append(os.getcwd())  # a cell of the user's, "module:Class", may lie there
    try:
        app()
    except Refusal as refusal:
        print(f"odyssey: {refusal}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def use(backend: Backend | None) -> None:
    """Choose the backend, before anything imports Keras."""
    chosen = backend or os.environ.get("KERAS_BACKEND") or Backend.tensorflow
    if chosen not in list(Backend):
        raise Refusal(
            f"backend {chosen!r}: populations train on tensorflow or jax; set KERAS_BACKEND or --backend"
        )
    os.environ["KERAS_BACKEND"] = str(chosen)


@app.command("list")
def list_(what: Listed) -> None:
    """List the known cells, tasks or presets."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    if what is Listed.cells:
        from suite import cells, registry

        for name, reference in cells.references().items():
            table.add_row(name, registry.summary(reference))
    elif what is Listed.tasks:
        import tasks

        for name, task in tasks.known().items():
            table.add_row(name, task.title, task.unit)
    else:
        from suite.search import asked

        for name in asked.presets():
            table.add_row(name, asked.preset(name).title)
    Console(width=None if sys.stdout.isatty() else 500).print(table)  # a line each for a pipe


@app.command()
def train(
    task: str,
    cell: str,
    units: int = 100,
    learning_rate: float = 0.005,
    momentum: float = 0.9,
    input_noise: float = 0.1,
    epochs: int = 150,
    patience: int = 15,
    batch: int = 1,
    optimiser: Annotated[str, typer.Option(help="nesterov, sgd, rmsprop or adam.")] = "nesterov",
    seed: int = 1,
    data: Data = None,
    backend: BackendOption = None,
) -> None:
    """Train one trial and print its scores, epoch by epoch."""
    from suite import space

    drawn = {
        "units": units,
        "learning_rate": learning_rate,
        "momentum": momentum,
        "input_noise": input_noise,
    }
    space.override(
        space.PAPER, {name: (value, value) for name, value in drawn.items()}
    )  # refuses the impossible
    use(backend)
    from collections import deque

    import tasks
    from suite.search.asked import Asked
    from suite.training.trial import Protocol, Trial

    protocol = Protocol(epochs, patience, batch, optimiser)
    question = Asked("train", tasks=(task,), cells=(cell,), protocol=protocol)
    of_task, of_cell = ready(question, data)[task], question.cells[0]
    from suite import cells
    from suite.training.population import Population
    from suite.training.program import Program

    found = tasks.find(task)
    program = Program(cells.find(of_cell), found, of_task, units, 1, batch, optimiser)
    population = Population(program, patience)
    population.fill(deque([Trial(0, seed, drawn, epochs)]))
    [result] = population.lanes
    print(f"{task}, {cell}: {result.parameters:,} parameters; scores in {found.unit}", flush=True)
    while result.status == "running":
        population.epoch()
        loss, score = result.curve[-1]
        better = " *" if result.best_epoch == result.epochs else ""
        print(f"epoch {result.epochs:3d}  train {loss:.4f}  valid {score:.4f}{better}", flush=True)
    print(
        f"{result.status} after {result.epochs} epochs, {result.seconds:.1f} s; "
        f"best epoch {result.best_epoch}: valid {result.valid:.4f}, test {result.test:.4f} {found.unit}"
    )


@app.command()
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
    max_hours: Annotated[
        float | None, typer.Option(help="End then, with what is there; asked again, it goes on.")
    ] = None,
    data: Data = None,
    backend: BackendOption = None,
) -> None:
    """Run every search of a question, or what is missing of it, and write the report.

    Ctrl-C ends it after the epochs under way and keeps the trials half done; a second one ends it at once.
    """
    use(backend)
    from dataclasses import asdict, replace

    from suite import space
    from suite.search import asked as ask
    from suite.training.trial import Protocol

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
    for name, least, value in (("workers", 0, workers), ("lanes", 1, lanes)):
        if value is not None and value < least:
            raise Refusal(f"{name}: expected at least {least}, got {value}")
    if max_hours is not None and not max_hours > 0:
        raise Refusal(f"max-hours: expected more than 0, got {max_hours:g}")
    splits = ready(question, data)
    folder = results or Path("results") / question.name
    from suite import machine, store

    table = question.to_table() | {"about": ask.about(question, data)}
    store.create(folder, table, implied=asdict(Protocol()))
    from suite.progress import show
    from suite.search import sweep as search
    from suite.search.workers import Here, Workers

    plan = machine.plan(workers, lanes)
    counts = search.lanes(question, splits, plan)
    seconds = math.inf if max_hours is None else 3600 * max_hours
    interrupted = False

    def finish(*_):
        nonlocal interrupted
        interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        store.stop(folder)
        print("\nFinishing the epochs under way; Ctrl-C again to stop at once.", file=sys.stderr, flush=True)

    def to_go_on():
        print(f"To go on: odyssey sweep {' '.join(sys.argv[2:])}", file=sys.stderr, flush=True)

    try:
        with Workers(plan.workers, plan.gpus) if plan.workers else Here() as crew:
            signal.signal(signal.SIGINT, finish)
            show(search.run(question, folder, crew, counts, data, seconds), question, crew.size)
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
    print(f"results  {folder}")
    if store.stopping(folder) and store.load(folder).empty:
        return  # there is nothing to report of
    report(folder, reports)


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(help="Results folder of a sweep, at work or not.")],
) -> None:
    """Say how a sweep stands: its searches, who works on it, how long it will take."""
    from suite import progress

    progress.status(folder)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Results folder of a sweep, finished or not.")],
    out: Annotated[
        Path | None, typer.Option(help="Report folder; else reports/ and the sweep's name.")
    ] = None,
) -> None:
    """Write the report of a sweep."""
    from suite import store
    from suite.report import write

    asked = store.read_asked(folder)
    page = write(store.load(folder), store.load_curves(folder), asked, out or Path("reports") / asked["name"])
    print(f"report   {page}")


@app.command()
def doctor(data: Data = None, backend: BackendOption = None) -> None:
    """Say what is here: versions, backend, devices, cores, and the data of each task."""
    use(backend)
    load_keras()
    import keras

    import tasks
    from suite import cells, machine
    from suite.training.program import demand

    for package, version in machine.versions().items():
        print(f"{package:12} {version}")
    print(f"{'commit':12} {machine.commit() or 'no checkout'}")
    print(f"{'backend':12} {keras.backend.backend()}")
    print(f"{'devices':12} {', '.join(machine.devices())}")
    print(f"{'cores':12} {len(machine.cores())}")
    print(f"{'programs':12} kept in {os.environ.get('JAX_COMPILATION_CACHE_DIR', 'no folder')}")
    plan = machine.plan()
    print(f"{'a sweep':12} {plan.workers} workers, one a {'GPU' if plan.gpus else 'core'}")
    for units in (32, 100, 200):
        lanes = plan.lanes_for(**demand(cells.find("lstm"), tasks.find("jsb"), units, steps=160, batch=1))
        print(f"{'':12} {lanes} lanes for LSTMs of {units} units, batch 1")
    for name, task in tasks.known().items():
        start = time.perf_counter()
        try:
            splits = task.load(data)
        except Refusal as refusal:
            print(f"{name:18} missing: {refusal}")
        else:
            sizes = "/".join(str(len(split)) for split in splits.values())
            print(f"{name:18} {sizes} sequences, read in {time.perf_counter() - start:.1f} s")


def ready(question, data: Path | None) -> dict:
    """Refuse what could not be trained, before anything is written; return the data of every task."""
    import tasks
    from suite import cells, registry

    question.check()
    if data and not data.is_dir():
        raise Refusal(f"the data folder {data} is not there: create it, or name another")
    for name in question.cells:  # names first: they cost nothing to check
        if ":" not in name and name not in cells.references():
            raise registry.unknown("cell", name, cells.references())
    for name in question.tasks:
        if ":" not in name:
            tasks.find(name)
    load_keras()  # before a task or cell of the user's imports it
    splits = {name: tasks.find(name).load(data) for name in question.tasks}
    from suite.cells.check import check

    for name in question.cells:
        check(name, cells.find(name))
    return splits


def parsed(text: str) -> tuple[str, tuple[float, float]]:
    """Return the name and the ends of a range given as NAME=LOW:HIGH, or NAME=VALUE for both."""
    name, _, ends = text.partition("=")
    low, _, high = ends.partition(":")
    try:
        return name, (float(low), float(high or low))
    except ValueError:
        raise Refusal(f"--range {text}: expected NAME=LOW:HIGH, such as units=20:200") from None


@app.command()
def bench(
    cell: Annotated[
        list[str] | None, typer.Option(help="Cells of this engine, instead of all engines.")
    ] = None,
    units: Annotated[list[int] | None, typer.Option(help="Else 32, 100 and 200.")] = None,
    batch: Annotated[list[int] | None, typer.Option(help="Else 1, 8 and 32.")] = None,
    repeats: int = 5,
    scaling: Annotated[bool, typer.Option(help="How time grows with the work, instead.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for timings.json, a table and a figure.")] = None,
    backend: Annotated[Backend | None, typer.Option(help="This one alone of ours.")] = None,
) -> None:
    """Time this engine and its peers on the reference work: 229 sequences × 60 steps × 88 notes."""
    from importlib.util import find_spec
    from itertools import groupby, product

    from suite import bench as of
    from suite import cells, machine, registry
    from suite.bench import scaling as growth
    from suite.bench import table

    for name in cell or ():
        if ":" not in name and name not in cells.references():
            raise registry.unknown("cell", name, cells.references())
    for name, values in (("units", units or [1]), ("batch", batch or [1]), ("repeats", [repeats])):
        if min(values) < 1:
            raise Refusal(f"{name}: expected at least 1, got {min(values)}")
    backends = [backend] if backend else [name for name in of.OURS if find_spec(name)]
    use(backend or os.environ.get("KERAS_BACKEND") or backends[0])
    if scaling:
        for name, found in groupby(growth.study(os.environ["KERAS_BACKEND"], repeats), lambda f: f[0]):
            sizes, seconds = zip(*((size, s) for _, size, s in found), strict=True)
            pairs = "  ".join(f"{size}: {s:.4f}" for size, s in zip(sizes, seconds, strict=True))
            print(f"{name:8} seconds ~ size^{growth.exponent(sizes, seconds):.2f}   {pairs}", flush=True)
        return
    peak = of.peak()
    print(f"matrix product on {len(machine.cores())} cores: {peak / 1e9:.0f} GFLOP/s")
    points = [of.Work(*point) for point in product(units or (32, 100, 200), batch or (1, 8, 32))]
    found = of.Found(peak)
    for point in points:
        found.rates[point.batch, point.units] = of.rate(point.units, point.batch, repeats)
        timed = of.compare(cell, point, backends, repeats)
        found.timings += timed
        for t in timed:
            print(table.line(t, peak), flush=True)
    print(table.markdown(found))
    if out:
        table.write(out, found)
