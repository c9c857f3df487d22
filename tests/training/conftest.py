"""A tiny task: random notes, in sequences of unequal length."""

import numpy as np
import pytest

from suite.task import Split, Task


def split(count, seed, shortest=3, longest=9, features=3):
    rng = np.random.default_rng(seed)
    rolls = [
        (rng.random((n, features)) < 0.4).astype("uint8") for n in rng.integers(shortest, longest, count)
    ]
    return Split([np.vstack([0 * r[:1], r[:-1]]) for r in rolls], rolls)


@pytest.fixture(scope="session")
def splits():
    return {"train": split(12, 1), "valid": split(7, 2), "test": split(5, 3)}


@pytest.fixture(scope="session")
def task(splits):
    words = {"title": "toy", "unit": "nats", "source": "made up"}
    return Task(
        "toy",
        load=lambda _: splits,
        features=3,
        outputs=3,
        loss="bernoulli",
        metric="nats",
        answers="every step",
        **words,
    )
