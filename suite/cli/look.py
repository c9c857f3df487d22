"""`odyssey list` and `odyssey doctor`: what is here."""

import os
import time
from enum import StrEnum

from suite import Refusal
from suite.cli.common import BackendOption, Data, use
from suite.quiet import load_keras


class Listed(StrEnum):
    """What can be listed."""

    cells = "cells"
    tasks = "tasks"
    presets = "presets"


def list_(what: Listed) -> None:
    """List the known cells, tasks or presets."""
    from rich.table import Table

    from suite.progress import console

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    if what is Listed.cells:
        from suite import cells, registry

        references = cells.references()
        for name, line in registry.usable(references, lambda name: registry.summary(references[name])):
            table.add_row(name, line)
    elif what is Listed.tasks:
        import tasks

        for name, task in tasks.known().items():
            table.add_row(name, task.title, task.unit)
    else:
        from suite.search import asked

        for name in asked.presets():
            table.add_row(name, asked.preset(name).title)
    console().print(table)


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
    for name in tasks.known():
        start = time.perf_counter()
        try:
            splits = tasks.load(name, data)
        except Refusal as refusal:
            print(f"{name:18} unusable: {refusal}")
        else:
            sizes = "/".join(str(len(split)) for split in splits.values())
            print(f"{name:18} {sizes} sequences, read in {time.perf_counter() - start:.1f} s")
