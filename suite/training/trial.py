"""A trial: its configuration and its result."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Trial:
    """One configuration: where its random draws start, its hyperparameters, and the epochs it is given."""

    number: int
    seed: int
    hyperparameters: Mapping[str, float]
    epochs: int


@dataclass
class Result:
    """A trial, trained and scored.

    `curve` holds training loss a label and validation score of every epoch. `valid` is the best validation
    score, reached after `best_epoch` epochs, and `test` the test score of the weights at that moment; NaN
    where no epoch ended with a finite score. A trial is "diverged" when its loss or score stops being finite;
    it keeps the best it had before. `seconds` is its share of the population's time, without compiling;
    `operations` are its multiply–adds, once it has ended.
    """

    trial: Trial
    parameters: int
    status: str = "running"
    valid: float = np.nan
    test: float = np.nan
    best_epoch: int = 0
    seconds: float = 0.0
    operations: int | None = None
    curve: list[tuple[float, float]] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """Epochs trained."""
        return len(self.curve)

    def record_epoch(self, loss: float, score: float, seconds: float, patience: int) -> None:
        """Take down an epoch, and see whether it is the last one."""
        self.curve.append((loss, score))
        self.seconds += seconds
        if score < self.valid or (self.best_epoch == 0 and np.isfinite(score)):
            self.valid, self.best_epoch = score, self.epochs
        if not (np.isfinite(loss) and np.isfinite(score)):
            self.status = "diverged"
        elif self.epochs == self.trial.epochs or self.epochs - self.best_epoch > patience:
            self.status = "done"
