"""Checkpoints: unfinished trials, one file each, so that training continues after the process was killed.

The result of a trial depends on the trial only, so each trial has its own file: any population can continue
it in any lane, and gets the same row.
"""

import dataclasses
import io
import json
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from suite import files
from suite.training.trial import Result, Trial

FIRST_CHECKPOINT_DELAY = (
    15.0  # seconds until the first checkpoint of a unit of work, which `odyssey status` reads
)
CHECKPOINT_INTERVAL = 120.0  # seconds between checkpoints: the most work that a kill can lose


class Checkpoints:
    """The checkpoints of the trials of a search, in a folder.

    `made_by` holds what a row depends on besides its trial: the code, the backend, the protocol. A checkpoint
    is used only if `made_by` and the trial are equal. `every` is the interval between checkpoints, in
    seconds.
    """

    def __init__(self, folder: Path, made_by: Mapping, every: float = CHECKPOINT_INTERVAL) -> None:
        self.folder, self.made_by, self.every = folder, dict(made_by), every
        self.next = time.monotonic() + min(FIRST_CHECKPOINT_DELAY, every)

    def is_due(self) -> bool:
        """Whether it is time for the next checkpoints."""
        return time.monotonic() >= self.next

    def save(self, result: Result, arrays: Mapping[str, np.ndarray]) -> None:
        """Write the checkpoint of a trial: its result so far, and its arrays by name."""
        self.next = time.monotonic() + self.every
        so_far = {f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.name != "trial"}
        texts = {"about": self.fingerprint(result.trial), "result": json.dumps(so_far)}
        entries: dict[str, Any] = texts | dict(arrays)
        content = io.BytesIO()
        np.savez(content, **entries)
        files.write_atomic(self.path(result.trial), content.getvalue())

    def load(self, trial: Trial) -> tuple[Result, dict[str, np.ndarray]] | None:
        """Return the result and arrays of a trial from its checkpoint.

        None if there is no checkpoint, or it is unreadable, or another trial or other code made it.
        """
        try:
            with np.load(io.BytesIO(self.path(trial).read_bytes()), allow_pickle=False) as archive:
                arrays = dict(archive)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        if str(arrays.pop("about", "")) != self.fingerprint(trial):
            return None
        so_far = json.loads(str(arrays.pop("result")))
        so_far["curve"] = [tuple(point) for point in so_far["curve"]]
        return Result(trial, **so_far), arrays

    def remove(self, trial: Trial) -> None:
        """Delete the checkpoint of a trial, once its row is stored."""
        self.path(trial).unlink(missing_ok=True)

    def fingerprint(self, trial: Trial) -> str:
        """Return, as JSON, everything that must be equal for a checkpoint of a trial to be used."""
        return json.dumps(self.made_by | {"trial": dataclasses.asdict(trial)}, sort_keys=True)

    def path(self, trial: Trial) -> Path:
        """Return the path of the checkpoint of a trial."""
        return self.folder / f"{trial.number}.npz"
