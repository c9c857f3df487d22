"""Tasks `copy`, `memorization` and `delayed_echo`: reproduce what was read, some steps later.

`copy`, with 3 of the 10 symbols, and a delay of 5 in place of 100 steps. A dot is a blank:

    input     3  1  7  .  .  .  .  ?  .  .  .
    target                            3  1  7

The symbols are drawn from 8, with repetition. `delay` steps after the last one comes the cue "?", and the
network answers during the steps behind it. This is the layout of Arjovsky et al. (2016): the cue is read
once. In that of Bai et al. (2018), it is read at every step of the answer as well; here the network must
keep in mind that it is answering, and how far it is.

`memorization` is the same with 5 of 2 symbols ("5 bits"), or 10 of 5 symbols ("20 bits", as 5¹⁰ ≈ 2²³), and
with a delay that is drawn for each sequence, uniform on `delay`/2 … `delay`: there are only 32 sequences of
5 bits, and none may be in two splits. Martens & Sutskever (2011) draw it from T … 1.1 T. They report that
structural damping is needed for delays over 50.

`delayed_echo` asks for each of its bits again, `delay` steps later; with a delay of 2:

    input     1  0  0  1  1  0
    target          1  0  0  1

It is the delay line by which Jaeger (2002) measures short-term memory, with bits in place of real numbers.
All bits have to be kept in their order, and new ones arrive all the time.

Inputs are one-hot vectors, as in the papers, and not `inputs="symbols"`: an embedding would put a second
matrix of initially small weights, symbols × units, before the input weights, and can compute nothing that
the input weights cannot. A step without an answer has no label: it is neither trained on nor scored. The
papers ask for a blank there and average over all steps, so that chance is 10 · ln 8 / (T + 20) in `copy`,
and smaller in a longer test. Here it is ln 8 = 2.08 nats per symbol, for every delay; to compare, multiply
a score by 10 / (`delay` + 20). Bai et al. report, for T = 1000, 0.0204 for an LSTM and 0.0197 for a GRU,
where chance is 0.0204.

    task                  score                     a constant answer scores
    copy                  nats per symbol           ln 8
    memorization          nats per symbol           ln 2 with 5 bits, ln 5 with 20
    delayed_echo          share of wrong bits       1/2

A sequence is solved if all its answers are right. The longer tests (`tasks.generated`) have a longer delay
in `copy` and `memorization`, and more bits, with the same delay, in `delayed_echo`.
"""

import math
from functools import partial
from typing import Annotated, Literal

import numpy as np

from suite import Refusal
from suite.options import Between
from suite.task import NO_LABEL, Task
from tasks.generated import Sequences, loader, one_hot

COPY_ALPHABET = 8
MEMORIZATION = {"5": (5, 2), "20": (10, 5)}  # how many symbols of how many, by the option `bits`


def copy_problem(
    *,
    delay: Annotated[int, Between(1, 10_000)] = 100,
    length: Annotated[int, Between(1, 1_000)] = 10,
    sequences: Sequences = 1000,
) -> Task:
    """Return the copy problem: `length` symbols, to be reproduced from `delay` + 1 steps after the last."""
    return Task(
        name="copy",
        title=f"Copy {length:,} symbols after {delay:,} steps",
        load=loader("copy", partial(draw_copy, count=length, alphabet=COPY_ALPHABET), sequences, delay),
        features=COPY_ALPHABET + 2,
        outputs=COPY_ALPHABET,
        loss="categorical",
        metric="nats",
        unit="nats per symbol",
        answers="every step",
        source="Arjovsky et al. (2016), Unitary Evolution Recurrent Neural Networks",
        trivial=math.log(COPY_ALPHABET),
        success_tolerance=0,
    )


def memorization_problem(
    *,
    bits: Literal["20", "5"] = "20",
    delay: Annotated[int, Between(2, 10_000)] = 100,
    sequences: Sequences = 1000,
) -> Task:
    """Return the noiseless memorization problem: 5 or 20 bits, for at most `delay` steps."""
    count, alphabet = MEMORIZATION[bits]
    draw = partial(draw_memorization, count=count, alphabet=alphabet)
    return Task(
        name="memorization",
        title=f"Memorize {bits} bits for up to {delay:,} steps",
        load=loader("memorization", draw, sequences, delay),
        features=alphabet + 2,
        outputs=alphabet,
        loss="categorical",
        metric="nats",
        unit="nats per symbol",
        answers="every step",
        source="Martens & Sutskever (2011), Learning Recurrent Neural Networks with Hessian-Free "
        "Optimization",
        trivial=math.log(alphabet),
        success_tolerance=0,
    )


def draw_copy(
    rng: np.random.Generator, delay: int, *, count: int, alphabet: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw `count` symbols to copy; return inputs (delay + 2 · count, alphabet + 2) and targets (…,).

    Of the features, the last but one is the blank, and the last the cue.
    """
    blank, cue = alphabet, alphabet + 1
    symbols = rng.integers(alphabet, size=count)
    inputs = np.full(delay + 2 * count, blank)
    inputs[:count], inputs[count + delay - 1] = symbols, cue
    targets = np.full(len(inputs), NO_LABEL, np.int32)
    targets[-count:] = symbols
    return one_hot(inputs, alphabet + 2), targets


def draw_memorization(
    rng: np.random.Generator, longest: int, *, count: int, alphabet: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a delay, at most `longest` and at least half of it, and then as `draw_copy` does."""
    return draw_copy(rng, int(rng.integers(longest // 2, longest + 1)), count=count, alphabet=alphabet)


def delayed_echo(
    *,
    delay: Annotated[int, Between(1, 9_999)] = 10,
    length: Annotated[int, Between(2, 10_000)] = 50,
    sequences: Sequences = 1000,
) -> Task:
    """Return the task of repeating `length` bits with a delay; refuse a delay as long as the sequence."""
    if delay >= length:
        raise Refusal(
            f"delayed_echo: expected a delay below the length, {length}, got {delay}; give a longer length"
        )
    return Task(
        name="delayed_echo",
        title=f"Echo bits after {delay:,} steps",
        load=loader("delayed_echo", partial(draw_echo, delay=delay), sequences, length),
        features=2,
        outputs=2,
        loss="categorical",
        metric="error",
        unit="error rate",
        answers="every step",
        source="Jaeger (2002), Short Term Memory in Echo State Networks, with bits",
        trivial=1 / 2,
        success_tolerance=0,
    )


def draw_echo(rng: np.random.Generator, length: int, *, delay: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw bits; return inputs (length, 2), one-hot, and targets (length,), without labels before `delay`."""
    bits = rng.integers(2, size=length)
    targets = np.full(length, NO_LABEL, np.int32)
    targets[delay:] = bits[:-delay]
    return one_hot(bits, 2), targets
