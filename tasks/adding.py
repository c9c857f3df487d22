"""The adding problem of Hochreiter & Schmidhuber (1997): add two marked numbers among many.

A sequence of six, the answer after its last step:

    value    0.20  0.71  0.03  0.55  0.90  0.14
    marker   0     1     0     0     1     0
    target                                 1.61

Values are uniform on [0, 1). One marker lies in each half, as in Arjovsky et al. (2016); Bai et al. (2018)
mark any two positions. Who always answers 1 scores the
variance of a sum of two values, 2 · 1/12 = 1/6.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from suite.seeds import seed
from suite.task import Split, Task

STEPS = 50
SEQUENCES = {"train": 1000, "valid": 200, "test": 200}


def load(folder: Path | None = None) -> Mapping[str, Split]:
    """Return the three splits, drawn anew from fixed seeds."""
    return {split: draw(split, count) for split, count in SEQUENCES.items()}


def draw(split: str, count: int) -> Split:
    """Draw sequences (steps, 2) of value and marker, and their sums (1, 1)."""
    rng = np.random.default_rng(seed("adding", split))
    inputs = np.zeros((count, STEPS, 2), np.float32)
    inputs[:, :, 0] = rng.random((count, STEPS), np.float32)
    for low, high in ((0, STEPS // 2), (STEPS // 2, STEPS)):
        inputs[range(count), rng.integers(low, high, count), 1] = 1
    sums = inputs.prod(axis=2).sum(axis=1)
    return Split(list(inputs), list(sums.reshape(count, 1, 1)))


ADDING = Task(
    name="adding",
    title=f"Adding problem, {STEPS} steps",
    load=load,
    features=2,
    outputs=1,
    loss="squared",
    metric="squared",
    unit="mean squared error",
    answers="last step",
    source="Hochreiter & Schmidhuber (1997), Long Short-Term Memory",
)
