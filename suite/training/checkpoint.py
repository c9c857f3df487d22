"""Checkpoints: trials half done, a file each, so that a killed one goes on where it was.

A trial's result depends on nothing but the trial, so each is kept by itself: whichever population takes it up
again, in whichever lane, it ends with the row it would have had.
"""

import dataclasses
import io
import json
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from suite import files
from suite.training.trial import Result, Trial

FIRST_CHECKPOINT_DELAY = (
    15.0  # seconds until the first checkpoint of a unit: `odyssey status` shows that it gets on
)
CHECKPOINT_INTERVAL = 120.0  # seconds between checkpoints: what a kill may cost


class Checkpoints:
    """The checkpoints of the trials of a search, in a folder.

    `made_by` says what makes a row beside its trial: the code, the backend, the protocol. A checkpoint in
    which any of it differs, or the trial, is not taken up.
    """

    def __init__(self, folder: Path, made_by: Mapping, every: float = CHECKPOINT_INTERVAL):
        self.folder, self.made_by, self.every = folder, dict(made_by), every
        self.next = time.monotonic() + min(FIRST_CHECKPOINT_DELAY, every)

    def is_due(self) -> bool:
        """Whether it is time for the next ones."""
        return time.monotonic() >= self.next

    def save(self, result: Result, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep a trial as it stands: its result so far, and its arrays by name."""
        self.next = time.monotonic() + self.every
        so_far = {f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.name != "trial"}
        content = io.BytesIO()
        np.savez(content, about=self.fingerprint(result.trial), result=json.dumps(so_far), **arrays)
        files.write_atomic(self.path(result.trial), content.getvalue())

    def load(self, trial: Trial) -> tuple[Result, dict[str, np.ndarray]] | None:
        """Return a trial as it was kept; None where it was not, or cannot be read, or is another one."""
        try:
            with np.load(io.BytesIO(self.path(trial).read_bytes()), allow_pickle=False) as kept:
                arrays = dict(kept)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        if str(arrays.pop("about", "")) != self.fingerprint(trial):
            return None
        so_far = json.loads(str(arrays.pop("result")))
        so_far["curve"] = [tuple(point) for point in so_far["curve"]]
        return Result(trial, **so_far), arrays

    def remove(self, trial: Trial) -> None:
        """Forget a trial that has its row."""
        self.path(trial).unlink(missing_ok=True)

    def fingerprint(self, trial: Trial) -> str:
        """Return what a checkpoint must agree in, as text."""
        return json.dumps(self.made_by | {"trial": dataclasses.asdict(trial)}, sort_keys=True)

    def path(self, trial: Trial) -> Path:
        """Return the file of a trial."""
        return self.folder / f"{trial.number}.npz"
