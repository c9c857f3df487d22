"""Change the splits of a task: standardise their inputs, or cut them down for tests."""

from collections.abc import Mapping

import numpy as np

from suite.task import Split

RESOLUTION = 1024  # standardised inputs are multiples of 1 / RESOLUTION
TINY_SEQUENCES, TINY_STEPS = 10, 20


def standardise_inputs(splits: Mapping[str, Split]) -> Mapping[str, Split]:
    """Return splits with mean 0 and variance 1 of every feature over all steps of train; float32.

    A feature that is constant in train becomes 0 there. Values are rounded to multiples of 1/1024: libraries
    round differently on different machines, and their data is to have the same hash.
    """
    steps = np.concatenate(splits["train"].inputs, dtype=float)
    mean, deviation = steps.mean(axis=0), steps.std(axis=0)
    scale = RESOLUTION / np.where(deviation > 0, deviation, 1)

    def standardised(inputs: np.ndarray) -> np.ndarray:
        return (np.round((inputs - mean) * scale) / RESOLUTION).astype(np.float32)

    return {name: Split(list(map(standardised, s.inputs)), s.targets) for name, s in splits.items()}


def tiny_splits(splits: Mapping[str, Split], steps: int | None = TINY_STEPS) -> Mapping[str, Split]:
    """Return at most 10 sequences of each split, equally spaced, and their first steps and labels.

    With None, the sequences are whole: labels that are not aligned with steps cannot be cut with them.
    """
    cut = slice(steps)
    tiny = {}
    for name, split in splits.items():
        chosen = np.linspace(0, len(split) - 1, min(len(split), TINY_SEQUENCES)).astype(int)
        tiny[name] = Split([split.inputs[k][cut] for k in chosen], [split.targets[k][cut] for k in chosen])
    return tiny
