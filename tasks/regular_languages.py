"""Four regular languages of Delétang et al. (2023): one answer after the last symbol, from a few states.

Networks are trained on short sequences and tested on longer ones: lengths are uniform on 1 … `length` in
train, and exactly 2, 4 and 8 times `length` in the longer tests (`tasks.generated`). The short sequences, in
which the rule is easy to find, are as frequent as the long ones. Valid and test have the same lengths but for
the shortest, of which train has every sequence: with the defaults, at least 7 bits.

    task                 symbols of a step                answer             an example
    parity               0, 1                             the sum mod 2      1 0 1 0 1 0 0    1
    even_pairs           0, 1                             changes mod 2      0 1 0 1 0 0 1    1
    modular_arithmetic   numbers below 5, then + − ×      the value mod 5    1 + 2 × 3        2
    cycle_navigation     0, 1, 2: left, stay, right       the position       2 0 1 0 0        3

`even_pairs` is 0 if the pairs 01 and 10 together occur an even number of times, that is, if the last symbol
equals the first. In `modular_arithmetic`, the symbol of an operator is `modulus` + 0, 1 or 2, multiplication
comes before addition, and a sequence of even length is one symbol shorter. In `cycle_navigation`, a walk on a
cycle of five positions starts at position 0.

The score is the share of wrong answers: 1/2 for a constant answer to `parity` and `even_pairs`, about 4/5 for
the other two, whose answers are not quite uniform for short sequences. Delétang et al. draw new sequences for
every update, and average the accuracy over lengths 41 … 500; here the `sequences` to train on are drawn once.
They read symbols as one-hot vectors; here a vector with an entry for each unit is learned for each symbol,
which is a one-hot vector times another matrix of weights, and input noise is added to that vector.

They find that LSTMs can solve regular tasks (abstract). Each symbol counts, however long ago it was read. A
linear recurrence whose coefficients are all positive or all independent of the input cannot solve `parity` at
every length (Sarrof et al., 2024; Khavari et al., 2025).
"""

from functools import partial
from typing import Annotated, TypeAlias

import numpy as np

from suite.options import Between
from suite.task import Task
from tasks.generated import DrawSequence, Sequences, loader

Length: TypeAlias = Annotated[int, Between(2, 1_000)]

CYCLE_POSITIONS = 5
OPERATORS = "+-*"  # in the order of their symbols


def parity(*, length: Length = 40, sequences: Sequences = 10_000) -> Task:
    """Return the task of deciding whether a sequence of bits has an odd number of ones."""
    return final_answer_task("parity", "Parity", draw_bits, 2, 2, length, sequences, trivial=1 / 2)


def draw_bits(rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw bits, and their sum modulo 2."""
    bits = rng.integers(2, size=length, dtype=np.uint8)
    return bits, np.array([bits.sum() % 2], np.int32)


def even_pairs(*, length: Length = 40, sequences: Sequences = 10_000) -> Task:
    """Return the task of deciding whether a sequence of bits changes an odd number of times."""
    return final_answer_task(
        "even_pairs", "Even pairs", draw_changing_bits, 2, 2, length, sequences, shortest=2, trivial=1 / 2
    )


def draw_changing_bits(rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw bits, and the number of steps at which they change, modulo 2."""
    bits = rng.integers(2, size=length, dtype=np.uint8)
    changes = bits[1:] != bits[:-1]
    return bits, np.array([changes.sum() % 2], np.int32)


def modular_arithmetic(
    *, length: Length = 40, modulus: Annotated[int, Between(2, 100)] = 5, sequences: Sequences = 10_000
) -> Task:
    """Return the task of computing the value of an expression without brackets, modulo a number."""
    return final_answer_task(
        "modular_arithmetic",
        f"Arithmetic modulo {modulus}",
        partial(draw_expression, modulus=modulus),
        modulus + len(OPERATORS),
        modulus,
        length,
        sequences,
    )


def draw_expression(rng: np.random.Generator, length: int, *, modulus: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw numbers with an operator between each two, and the value of that expression."""
    numbers = rng.integers(modulus, size=(length + 1) // 2)
    operators = rng.integers(len(OPERATORS), size=len(numbers) - 1)
    expression = np.empty(len(numbers) + len(operators), np.uint8)
    expression[::2], expression[1::2] = numbers, modulus + operators
    total, term = 0, int(numbers[0])  # of the terms that are complete, and the one that is not
    for operator, number in zip(operators, numbers[1:], strict=True):
        if OPERATORS[operator] == "*":
            term = term * int(number) % modulus
        else:
            total += term
            term = int(number) if OPERATORS[operator] == "+" else -int(number)
    return expression, np.array([(total + term) % modulus], np.int32)


def cycle_navigation(*, length: Length = 40, sequences: Sequences = 10_000) -> Task:
    """Return the task of finding the position after a walk on a cycle."""
    return final_answer_task(
        "cycle_navigation", "Cycle navigation", draw_walk, 3, CYCLE_POSITIONS, length, sequences
    )


def draw_walk(rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw moves on a cycle, 0, 1, 2 for left, stay, right, and the last position."""
    moves = rng.integers(3, size=length, dtype=np.uint8)
    return moves, np.array([(moves.sum(dtype=int) - length) % CYCLE_POSITIONS], np.int32)


def final_answer_task(
    name: str,
    title: str,
    draw: DrawSequence,
    symbols: int,
    classes: int,
    length: int,
    sequences: int,
    shortest: int = 1,
    trivial: float | None = None,
) -> Task:
    """Return a task of reading symbols and answering with one of `classes` after the last of them."""
    return Task(
        name=name,
        title=f"{title}, up to {length:,} steps",
        load=loader(name, draw, sequences, length, shortest),
        features=symbols,
        outputs=classes,
        loss="categorical",
        metric="error",
        unit="error rate",
        answers="last step",
        inputs="symbols",
        source="Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy",
        trivial=trivial,
        success_tolerance=0,
    )
