"""Splits of sequences that are drawn, not read: from fixed seeds, so that every call returns the same.

All sequences of a task are distinct, within and across splits. Besides train, valid and test there are tests
of longer sequences, "test_2x", "test_4x" and "test_8x": a network that learned the rule, and not the length,
has the same score there.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, TypeAlias

import numpy as np

from suite import Refusal
from suite.options import Between
from suite.seeds import derive_seed
from suite.task import SPLITS, Split

LONGER_TESTS = {f"test_{factor}x": factor for factor in (2, 4, 8)}
MAX_SCORED = 200  # sequences in a split that is not trained on
MAX_REDRAWS = 1000  # of one sequence, until it is a new one

# an option of a task: how many sequences are trained on
Sequences: TypeAlias = Annotated[int, Between(10, 100_000)]

# takes a random generator and a length; returns the inputs and the targets of one sequence
DrawSequence: TypeAlias = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def draw_splits(
    name: str, draw: DrawSequence, sequences: int, length: int, shortest: int | None = None
) -> Mapping[str, Split]:
    """Return the splits of a task, with `sequences` to train on, and at most `MAX_SCORED` in the others.

    `draw` is called with `length`, or with lengths that are uniform on `shortest` … `length`; for a longer
    test, with 2, 4 and 8 times `length`. Refused: a task that has too few distinct sequences.
    """
    seen: set[bytes] = set()
    splits = {}
    for split in (*SPLITS, *LONGER_TESTS):
        rng = np.random.default_rng(derive_seed(name, split))
        longest = length * LONGER_TESTS.get(split, 1)
        least = shortest if shortest and split in SPLITS else longest
        count = sequences if split == "train" else min(sequences, MAX_SCORED)
        pairs = [draw_new_sequence(rng, draw, least, longest, seen) for _ in range(count)]
        if None in pairs:
            raise Refusal(
                f"{name}: expected {sequences} distinct sequences of length {length} to train on, and others "
                f"to score, got {len(seen)}; give fewer sequences, or longer ones"
            )
        splits[split] = Split([pair[0] for pair in pairs if pair], [pair[1] for pair in pairs if pair])
    return splits


def draw_new_sequence(
    rng: np.random.Generator, draw: DrawSequence, least: int, longest: int, seen: set[bytes]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Draw a sequence that is not in `seen`, and add it there; None if none is found."""
    for _ in range(MAX_REDRAWS):
        inputs, targets = draw(rng, int(rng.integers(least, longest + 1)))
        digest = hashlib.sha256(inputs.tobytes()).digest()
        if digest not in seen:
            seen.add(digest)
            return inputs, targets
    return None
