"""The adding problem of Hochreiter & Schmidhuber (1997): add two marked numbers among many.

A sequence of six steps, with the target after its last step:

    value    0.20  0.71  0.03  0.55  0.90  0.14
    marker   0     1     0     0     1     0
    target                                 1.61

Values are uniform on [0, 1). There is one marker in each half, as in Arjovsky et al. (2016); Bai et al.
(2018) mark any two positions. A network that always answers 1 scores the variance of the sum of two values,
2 · 1/12 = 1/6.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from suite.seeds import derive_seed
from suite.task import Split, Task

ADDING_STEPS = 50
SEQUENCES_PER_SPLIT = {"train": 1000, "valid": 200, "test": 200}


def load(folder: Path | None = None) -> Mapping[str, Split]:
    """Return the three splits, drawn from fixed seeds, so that every call returns the same."""
    return {split: draw_sequences(split, count) for split, count in SEQUENCES_PER_SPLIT.items()}


def draw_sequences(split: str, count: int) -> Split:
    """Draw the inputs, value and marker (steps, 2), and the targets, sums (1, 1), of `count` sequences."""
    rng = np.random.default_rng(derive_seed("adding", split))
    inputs = np.zeros((count, ADDING_STEPS, 2), np.float32)
    inputs[:, :, 0] = rng.random((count, ADDING_STEPS), np.float32)
    for low, high in ((0, ADDING_STEPS // 2), (ADDING_STEPS // 2, ADDING_STEPS)):
        inputs[range(count), rng.integers(low, high, count), 1] = 1
    sums = inputs.prod(axis=2).sum(axis=1)
    return Split(list(inputs), list(sums.reshape(count, 1, 1)))


ADDING = Task(
    name="adding",
    title=f"Adding problem, {ADDING_STEPS} steps",
    load=load,
    features=2,
    outputs=1,
    loss="squared",
    metric="squared",
    unit="mean squared error",
    answers="last step",
    source="Hochreiter & Schmidhuber (1997), Long Short-Term Memory",
)
