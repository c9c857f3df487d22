"""`odyssey list` and `odyssey doctor`: what is here."""

import os
import time
from enum import StrEnum

from suite import Refusal
from suite.cli.common import BackendOption, DataOption, select_backend
from suite.keras_loader import load_keras


class ListKind(StrEnum):
    """What can be listed."""

    cells = "cells"
    tasks = "tasks"
    presets = "presets"


def list_(what: ListKind) -> None:
    """List the known cells, tasks or presets."""
    from rich.table import Table

    from suite.progress import stdout_console

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    if what is ListKind.cells:
        from suite import cells, registry

        references = cells.cell_references()
        for name, line in registry.load_available(
            references, lambda name: registry.class_summary(references[name])
        ):
            table.add_row(name, line)
    elif what is ListKind.tasks:
        import tasks

        for name, task in tasks.available_tasks().items():
            table.add_row(name, task.title, task.unit)
    else:
        from suite import config

        for name in config.preset_names():
            table.add_row(name, config.load_preset(name).title)
    stdout_console().print(table)


def doctor(data: DataOption = None, backend: BackendOption = None) -> None:
    """Say what is here: versions, backend, devices, cores, and the data of each task."""
    select_backend(backend)
    load_keras()
    import keras

    import tasks
    from suite import cells, machine
    from suite.training.program import lane_demand

    for package, version in machine.package_versions().items():
        print(f"{package:12} {version}")
    print(f"{'commit':12} {machine.git_commit() or 'no checkout'}")
    print(f"{'backend':12} {keras.backend.backend()}")
    print(f"{'devices':12} {', '.join(machine.device_names())}")
    print(f"{'cores':12} {len(machine.usable_cores())}")
    print(f"{'programs':12} kept in {os.environ.get('JAX_COMPILATION_CACHE_DIR', 'no folder')}")
    plan = machine.plan_workers()
    print(f"{'a sweep':12} {plan.workers} workers, one a {'GPU' if plan.gpus else 'core'}")
    for units in (32, 100, 200):
        lanes = plan.lanes_for(
            **lane_demand(cells.find_cell("lstm"), tasks.find_task("jsb"), units, steps=160, batch=1)
        )
        print(f"{'':12} {lanes} lanes for LSTMs of {units} units, batch 1")
    for name in tasks.available_tasks():
        start = time.perf_counter()
        try:
            splits = tasks.load_splits(name, data)
        except Refusal as refusal:
            print(f"{name:18} unusable: {refusal}")
        else:
            sizes = "/".join(str(len(split)) for split in splits.values())
            print(f"{name:18} {sizes} sequences, read in {time.perf_counter() - start:.1f} s")
