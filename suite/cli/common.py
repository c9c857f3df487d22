"""What the commands share: options, and the refusal of what could not be trained.

Nothing heavy is imported before a command needs it: `--help` and `list` must answer at once.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from suite import Refusal
from suite.keras_loader import load_keras


class Backend(StrEnum):
    """The backends that populations train on."""

    tensorflow = "tensorflow"
    jax = "jax"


DataOption = Annotated[
    Path | None, typer.Option(help="Folder with data files; else $ODYSSEY_DATA, else downloaded.")
]

BaselineOption = Annotated[
    str | None,
    typer.Option(
        metavar="CELL", help="The variant that others are compared with; else lstm, else the first variant."
    ),
]

BackendOption = Annotated[Backend | None, typer.Option(help="Else $KERAS_BACKEND, else tensorflow.")]


def select_backend(backend: Backend | None) -> None:
    """Choose the backend, before anything imports Keras."""
    chosen = backend or os.environ.get("KERAS_BACKEND") or Backend.tensorflow
    if chosen not in list(Backend):
        raise Refusal(
            f"backend {chosen!r}: populations train on tensorflow or jax; set KERAS_BACKEND or --backend"
        )
    os.environ["KERAS_BACKEND"] = str(chosen)


def validate_and_load(config, data: Path | None) -> dict:
    """Refuse what could not be trained, before anything is written; return the data of every task."""
    import tasks
    from suite import cells, registry

    config.validate()
    if data and not data.is_dir():
        raise Refusal(f"the data folder {data} is not there: create it, or name another")
    for name in config.cells:  # names first: they cost nothing to check
        if ":" not in name and name not in cells.cell_references():
            raise registry.unknown_name_error("cell", name, cells.cell_references())
    for name in config.tasks:
        if ":" not in name:
            tasks.find_task(name)
    load_keras()  # before a task or cell of the user's imports it
    splits = {name: tasks.load_splits(name, data) for name in config.tasks}
    from suite.cells.check import check_cell

    for name in config.cells:
        if name not in cells.BUILTIN_CELLS:  # those that the tests have checked
            check_cell(name, cells.find_cell(name))
    return splits
