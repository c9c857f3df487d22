"""The two tasks on synthetic text of Jozefowicz et al. (2015): `arithmetic` and `xml`, next character.

**arithmetic**: a sum or difference of two numbers, "=", its result, and a full stop. Each character before
"=" is followed by 0 to 2 random letters, which mean nothing. The network reads the right characters of the
result while it predicts them. 31 − 7 = 24, with "_" for `NO_LABEL`:

    input     3  q  1  -  w  f  7  =  2  4
    target    _  _  _  _  _  _  _  2  4  .

Only what comes after "=" has labels: the rest is random. The numbers have 1 to `digits` digits, each length
equally often; in the longer tests (`tasks.generated`) up to 2, 4 and 8 times as many.

**xml**: the first `length` characters of a text of nested tags. Each tag is equally likely to open an
element, with a random name of 2 to 10 letters, or to close the last one that is open; where none is, it opens
one. Every character is predicted, as in the paper, although names are random:

    input     <  a  b  >  <  q  r  s  >  <  /  q  r
    target    a  b  >  <  q  r  s  >  <  /  q  r  s

The score of both is the share of wrong characters. A network that knows the rules of `xml` and remembers all
open tags scores 0.41 with the default options: it predicts ">" after two letters of a name that opens,
and "/" after "<" inside of an element, which is right half of the time.

The paper's table 1 has the share of right characters, as quoted in a secondary source: 0.295 and 0.321 for
tanh, 0.892 and 0.425 for LSTM, 0.902 and 0.444 for LSTM with a forget bias of 1, 0.896 and 0.460 for GRU
(arithmetic and xml). The numbers of sequences and of distractors are choices of this suite, as is the length
of `xml`.
"""

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np

from suite.options import Between
from suite.task import NO_LABEL, Split, Task
from tasks.generated import Sequences, loader

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ARITHMETIC_ALPHABET = LETTERS + "0123456789+-=."
XML_ALPHABET = LETTERS + "</>"
MAX_DISTRACTORS = 2
NAME_LENGTHS = 2, 10  # of a tag, both included


def arithmetic(*, digits: Annotated[int, Between(1, 50)] = 8, sequences: Sequences = 10_000) -> Task:
    """Return the task of sums and differences of numbers of up to `digits` digits."""
    title = f"Arithmetic with distractors, up to {digits} digits"
    load = loader("arithmetic", draw_arithmetic, sequences, digits)
    return next_character_task("arithmetic", title, load, ARITHMETIC_ALPHABET)


def xml(*, length: Annotated[int, Between(10, 10_000)] = 200, sequences: Sequences = 1_000) -> Task:
    """Return the task of nested tags, with texts of `length` characters."""
    title = f"Nested XML tags, {length:,} characters"
    load = loader("xml", draw_xml, sequences, length)
    return next_character_task("xml", title, load, XML_ALPHABET)


def next_character_task(
    name: str, title: str, load: Callable[[Path | None], Mapping[str, Split]], alphabet: str
) -> Task:
    """Return the task of predicting the next character of an alphabet."""
    return Task(
        name=name,
        title=title,
        load=load,
        features=len(alphabet),
        outputs=len(alphabet),
        loss="categorical",
        metric="error",
        unit="error rate",
        answers="every step",
        source="Jozefowicz et al. (2015), An Empirical Exploration of Recurrent Network Architectures",
        inputs="symbols",
    )


def draw_arithmetic(rng: np.random.Generator, digits: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a calculation with numbers of up to `digits` digits: inputs and targets, both (steps,)."""
    first, second = draw_number(rng, digits), draw_number(rng, digits)
    operator, sign = (("+", 1), ("-", -1))[rng.integers(2)]
    expression = f"{first}{operator}{second}"
    counts = rng.integers(MAX_DISTRACTORS + 1, size=len(expression))
    letters = iter(draw_letters(rng, counts.sum()))
    pairs = zip(expression, counts, strict=True)
    question = "".join(character + "".join(islice(letters, int(count))) for character, count in pairs) + "="
    inputs, targets = next_characters(f"{question}{first + sign * second}.", ARITHMETIC_ALPHABET)
    targets[: len(question) - 1] = NO_LABEL
    return inputs, targets


def draw_number(rng: np.random.Generator, digits: int) -> int:
    """Draw a number of 1 to `digits` digits, each equally likely."""
    count = rng.integers(1, digits + 1)
    first = rng.integers(0 if count == 1 else 1, 10)
    return int("".join(map(str, (first, *rng.integers(10, size=count - 1)))))


def draw_xml(rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a text of nested tags: inputs and targets, both (length,)."""
    text = ""
    open_names: list[str] = []
    while len(text) <= length:
        if open_names and rng.integers(2):
            text += f"</{open_names.pop()}>"
        else:
            shortest, longest = NAME_LENGTHS
            open_names.append(draw_letters(rng, int(rng.integers(shortest, longest + 1))))
            text += f"<{open_names[-1]}>"
    return next_characters(text[: length + 1], XML_ALPHABET)


def draw_letters(rng: np.random.Generator, count: int) -> str:
    """Draw `count` letters."""
    return "".join(map(LETTERS.__getitem__, rng.integers(len(LETTERS), size=count)))


def next_characters(text: str, alphabet: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the characters of a text but the last, and those but the first, as places in an alphabet."""
    places = np.zeros(128, np.int8)
    places[list(alphabet.encode("ascii"))] = np.arange(len(alphabet))
    symbols = places[np.frombuffer(text.encode("ascii"), np.uint8)]
    return symbols[:-1].astype(np.uint8), symbols[1:]
