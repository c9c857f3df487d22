"""Task `s5`: follow a product of permutations of five objects, the word problem of the symmetric group S₅.

A step is one of the 120 permutations, a class is the product of all those read so far. Written as the images
of 0 … 4, with the product of p and q as i ↦ p(q(i)):

    input     10234   12340   10234     exchange the first two; rotate; exchange the first two
    target    10234   02341   20341

Permutations are numbered in lexicographic order, so the identity 01234 is 0. Their draws are uniform, and so
is every product: a constant answer is wrong with probability 119/120. The score is the share of wrong answers
at all steps; a sequence is solved if every answer is right.

Merrill et al. (2024) answer at every step as well, with random sequences of one length. Here lengths are
uniform on 1 … `length`, and the longer tests have 2, 4 and 8 times `length` (`tasks.generated`). They show
that no linear recurrence with diagonal or input-independent transitions can solve this task for all lengths
unless TC⁰ = NC¹, however many layers it has; the product of two permutations depends on their order, and a
network needs to tell 120 states apart. A recurrent network with one layer can.
"""

import itertools
from typing import Annotated

import numpy as np

from suite.options import Between
from suite.task import Task
from tasks.generated import Sequences, loader

PERMUTATIONS = list(itertools.permutations(range(5)))
NUMBER_OF = {permutation: number for number, permutation in enumerate(PERMUTATIONS)}


def symmetric_group_products(
    *, length: Annotated[int, Between(1, 1_000)] = 40, sequences: Sequences = 10_000
) -> Task:
    """Return the word problem of S₅ with sequences of up to this many steps."""
    return Task(
        name="s5",
        title=f"Products in S₅, up to {length:,} steps",
        load=loader("s5", draw_product, sequences, length, shortest=1),
        features=len(PERMUTATIONS),
        outputs=len(PERMUTATIONS),
        loss="categorical",
        metric="error",
        unit="error rate",
        answers="every step",
        inputs="symbols",
        source="Merrill et al. (2024), The Illusion of State in State-Space Models",
        trivial=1 - 1 / len(PERMUTATIONS),
        success_tolerance=0,
    )


def draw_product(rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw permutations, and return the product of the first t of them for every step t."""
    word = rng.integers(len(PERMUTATIONS), size=length, dtype=np.uint8)
    product, targets = PERMUTATIONS[0], np.empty(length, np.int32)
    for step, number in enumerate(word):
        product = tuple(product[image] for image in PERMUTATIONS[number])
        targets[step] = NUMBER_OF[product]
    return word, targets
