"""Task `temporal_order`: say in which order two or three relevant symbols came, among distractors.

The relevant symbols are X and Y, the distractors a, b, c and d. A sequence of ten steps; the class is the
number whose binary digits are the relevant symbols, with X = 0 and Y = 1, the first one first:

    input     b  Y  a  d  d  X  c  a  b  c
    target                               2

The first relevant symbol is at a step of 0.1 L … 0.2 L, where L is the length, and the second of 0.5 L … 0.6
L. If there are three, they are at steps of 0.1 L … 0.2 L, 0.3 L … 0.4 L and 0.6 L … 0.7 L. Positions and
symbols are those in the code of Pascanu et al. (2013), as are one-hot vectors as inputs (see
`tasks.copying`).

The score is the share of wrong classes: 3/4 for a constant answer, and 7/8 with three symbols. Pascanu et
al. report that simple recurrent networks with clipped gradients and their regulariser solve lengths up to
200. Sequences are drawn from fixed seeds (`tasks.generated`).
"""

from functools import partial
from typing import Annotated

import numpy as np

from suite.options import Between
from suite.task import Task
from tasks.generated import Sequences, loader, one_hot

RELEVANT, DISTRACTORS = 2, 4  # how many symbols: 0 and 1 are relevant, 2 … 5 are not
FIRST_TENTHS = {2: (1, 5), 3: (1, 3, 6)}  # of a sequence: each relevant symbol is in one of these


def temporal_order(
    *,
    length: Annotated[int, Between(10, 10_000)] = 50,
    sequences: Sequences = 1000,
    symbols: Annotated[int, Between(2, 3)] = 2,
) -> Task:
    """Return the temporal order problem with this many steps and relevant symbols."""
    classes = RELEVANT**symbols
    return Task(
        name="temporal_order",
        title=f"Temporal order of {symbols} symbols, {length:,} steps",
        load=loader("temporal_order", partial(draw_order, count=symbols), sequences, length),
        features=RELEVANT + DISTRACTORS,
        outputs=classes,
        loss="categorical",
        metric="error",
        unit="error rate",
        answers="last step",
        source="Hochreiter & Schmidhuber (1997), Long Short-Term Memory",
        trivial=1 - 1 / classes,
        success_tolerance=0,
    )


def draw_order(rng: np.random.Generator, length: int, *, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw `count` relevant symbols among distractors; return inputs (length, 6) and the class (1,)."""
    symbols = RELEVANT + rng.integers(DISTRACTORS, size=length)
    label = 0
    for tenth in FIRST_TENTHS[count]:
        position = rng.integers(tenth * length // 10, (tenth + 1) * length // 10)
        symbols[position] = rng.integers(RELEVANT)
        label = RELEVANT * label + symbols[position]
    return one_hot(symbols, RELEVANT + DISTRACTORS), np.array([label], np.int32)
