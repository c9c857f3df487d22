"""`odyssey list` and `odyssey doctor`: what is installed here."""

import os
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from suite import Refusal, text
from suite.cli.common import BackendOption, DataOption, select_backend
from suite.keras_loader import load_keras


class ListKind(StrEnum):
    """What can be listed."""

    cells = "cells"
    baselines = "baselines"
    tasks = "tasks"
    presets = "presets"


def list_(
    kind: Annotated[
        ListKind | None, typer.Argument(help="What to list.", show_default="all of them", metavar="KIND")
    ] = None,
) -> None:
    """List the available cells, baselines, tasks and presets, with their options."""
    from rich.table import Table

    from suite.progress import stdout_console

    console = stdout_console()
    for each in [kind] if kind else ListKind:
        if kind is None:
            console.print(f"{each}:")
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0 if kind else 2))
        for name, *texts in LISTED_ROWS[each]():
            # options below what they are of, as a column of them would be narrow; in a pipe, one line
            table.add_row(name, *(["\n".join(filter(None, texts))] if console.is_terminal else texts))
        console.print(table)


def cell_rows() -> Iterable[tuple[str, ...]]:
    """Yield the name and the summary of each known cell, then the options of all; Keras is not imported."""
    from suite import cells, options, registry, variants

    references = cells.cell_references()
    yield from registry.load_available(references, lambda name: registry.summary(references[name]))
    cell_options = options.find_options("cell", "", variants.recurrent_layers)
    yield "CELL@…", options.describe_options(cell_options)


def baseline_rows() -> Iterable[tuple[str, ...]]:
    """Return the name, the summary and the options of each known baseline."""
    from suite import options, registry, variants

    references = variants.baseline_references()

    def texts(name: str) -> tuple[str, str]:
        kind, function = variants.options_function(name)
        found = options.find_options(kind, name, function)
        return registry.summary(references[name]), options.describe_options(found)

    return [(name, *row) for name, row in registry.load_available(references, texts)]


def task_rows() -> Iterable[tuple[str, ...]]:
    """Yield the name, the description and the options of each known task.

    It is described by its title, the shape of input and output, and the unit of the score.
    """
    import tasks
    from suite import options

    for name, task in tasks.available_tasks().items():
        found = options.find_options("task", name, tasks.task_function(name))
        description = "; ".join([task.title, task.io_shape, task.unit])
        yield name, description, options.describe_options(found)


def preset_rows() -> Iterable[tuple[str, ...]]:
    """Return the name and the title of each preset."""
    from suite import config

    return [(name, config.load_preset(name).title) for name in config.preset_names()]


LISTED_ROWS = {
    ListKind.cells: cell_rows,
    ListKind.baselines: baseline_rows,
    ListKind.tasks: task_rows,
    ListKind.presets: preset_rows,
}


def doctor(data: DataOption = None, backend: BackendOption = None) -> None:
    """Print versions, backend, devices and cores, and which data files are present."""
    select_backend(backend)
    load_keras()
    import keras

    import tasks
    from suite import machine
    from suite.variants import find_network

    for package, version in machine.package_versions().items():
        print(f"{package:12} {version}")
    print(f"{'commit':12} {machine.git_commit() or 'no checkout'}")
    print(f"{'backend':12} {keras.backend.backend()}")
    print(f"{'devices':12} {', '.join(machine.device_names())}")
    print(f"{'cores':12} {len(machine.usable_cores())}")
    print(f"{'programs':12} kept in {os.environ.get('JAX_COMPILATION_CACHE_DIR', 'no folder')}")
    plan = machine.plan_workers()
    workers = text.format_count(plan.workers, "worker")
    print(f"{'a sweep':12} {workers}, one a {'GPU' if plan.gpus else 'core'}")
    for units in (32, 100, 200):
        network = find_network("lstm", tasks.find_task("jsb"))
        lanes = plan.lanes_for(**network.lane_demand(units, steps=160, batch=1))
        print(f"{'':12} {text.format_count(lanes, 'lane')} for LSTMs of {units} units, batch 1")
    for name in tasks.available_tasks():
        print(f"{name:18} {data_status(name, data)}", flush=True)


def data_status(name: str, folder: Path | None) -> str:
    """Return whether the data of a task is present, or what is missing, in one line; nothing is downloaded.

    A task with the option `size` is loaded at its tiny size, one that is generated is not loaded.
    """
    import tasks
    from suite import options
    from tasks.data import without_downloads

    known = options.find_options("task", name, tasks.task_function(name))
    if "sequences" in known:
        return "generated"
    try:
        with without_downloads():
            tasks.load_splits(f"{name}@size=tiny" if "size" in known else name, folder)
    except Refusal as refusal:
        return f"not ready: {refusal}"
    return "present"
