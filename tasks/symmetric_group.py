"""Task `s5`: follow a product of permutations of five objects, the word problem of the symmetric group S₅.

A step is one of the 120 permutations, a class is the product of all those read so far. Written as the images
of 0 … 4, with the product of p and q as i ↦ p(q(i)):

    input     10234   12340   10234     exchange the first two; rotate; exchange the first two
    target    10234   02341   20341

Permutations are numbered in lexicographic order, so the identity 01234 is 0. Their draws are uniform, and so
is every product: a constant answer is wrong with probability 119/120. The score is the share of wrong answers
at all steps; a sequence is solved if every answer is right. With `letters=generators`, there are only
two symbols, 0 for the exchange and 1 for the rotation of the example. Their products are all 120 permutations
too, but a network has 240 transitions to learn, not 14,400.

Merrill et al. (2024) answer at every step as well, with random sequences of one length. Here lengths in train
are uniform on 1 … `length`, and the longer tests have 2, 4 and 8 times `length` (`tasks.generated`); valid
and test lack the shortest, of which train has every sequence. Merrill et al. prove that state-space models
with fixed or diagonal transitions, such as S4 and Mamba, cannot solve this task at every length, however many
layers they have, unless TC⁰ = NC¹; a recurrent network with one layer can.
"""

import itertools
from functools import partial
from typing import Annotated, Literal

import numpy as np

from suite.options import Between
from suite.task import Task
from tasks.generated import Sequences, loader

PERMUTATIONS: list[tuple[int, ...]] = list(itertools.permutations(range(5)))
NUMBER_OF = {permutation: number for number, permutation in enumerate(PERMUTATIONS)}
LETTERS: dict[str, list[tuple[int, ...]]] = {  # the permutations that a step may be
    "all": PERMUTATIONS,
    "generators": [(1, 0, 2, 3, 4), (1, 2, 3, 4, 0)],
}


def symmetric_group_products(
    *,
    length: Annotated[int, Between(1, 1_000)] = 40,
    letters: Literal["all", "generators"] = "all",
    sequences: Sequences = 10_000,
) -> Task:
    """Return the word problem of S₅ with sequences of up to this many steps."""
    return Task(
        name="s5",
        title=f"Products in S₅, up to {length:,} steps",
        load=loader("s5", partial(draw_product, letters=letters), sequences, length, shortest=1),
        features=len(LETTERS[letters]),
        outputs=len(PERMUTATIONS),
        loss="categorical",
        metric="error",
        unit="error rate",
        answers="every step",
        inputs="symbols",
        source="Merrill et al. (2024), The Illusion of State in State-Space Models",
        trivial=1 - 1 / len(PERMUTATIONS) if letters == "all" else None,
        success_tolerance=0,
    )


def draw_product(rng: np.random.Generator, length: int, *, letters: str) -> tuple[np.ndarray, np.ndarray]:
    """Draw a word of `LETTERS`, and return the product of its first t letters for every step t."""
    word = rng.integers(len(LETTERS[letters]), size=length, dtype=np.uint8)
    product, targets = PERMUTATIONS[0], np.empty(length, np.int32)
    for step, letter in enumerate(word):
        product = tuple(product[image] for image in LETTERS[letters][letter])
        targets[step] = NUMBER_OF[product]
    return word, targets
