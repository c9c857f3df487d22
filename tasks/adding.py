"""The adding problem of Hochreiter & Schmidhuber (1997): add two marked numbers among many.

A sequence of six steps, with the target after its last step:

    value    0.20  0.71  0.03  0.55  0.90  0.14
    marker   0     1     0     0     1     0
    target                                 1.61

Values are uniform on [0, 1). There is one marker in each half, as in Arjovsky et al. (2016); Bai et al.
(2018) mark any two positions. A network that always answers 1 scores the variance of the sum of two values,
2 · 1/12 = 1/6.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np

from suite.options import Between
from suite.seeds import derive_seed
from suite.task import Split, Task

SEQUENCES_PER_SPLIT = {"train": 1000, "valid": 200, "test": 200}


def adding_problem(*, length: Annotated[int, Between(2, 10_000)] = 50) -> Task:
    """Return the adding problem with sequences of this many steps."""
    return Task(
        name="adding",
        title=f"Adding problem, {length:,} steps",
        load=functools.partial(load, length=length),
        features=2,
        outputs=1,
        loss="squared",
        metric="squared",
        unit="mean squared error",
        answers="last step",
        source="Hochreiter & Schmidhuber (1997), Long Short-Term Memory",
        trivial=1 / 6,
    )


def load(folder: Path | None = None, *, length: int) -> Mapping[str, Split]:
    """Return the three splits, drawn from fixed seeds, so that every call returns the same."""
    return {split: draw_sequences(split, count, length) for split, count in SEQUENCES_PER_SPLIT.items()}


def draw_sequences(split: str, count: int, length: int) -> Split:
    """Draw the inputs, value and marker (length, 2), and the targets, sums (1, 1), of `count` sequences."""
    rng = np.random.default_rng(derive_seed("adding", split))
    inputs = np.zeros((count, length, 2), np.float32)
    inputs[:, :, 0] = rng.random((count, length), np.float32)
    for low, high in ((0, length // 2), (length // 2, length)):
        inputs[range(count), rng.integers(low, high, count), 1] = 1
    sums = inputs.prod(axis=2).sum(axis=1)
    return Split(list(inputs), list(sums.reshape(count, 1, 1)))
