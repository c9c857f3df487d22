"""What the commands share: options, and the refusal of what could not be trained.

Nothing heavy is imported before a command needs it: `--help` and `list` must answer at once.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from suite import Refusal
from suite.quiet import load_keras


class Backend(StrEnum):
    """The backends that populations train on."""

    tensorflow = "tensorflow"
    jax = "jax"


Data = Annotated[
    Path | None, typer.Option(help="Folder with data files; else $ODYSSEY_DATA, else downloaded.")
]

BackendOption = Annotated[Backend | None, typer.Option(help="Else $KERAS_BACKEND, else tensorflow.")]


def use(backend: Backend | None) -> None:
    """Choose the backend, before anything imports Keras."""
    chosen = backend or os.environ.get("KERAS_BACKEND") or Backend.tensorflow
    if chosen not in list(Backend):
        raise Refusal(
            f"backend {chosen!r}: populations train on tensorflow or jax; set KERAS_BACKEND or --backend"
        )
    os.environ["KERAS_BACKEND"] = str(chosen)


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
    splits = {name: tasks.load(name, data) for name in question.tasks}
    from suite.cells.check import check

    for name in question.cells:
        if name not in cells.REFERENCES:  # those that the tests have checked
            check(name, cells.find(name))
    return splits
