"""A trial: one configuration, and the result of training it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Trial:
    """One configuration: number in its search, seed, hyperparameters, and the most epochs to train.

    A hyperparameter is a number or, if it is chosen from texts (`suite.space.Choice`), a text.
    """

    number: int
    seed: int
    hyperparameters: Mapping[str, float | str]
    epochs: int

    @property
    def numbers(self) -> dict[str, float]:
        """The hyperparameters that are numbers."""
        return {name: value for name, value in self.hyperparameters.items() if not isinstance(value, str)}


@dataclass
class Result:
    """The result of a trial: its scores, its curve, and what it cost.

    `status` is "running", "done", or "diverged": its loss or score is no longer finite; it keeps the best
    score from before. `curve` holds, for every epoch, the training loss per label and the validation score.
    `valid` is the best validation score, reached after `best_epoch` epochs, and `test` the test score of the
    weights at that moment; both are NaN if no epoch ended with a finite score. `accuracy` is the share of
    labels of test that these weights classify correctly, NaN if the labels are not classes, and `success`
    that of sequences of test without a wrong label, NaN if the task does not count them. `longer_tests` holds
    the scores on further splits by their names, such as "test_2x", and the success there, "success_2x".

    `seconds` is the trial's share of the population's time, without compilation; `operations` its
    multiply–adds, None until it has ended. `step_operations` and `state_size` are those of its network
    (`suite.network.Network`), None in a trial that failed.
    """

    trial: Trial
    parameters: int
    status: str = "running"
    valid: float = np.nan
    test: float = np.nan
    accuracy: float = np.nan
    success: float = np.nan
    longer_tests: dict[str, float] = field(default_factory=dict)
    best_epoch: int = 0
    seconds: float = 0.0
    operations: int | None = None
    step_operations: int | None = None
    state_size: int | None = None
    curve: list[tuple[float, float]] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """Epochs trained."""
        return len(self.curve)

    def record_epoch(self, loss: float, score: float, seconds: float, patience: int) -> None:
        """Append an epoch; update the best score and the status.

        `loss` and `score` are those of the epoch, `seconds` what it took. The trial is done after its last
        epoch, or after more than `patience` epochs without a better score.
        """
        self.curve.append((loss, score))
        self.seconds += seconds
        if score < self.valid or (self.best_epoch == 0 and np.isfinite(score)):
            self.valid, self.best_epoch = score, self.epochs
        if not (np.isfinite(loss) and np.isfinite(score)):
            self.status = "diverged"
        elif self.epochs == self.trial.epochs or self.epochs - self.best_epoch > patience:
            self.status = "done"

    def record_tests(self, tests: Mapping[str, Mapping[str, float]]) -> None:
        """Keep the metrics on test and on further splits, {split: {metric: value}}."""
        self.test = tests["test"]["score"]
        self.accuracy = 1 - tests["test"].get("error", np.nan)
        self.success = tests["test"].get("success", np.nan)
        for split, metrics in tests.items():
            if split != "test":
                self.longer_tests[split] = metrics["score"]
                if "success" in metrics:
                    self.longer_tests[split.replace("test", "success", 1)] = metrics["success"]
