"""Task `permutation`: remember the first symbol while reading many others.

The first symbol is 0 or 1, all others are drawn from 2 … 99, with repetition. After the last step the
network says which symbol was the first:

    input     1  57  8  91  33  8
    target                      1

It is the random permutation problem of Martens & Sutskever (2011), after Hochreiter & Schmidhuber (1997),
where the first symbol comes again at the end and is to be predicted. As in the code of Pascanu et al.
(2013), only that prediction counts, since the other symbols cannot be predicted. Here there are two classes,
the symbols that are possible; in that code all 100 symbols are classes. Inputs are one-hot vectors, as in the
papers (see `tasks.copying`).

The score is the share of wrong answers, 1/2 for a constant one. Sequences are drawn from fixed seeds
(`tasks.generated`).
"""

from typing import Annotated

import numpy as np

from suite.options import Between
from suite.task import Task
from tasks.generated import Sequences, loader, one_hot

FIRST, SYMBOLS = 2, 100  # the symbols that may come first, and all symbols


def permutation_problem(
    *, length: Annotated[int, Between(2, 1_000)] = 50, sequences: Sequences = 1000
) -> Task:
    """Return the random permutation problem with sequences of this many steps."""
    return Task(
        name="permutation",
        title=f"Random permutation, {length:,} steps",
        load=loader("permutation", draw_permutation, sequences, length),
        features=SYMBOLS,
        outputs=FIRST,
        loss="categorical",
        metric="error",
        unit="error rate",
        answers="last step",
        source="Martens & Sutskever (2011), Learning Recurrent Neural Networks with Hessian-Free "
        "Optimization",
        trivial=1 / 2,
        success_tolerance=0,
    )


def draw_permutation(rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw symbols; return inputs (length, 100), one-hot, and the first symbol (1,)."""
    symbols = rng.integers(FIRST, SYMBOLS, length)
    symbols[0] = rng.integers(FIRST)
    return one_hot(symbols, SYMBOLS), symbols[:1].astype(np.int32)
