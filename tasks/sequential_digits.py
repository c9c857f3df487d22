"""Task `sequential_digits`: classify scikit-learn's handwritten digits, reading one pixel per step.

An image of 8×8 pixels is a sequence of 64 steps, row by row from the top left; a pixel is 0 to 16 in the
file, 0 to 1 here. The top row of the first image, a zero:

    pixel    0     0     5      13     9      1      0     0
    input    0     0     .3125  .8125  .5625  .0625  0     0

The split is stratified and not random: of every five successive images of a digit, the first three are train,
the fourth is valid, the fifth test. The score is the share of images that are classified wrongly, 0.9 for a
guess. It is a small version of sequential MNIST (Le et al., 2015) that needs no download.
"""

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from suite.task import Split, Task
from tasks import data
from tasks.splits import stratify

SHARES = {"train": 3, "valid": 1, "test": 1}
TINY_IMAGES = 10  # in each split


def load(folder: Path | None = None, *, size: data.Size = "full") -> Mapping[str, Split]:
    """Return the three splits: inputs (64, 1), targets (1,)."""
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    inputs = (pixels / 16).astype(np.float32)[:, :, None]
    targets = digits.astype(np.int32)[:, None]
    images = TINY_IMAGES if size == "tiny" else None
    members = {split: chosen[:images] for split, chosen in stratify(digits, SHARES).items()}
    return {split: Split(list(inputs[chosen]), list(targets[chosen])) for split, chosen in members.items()}


def small_digits(*, size: data.Size = "full") -> Task:
    """Return the task of classifying the digits."""
    return Task(
        name="sequential_digits",
        title="Handwritten digits, pixel by pixel",
        load=functools.partial(load, size=size),
        features=1,
        outputs=10,
        loss="categorical",
        metric="error",
        unit="error rate",
        answers="last step",
        source="scikit-learn's load_digits (UCI, Alpaydin & Kaynak 1998)",
        trivial=0.9,  # one of ten digits, equally many of each
    )
