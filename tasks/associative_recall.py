"""Task `mqar`: multi-query associative recall, values by their keys (Arora et al., 2023).

A sequence begins with pairs of a key and its value. Then each key comes once more, and the network answers
with its value; all other steps are blank. With two pairs, four keys and four values:

    input     k2  v1  k0  v3  .   .   k0  .   .   .   k2  .
    target                            v3              v1

The symbols are the blank, 0, the keys, 1 … `keys`, and as many values; a class is the number of a value,
0 … `keys` − 1. Keys and values are drawn without repetition. A step without a query has no label.

A query may be at every second step after the pairs, with the same probability at each. In Arora et al., early
steps are more probable, by a power law, and there are more symbols. The longer tests, of exactly 2, 4 and 8
times `length` (`tasks.generated`), have as many pairs, and ask for them later. In train, valid and test,
lengths are uniform on 4 · `pairs` … `length`.

The score is the share of wrong values, 1 − 1/`keys` for a constant answer; a sequence is solved if all its
values are right. How many pairs a recurrent network can hold depends on the size of its state: Arora et al.
show the accuracy for each size, and scores of trials with different `units` are not comparable here either.
"""

from functools import partial
from typing import Annotated

import numpy as np

from suite import Refusal
from suite.options import Between
from suite.task import NO_LABEL, Task
from tasks.generated import Sequences, loader


def multi_query_recall(
    *,
    length: Annotated[int, Between(4, 1_000)] = 40,
    pairs: Annotated[int, Between(1, 127)] = 4,
    keys: Annotated[int, Between(2, 127)] = 16,
    sequences: Sequences = 10_000,
) -> Task:
    """Return the task of recalling this many pairs, of as many values as keys.

    Refused: more pairs than keys, and pairs that do not fit twice into the sequence.
    """
    if pairs > keys or 4 * pairs > length:
        raise Refusal(
            f"mqar: expected at most {min(keys, length // 4)} pairs for {keys} keys and length {length} (two "
            f"steps for a pair and two for its query), got {pairs}; give fewer pairs, or more keys and length"
        )
    draw = partial(draw_pairs, pairs=pairs, keys=keys)
    return Task(
        name="mqar",
        title=f"Associative recall of {pairs} pairs, up to {length:,} steps",
        load=loader("mqar", draw, sequences, length, shortest=4 * pairs),
        features=1 + 2 * keys,
        outputs=keys,
        loss="categorical",
        metric="error",
        unit="error rate",
        answers="every step",
        inputs="symbols",
        source="Arora et al. (2023), Zoology: Measuring and Improving Recall in Efficient Language Models",
        trivial=1 - 1 / keys,
        success_tolerance=0,
    )


def draw_pairs(
    rng: np.random.Generator, length: int, *, pairs: int, keys: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw pairs of keys and values, the steps of the queries, and their values."""
    key, value = rng.permutation(keys)[:pairs], rng.permutation(keys)[:pairs]
    queries = 2 * pairs + 2 * rng.permutation((length - 2 * pairs) // 2)[:pairs]
    inputs, targets = np.zeros(length, np.uint8), np.full(length, NO_LABEL, np.int32)
    inputs[0 : 2 * pairs : 2], inputs[1 : 2 * pairs : 2] = 1 + key, 1 + keys + value
    inputs[queries], targets[queries] = 1 + key, value
    return inputs, targets
