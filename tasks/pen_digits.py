"""Task `pen_digits`: read strings of 4 to 8 handwritten digits from the movements of a pen.

The digits are those of Alpaydin & Alimoglu (1998), recorded on a tablet in the format UNIPEN: 44 people wrote
about 250 digits each. A string is made of digits of one writer, in random order, and each digit is in one
string. A step has the features of `tasks.pen_strokes`. Some of the 53 steps of the first string of the first
writer:

    step        0      1       2       …   16       17       18      …   52
    Δx, Δy      0, 0   8, 14   -5, 16  …   26, 28   48, 76   -1, 9   …   42, -4
    time        0      2       4       …   32       0        2       …   26
    pen-lift    0      0       0       …   1        0        0       …   1
    target      8 3 1 2                    four labels, not aligned with the steps

Time is counted in points, which the tablet recorded at equal intervals. The features are then standardised:
mean 0 and variance 1 in train.

How digits are joined: each one was written in a box of its own. It keeps its size and its height in that box,
and its left edge is put at the right edge of the digit before it, plus a gap, uniform in -30 … 30 of the
tablet's units; the median digit is 109 wide and 170 high. The pen lifts, moves from the last point of one
digit straight to the first point of the next, and the time begins again at 0: exactly what happens between
two strokes of one digit, as in most of 4, 5 and 7. So a pen-lift does not say that a digit is complete, and
nothing in the inputs is there only for the border between two digits. As in any writing, the pen moves
further to the right between digits than within them: of all pen-lifts, 77 % are borders, and the best
threshold on Δx sorts 90 % of them correctly, but a quarter of those within a digit wrongly.

Writers are disjoint between splits: test has the 14 writers of the file `pendigits-test`, valid six of the 30
of `pendigits-train`, those with numbers divisible by five. The score is the label error rate of the best path
of CTC (`suite.layers.ctc`), where the best constant answer, one symbol at all steps, has 0.92. No published
result is known: the digits are usually classified one by one. An LSTM has 0.045 on test, on JAX, with

    odyssey train pen_digits lstm --units 64 --batch 16 --optimiser adam --epochs 60
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from suite.seeds import derive_seed
from suite.task import Split, Task
from tasks import data, pen_strokes
from tasks.splits import standardise_inputs, tiny_splits

URL_TEMPLATE = "https://raw.githubusercontent.com/choucavalier/pendigits-hmm/master/data/{}"
SHA256 = {
    "pendigits-train": "a66225d68d7d68591e62944df1ad33b3f5aa608e2df2505844b41f5568a80da4",
    "pendigits-test": "ddb1c19e277a56c7ffe682cc024d6ab73696f9adcc1643ef9ed5aa753007e081",
}
WRITERS = {  # of each split: the file, and the numbers that people have in it
    "train": ("pendigits-train", [number for number in range(1, 31) if number % 5]),
    "valid": ("pendigits-train", [5, 10, 15, 20, 25, 30]),
    "test": ("pendigits-test", list(range(1, 15))),
}
SHORTEST, LONGEST = 4, 8  # digits of a string
LARGEST_GAP = 30  # between two digits, in units of the tablet

Digit = tuple[int, list[np.ndarray]]  # the label, and strokes, each (points, 3): x, y and time


def pen_digit_strings(*, size: data.Size = "full") -> Task:
    """Return the task of reading strings of digits."""
    return Task(
        name="pen_digits",
        title="Strings of handwritten digits",
        load=functools.partial(load, size=size),
        features=pen_strokes.PEN_FEATURES,
        outputs=11,
        loss="ctc",
        metric="label error",
        unit="label error rate",
        answers="unaligned",
        source="Alpaydin & Alimoglu (1998), Pen-Based Recognition of Handwritten Digits (UCI, CC BY 4.0)",
        direction="both",
    )


def load(folder: Path | None = None, *, size: data.Size) -> Mapping[str, Split]:
    """Return the three splits, with inputs (steps, 4) and targets (digits,); if tiny, of one writer each."""
    splits = {}
    for split, (file, writers) in WRITERS.items():
        if size == "tiny":
            writers = writers[:1]
        path = data.find_data_file(file, SHA256[file], URL_TEMPLATE.format(file), folder)
        digits = read_digits(path.read_text("ascii"), writers)
        strings = [
            string
            for writer in writers
            for string in draw_strings(
                digits[writer], np.random.default_rng(derive_seed("pen_digits", file, writer))
            )
        ]
        splits[split] = Split([inputs for inputs, _ in strings], [labels for _, labels in strings])
    return standardise_inputs(tiny_splits(splits, steps=None) if size == "tiny" else splits)


def read_digits(text: str, writers: Sequence[int]) -> Mapping[int, list[Digit]]:
    """Return the digits of some writers, by writer, from the text of a UNIPEN file.

    The comment of a segment has its label, the number of its writer, and its number among all segments.
    """
    digits: dict[int, list[Digit]] = {writer: [] for writer in writers}
    for segment in text.split(".SEGMENT")[1:]:
        label, writer, _ = map(int, segment.partition(".COMMENT")[2].partition("\n")[0].split())
        if writer in digits:
            strokes = re.findall(r"\.PEN_DOWN\n(.*?)\.PEN_UP", segment, re.DOTALL)
            digits[writer].append((label, [read_stroke(stroke) for stroke in strokes]))
    return digits


def read_stroke(text: str) -> np.ndarray:
    """Return the points of a stroke, (points, 3): x, y, and the number of the point, which is the time."""
    points = np.array(text.split(), float).reshape(-1, 2)
    return np.column_stack([points, np.arange(len(points))])


def draw_strings(
    digits: Sequence[Digit], rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the inputs and targets of strings that use every digit once, but for fewer than `SHORTEST`."""
    order = rng.permutation(len(digits))
    while len(order) >= SHORTEST:
        length = rng.integers(SHORTEST, LONGEST, endpoint=True)
        string = [digits[k] for k in order[:length]]
        labels = np.array([label for label, _ in string], np.int32)
        yield pen_strokes.pen_movements(join_digits([strokes for _, strokes in string], rng)), labels
        order = order[length:]


def join_digits(digits: Sequence[list[np.ndarray]], rng: np.random.Generator) -> list[np.ndarray]:
    """Return the strokes of digits, placed one after the other with random gaps."""
    joined: list[np.ndarray] = []
    right = 0.0
    for strokes in digits:
        x = np.concatenate(strokes)[:, 0]
        shift = right + rng.uniform(-LARGEST_GAP, LARGEST_GAP) - x.min()
        joined += [stroke + np.array([shift, 0, 0]) for stroke in strokes]
        right = x.max() + shift
    return joined
