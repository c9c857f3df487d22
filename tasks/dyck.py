"""Task `dyck`: read nested brackets, and say at every step which brackets may come next.

With two kinds of brackets and a depth of at most 2, there are four outputs, one for each bracket, and a
bracket is legal or not:

    input        (      [      ]      )      [      ]
    legal next   ( [ )    ]    ( [ )  ( [      ( [ ]  ( [

The symbols are the opening brackets and then, in the same order, the closing ones; the outputs are the same.
An opening bracket is legal unless `depth` of them are open, a closing bracket if it is that of the last one
opened. At the end of a sequence all brackets are closed. Where both an opening and a closing bracket may come
next, each has probability 1/2, and all kinds are equally likely.

Lengths in train are uniform on 2 … `length`, and the longer tests have 2, 4 and 8 times `length`
(`tasks.generated`); an odd length is one step shorter. Valid and test lack the shortest, of which train has
every sequence. With its bound on the depth, which Hewitt et al. (2020) call Dyck-(k, m), the language is
regular, and longer sequences need no more memory. With a depth of half the length of the longest test there
is no bound, and longer sequences are nested more deeply too.

The score is the share of wrong outputs, 0.23 for the best constant answer with the defaults. A sequence is
solved if all outputs are right at every step. LSTMs trained on a bounded depth were found to generalise to
much longer sequences (Bhattamishra et al., 2020, abstract).
"""

from functools import partial
from typing import Annotated

import numpy as np

from suite.options import Between
from suite.task import Task
from tasks.generated import Sequences, loader


def dyck_language(
    *,
    length: Annotated[int, Between(2, 1_000)] = 40,
    kinds: Annotated[int, Between(1, 100)] = 2,
    depth: Annotated[int, Between(1, 4_000)] = 5,
    sequences: Sequences = 10_000,
) -> Task:
    """Return the task for brackets of `kinds` kinds, of which at most `depth` are open at once."""
    draw = partial(draw_brackets, kinds=kinds, depth=depth)
    return Task(
        name="dyck",
        title=f"Dyck-({kinds}, {depth}), up to {length:,} steps",
        load=loader("dyck", draw, sequences, length, shortest=2),
        features=2 * kinds,
        outputs=2 * kinds,
        loss="bernoulli",
        metric="error",
        unit="error rate",
        answers="every step",
        inputs="symbols",
        source="Hewitt et al. (2020), RNNs Can Generate Bounded Hierarchical Languages with Optimal Memory",
        success_tolerance=0,
    )


def draw_brackets(
    rng: np.random.Generator, length: int, *, kinds: int, depth: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw balanced brackets, and for every step the brackets that are legal after it."""
    length -= length % 2
    opens = rng.integers(2, size=length, dtype=np.uint8)
    kind = rng.integers(kinds, size=length, dtype=np.uint8)
    brackets, targets = np.empty(length, np.uint8), np.zeros((length, 2 * kinds), np.uint8)
    open_kinds: list[int] = []
    for step in range(length):
        must_close = len(open_kinds) in (depth, length - step)
        if not open_kinds or (opens[step] and not must_close):
            open_kinds.append(int(kind[step]))
            brackets[step] = kind[step]
        else:
            brackets[step] = kinds + open_kinds.pop()
        targets[step, :kinds] = len(open_kinds) < depth
        if open_kinds:
            targets[step, kinds + open_kinds[-1]] = 1
    return brackets, targets
