"""Tasks `adding`, `multiplication` and `xor`: combine two marked values among many.

A step is a value and a marker, which is 1 at one step of each half of a sequence and 0 elsewhere. The target
comes after the last step. A sequence of six steps of `adding`, and one of `xor`:

    value     0.20  0.71  0.03  0.55  0.90  0.14        value     1  0  1  1  1  0
    marker    0     1     0     0     1     0           marker    0  1  0  0  1  0
    target                                  1.61        target                   1

    task             values               target                  a constant answer scores
    adding           uniform on [0, 1)    their sum               2 · 1/12 = 1/6, the variance of the sum
    multiplication   uniform on [0, 1)    their product           1/9 − 1/16 = 7/144, that of the product
    xor              bits                 whether they differ     1/2

The score of `adding` and `multiplication` is the mean squared error, that of `xor` the share of wrong
answers. A sequence is solved if the answer is within 0.04 of the target, or is the right class; Martens &
Sutskever (2011) call a task solved when fewer than 1 % of the sequences are not. They train simple recurrent
networks by Hessian-free optimisation, at lengths up to 200. At length 600, Bai et al. (2018) report for
`adding` an error of 0.164 for an LSTM, 0.000053 for a GRU and 0.177 for a simple recurrent network.

One marker in each half is the rule of Arjovsky et al. (2016). In the code of Pascanu et al. (2013) both are
in the first half, in that of Bai et al. anywhere. Here all sequences have the same length, which Martens &
Sutskever draw from T … 1.1 T. Sequences are drawn from fixed seeds (`tasks.generated`).
"""

from typing import Annotated, TypeAlias

import numpy as np

from suite.options import Between
from suite.task import Task
from tasks.generated import Sequences, loader

SequenceLength: TypeAlias = Annotated[int, Between(2, 10_000)]


def adding_problem(*, length: SequenceLength = 50, sequences: Sequences = 1000) -> Task:
    """Return the adding problem with sequences of this many steps."""
    return Task(
        name="adding",
        title=f"Adding problem, {length:,} steps",
        load=loader("adding", draw_sum, sequences, length),
        features=2,
        outputs=1,
        loss="squared",
        metric="squared",
        unit="mean squared error",
        answers="last step",
        source="Hochreiter & Schmidhuber (1997), Long Short-Term Memory",
        trivial=1 / 6,
        success_tolerance=0.04,
    )


def draw_sum(rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the inputs (length, 2) of a sequence; return them and the sum of the marked values, (1, 1)."""
    inputs = mark_two(rng, rng.random(length, np.float32))
    return inputs, marked_values(inputs).sum().reshape(1, 1)


def multiplication_problem(*, length: SequenceLength = 50, sequences: Sequences = 1000) -> Task:
    """Return the multiplication problem with sequences of this many steps."""
    return Task(
        name="multiplication",
        title=f"Multiplication problem, {length:,} steps",
        load=loader("multiplication", draw_product, sequences, length),
        features=2,
        outputs=1,
        loss="squared",
        metric="squared",
        unit="mean squared error",
        answers="last step",
        source="Hochreiter & Schmidhuber (1997), Long Short-Term Memory",
        trivial=7 / 144,
        success_tolerance=0.04,
    )


def draw_product(rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the inputs (length, 2) of a sequence; return them and the product of the marked values, (1, 1)."""
    inputs = mark_two(rng, rng.random(length, np.float32))
    return inputs, marked_values(inputs).prod().reshape(1, 1)


def xor_problem(*, length: SequenceLength = 50, sequences: Sequences = 1000) -> Task:
    """Return the XOR problem with sequences of this many steps."""
    return Task(
        name="xor",
        title=f"XOR problem, {length:,} steps",
        load=loader("xor", draw_xor, sequences, length),
        features=2,
        outputs=2,
        loss="categorical",
        metric="error",
        unit="error rate",
        answers="last step",
        source="Martens & Sutskever (2011), Learning Recurrent Neural Networks with Hessian-Free "
        "Optimization",
        trivial=1 / 2,
        success_tolerance=0,
    )


def draw_xor(rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the inputs (length, 2) of a sequence; return them and whether the marked bits differ, (1,)."""
    inputs = mark_two(rng, rng.integers(2, size=length))
    first, second = marked_values(inputs)
    return inputs, np.array([first != second], np.int32)


def mark_two(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    """Return inputs (length, 2): the values, and markers that are 1 at one step of each half, else 0."""
    inputs = np.zeros((len(values), 2), np.float32)
    inputs[:, 0] = values
    half = len(values) // 2
    inputs[[rng.integers(half), rng.integers(half, len(values))], 1] = 1
    return inputs


def marked_values(inputs: np.ndarray) -> np.ndarray:
    """Return the two marked values of inputs (length, 2), in their order."""
    return inputs[inputs[:, 1] == 1, 0]
