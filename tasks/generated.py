"""Splits of sequences that are drawn, not read: from fixed seeds, so that every call returns the same.

No sequence is in two splits, and sequences of one length are all distinct. Where lengths vary, sequences of a
split may repeat, so that short ones are as frequent as long ones although fewer of them exist. Besides train,
valid and test there are tests of longer sequences, "test_2x", "test_4x" and "test_8x": a network that learned
the rule, and not the length, has the same score there.
"""

import functools
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
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


def loader(
    name: str, draw: DrawSequence, sequences: int, length: int, shortest: int | None = None
) -> Callable[[Path | None], Mapping[str, Split]]:
    """Return the `load` of a task, which needs no files; the arguments are those of `draw_splits`."""
    return functools.partial(load_drawn, arguments=(name, draw, sequences, length, shortest))


def load_drawn(
    folder: Path | None, arguments: tuple[str, DrawSequence, int, int, int | None]
) -> Mapping[str, Split]:
    """Return the splits that `draw_splits` draws with `arguments`."""
    return draw_splits(*arguments)


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
        pairs = []
        repeatable: set[bytes] = set()  # sequences that may come again in this split
        for _ in range(count):
            pair = draw_new_sequence(rng, draw, least, longest, seen)
            if pair is None:
                raise Refusal(
                    f"{name}: expected {sequences} distinct sequences to train on, and others to score, got "
                    f"{len(seen)}; give fewer sequences, or longer ones"
                )
            pairs.append(pair)
            (seen if least == longest else repeatable).add(input_digest(pair[0]))
        inputs, targets = map(list, zip(*pairs, strict=True))
        splits[split] = Split(inputs, targets)
        seen |= repeatable
    return splits


def draw_new_sequence(
    rng: np.random.Generator, draw: DrawSequence, least: int, longest: int, seen: set[bytes]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Draw a sequence whose digest is not in `seen`; None if none is found."""
    for _ in range(MAX_REDRAWS):
        inputs, targets = draw(rng, int(rng.integers(least, longest + 1)))
        if input_digest(inputs) not in seen:
            return inputs, targets
    return None


def input_digest(inputs: np.ndarray) -> bytes:
    """Return a hash of the inputs of a sequence."""
    return hashlib.sha256(inputs.tobytes()).digest()


def one_hot(symbols: np.ndarray, size: int) -> np.ndarray:
    """Return symbols (steps,), integers in 0 … `size` − 1, as one-hot vectors (steps, size)."""
    return np.eye(size, dtype=np.uint8)[symbols]
