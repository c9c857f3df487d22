"""Change the splits of a task: standardise their inputs, or cut them down for tests."""

from collections.abc import Mapping

import numpy as np

from suite.task import Split

RESOLUTION = 1024  # standardised inputs are multiples of 1 / RESOLUTION
CONSTANT = 1e-9  # relative deviation of a feature that is constant up to rounding
TINY_SEQUENCES, TINY_STEPS = 10, 20


def standardise_inputs(splits: Mapping[str, Split]) -> Mapping[str, Split]:
    """Return splits with mean 0 and variance 1 of every feature over all steps of train; float32.

    A feature that is constant in train becomes 0 there. Values are rounded to multiples of 1/1024: libraries
    round differently on different machines, and their data is to have the same hash.
    """
    steps = np.concatenate(splits["train"].inputs, dtype=float)
    mean, deviation = steps.mean(axis=0), steps.std(axis=0)
    varies = deviation > CONSTANT * np.abs(steps).max(axis=0)
    scale = RESOLUTION / np.where(varies, deviation, 1)

    def standardised(inputs: np.ndarray) -> np.ndarray:
        return (np.round((inputs - mean) * scale) / RESOLUTION).astype(np.float32)

    return {name: Split(list(map(standardised, s.inputs)), s.targets) for name, s in splits.items()}


def tiny_splits(splits: Mapping[str, Split], steps: int | None = TINY_STEPS) -> Mapping[str, Split]:
    """Return at most 10 sequences of each split, equally spaced, and the steps and labels in their middle.

    With None, the sequences are whole: labels that are not aligned with steps cannot be cut with them.
    """

    def middle(array: np.ndarray) -> np.ndarray:
        return array if steps is None else array[max(0, len(array) - steps) // 2 :][:steps]

    tiny = {}
    for name, split in splits.items():
        chosen = np.linspace(0, len(split) - 1, min(len(split), TINY_SEQUENCES)).astype(int)
        inputs, targets = ([middle(arrays[k]) for k in chosen] for arrays in (split.inputs, split.targets))
        tiny[name] = Split(inputs, targets)
    return tiny


def stratify(classes: np.ndarray, shares: Mapping[str, int]) -> Mapping[str, np.ndarray]:
    """Return the members of each split, (sequences,), from the class of every sequence in the file.

    Of a class, the first sequences are of the first split, as many as its share, the next of the next split,
    and so on in turn: with {"train": 3, "valid": 1}, every fourth of each class is in valid.
    """
    turn = np.repeat(list(shares), list(shares.values()))
    rank = np.zeros(len(classes), int)  # position of a sequence among those of its class
    for label in np.unique(classes):
        rank[classes == label] = np.arange(np.sum(classes == label))
    split_of = turn[rank % len(turn)]
    return {split: np.flatnonzero(split_of == split) for split in shares}
