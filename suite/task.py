"""What a task is: sequences in three splits, what a network says about them, and how that is scored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Split:
    """The sequences of one split.

    `inputs[k]` is (steps, features). `targets[k]` is (labels, …): as many labels as steps for a task that
    answers at every step, one label for a task that answers at the last step, a transcript of any length
    for a task whose loss aligns it (CTC). A label is an array (outputs,) for the losses "bernoulli" and
    "squared", an integer class for "categorical".
    """

    inputs: Sequence[np.ndarray]
    targets: Sequence[np.ndarray]

    def __len__(self):
        return len(self.inputs)

    @property
    def lengths(self) -> np.ndarray:
        """Steps of each sequence, (sequences,)."""
        return np.array([len(x) for x in self.inputs])


def total_steps(splits: Mapping[str, Split]) -> dict[str, int]:
    """Return how many steps the sequences of each split have in all."""
    return {name: int(split.lengths.sum()) for name, split in splits.items()}


@dataclass(frozen=True)
class Task:
    """A task: its data, its loss and metric, and the shape of its input and output.

    `load(folder)` returns the three splits; `folder` is where the user keeps data files, or None for the
    default places (`tasks.data`). `loss` and `metric` name functions of `suite.layers.readout`; the score of
    a split is the metric pooled over it, and lower is better. `unit` is what the score is counted in.
    Nothing is checked here: `suite.task_check` does, before a task is trained.
    """

    name: str
    title: str
    load: Callable[[Path | None], Mapping[str, Split]]
    features: int
    outputs: int
    loss: Literal["bernoulli", "categorical", "squared"]
    metric: Literal["nats", "error", "squared"]
    unit: str
    answers: Literal["every step", "last step"]
    source: str
