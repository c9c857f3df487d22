"""Task `iam_ondb`: read handwritten lines of English from the movements of a pen.

IAM-OnDB (Liwicki & Bunke, 2005) is free for research after registration, and must not be passed on. Unpack it
as the folder `IAM-OnDB` in the data folder; names may be in upper or lower case:

    IAM-OnDB/lineStrokes/a01/a01-000/a01-000u-01.xml    the strokes of line 1 of form a01-000u, with the time
    IAM-OnDB/ascii/a01/a01-000/a01-000u.txt             its lines as text, after the line `CSR:`
    IAM-OnDB/trainset.txt                               forms to train on, one in a line
    IAM-OnDB/testset_v.txt, testset_t.txt               forms to validate on
    IAM-OnDB/testset_f.txt                              forms to test on

A line with the text `A MOVE to stop` and strokes of 400 points has about 200 steps, with the four features of
`tasks.pen_strokes` and the time in seconds, and 14 targets, the places of its characters in `CHARACTERS`: 29,
0, 41, 43, … As in the paper, there is no other preprocessing, form a08-551z is left out, and there are 5,355
lines to train on, 2,956 to validate on and 3,859 to test on. The paper counts 81 characters and does not list
them; here they are letters, digits, the space and 18 marks. Any other character is refused.

The score is the character error rate of the best path of CTC (`suite.layers.ctc`), in both directions. The
best network of Greff et al. (2017) has 9.26 % on test; outputs that are blank at every
step score 1.
"""

import functools
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from suite import Refusal
from suite.task import Split, Task
from tasks import data, pen_strokes
from tasks.splits import tiny_splits

MARKS = "!\"#&'()*+,-./:;?[]"
CHARACTERS = " " + MARKS + string.digits + string.ascii_uppercase + string.ascii_lowercase
FORM_LISTS = {
    "train": ["trainset.txt"],
    "valid": ["testset_v.txt", "testset_t.txt"],
    "test": ["testset_f.txt"],
}
EXPECTED_LINES = {"train": 5355, "valid": 2956, "test": 3859}
LEFT_OUT = {"a08-551z"}
TINY_FORMS = 2  # of each list
SOURCE = "the database (https://fki.tic.heia-fr.ch/databases/iam-on-line-handwriting-database)"

Files = Mapping[str, Path]  # the files of the folder, by their path in it in lower case


def iam_ondb_lines(*, size: data.Size = "full") -> Task:
    """Return the task of reading lines of IAM-OnDB."""
    return Task(
        name="iam_ondb",
        title="IAM-OnDB, handwritten lines",
        load=functools.partial(load, size=size),
        features=pen_strokes.PEN_FEATURES,
        outputs=len(CHARACTERS) + 1,
        loss="ctc",
        metric="label error",
        unit="character error rate",
        answers="unaligned",
        source="Liwicki & Bunke (2005), IAM-OnDB: an On-Line English Sentence Database",
        direction="both",
    )


def load(folder: Path | None = None, *, size: data.Size) -> Mapping[str, Split]:
    """Return the three splits, with inputs (steps, 4) and targets (characters,); if tiny, of few forms."""
    root = data.find_data_folder("IAM-OnDB", SOURCE, folder)
    files = {path.relative_to(root).as_posix().lower(): path for path in root.rglob("*.*")}
    paths = find_files(root, files, [name for names in FORM_LISTS.values() for name in names])
    splits = {}
    for split, names in FORM_LISTS.items():
        forms = [form for name in names for form in read_forms(paths[name], size)]
        find_files(root, files, [f"ascii/{form_path(form)}.txt" for form in forms])
        lines = [line for form in forms for line in read_lines(root, files, form)]
        splits[split] = Split([inputs for inputs, _ in lines], [labels for _, labels in lines])
    if size == "tiny":
        return tiny_splits(splits, steps=None)
    counts = {split: len(lines) for split, lines in splits.items()}
    if counts != EXPECTED_LINES:
        expected, found = (
            ", ".join(f"{n} {split}" for split, n in c.items()) for c in (EXPECTED_LINES, counts)
        )
        raise Refusal(f"{root}: expected {expected} lines, found {found}; copy all of {SOURCE}")
    return splits


def find_files(root: Path, files: Files, names: Sequence[str]) -> dict[str, Path]:
    """Return the paths of files by name, in any case; refuse a folder that lacks some of them."""
    missing = [name for name in names if name.lower() not in files]
    if missing:
        raise Refusal(
            f"{root}: expected {len(names)} files such as {missing[0]}, which is missing, found "
            f"{len(names) - len(missing)}; copy all of {SOURCE}"
        )
    return {name: files[name.lower()] for name in names}


def read_forms(path: Path, size: data.Size) -> list[str]:
    """Return the names of the forms in a list of forms, such as "a01-000u"."""
    forms = [form for form in path.read_text("latin-1").lower().split() if form not in LEFT_OUT]
    if faulty := [form for form in forms if not re.fullmatch(r"\w\d\d-\d\d\d\w?", form)]:
        raise Refusal(f"{path}: expected names of forms, such as a01-000u, got {faulty[0]!r}")
    if not forms:
        raise Refusal(f"{path}: expected names of forms, such as a01-000u, got none")
    return forms[:TINY_FORMS] if size == "tiny" else forms


def form_path(form: str) -> str:
    """Return the path of a form below `ascii` and `lineStrokes`, such as a01/a01-000/a01-000u."""
    return f"{form[:3]}/{form[:7]}/{form}"


def read_lines(root: Path, files: Files, form: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the inputs and targets of the lines of a form; refuse a text that does not match its strokes."""
    path = files[f"ascii/{form_path(form)}.txt"]
    texts = read_transcript(path)
    prefix = f"linestrokes/{form_path(form)}-"
    names = [f"{prefix}{number:02}.xml" for number in range(100)]
    stroke_files = [name for name in names if name in files]
    expected = names[1 : len(texts) + 1]
    if stroke_files != expected:
        odd = min(set(stroke_files) ^ set(expected)).removeprefix("linestrokes/")
        raise Refusal(
            f"{path}: expected a line of text for each file of strokes, got {len(texts)} lines of text and "
            f"{len(stroke_files)} files in {root}/lineStrokes; {odd} is the first that does not match"
        )
    for text, file in zip(texts, stroke_files, strict=True):
        yield pen_strokes.pen_movements(read_strokes(files[file])), text


def read_transcript(path: Path) -> list[np.ndarray]:
    """Return the lines of a transcript as numbers of characters, from the section `CSR:` to the end."""
    _, heading, section = path.read_text("latin-1").partition("CSR:")
    if not heading:
        raise Refusal(f"{path}: expected the lines of the form after a line CSR:, found no such line")
    lines = [line.strip() for line in section.splitlines() if line.strip()]
    for number, line in enumerate(lines, 1):
        if unknown := [character for character in line if character not in CHARACTERS]:
            raise Refusal(
                f"{path}: expected letters, digits, spaces and {MARKS} in the lines after CSR:, got "
                f"{unknown[0]!r} in line {number}"
            )
    return [np.array([CHARACTERS.index(character) for character in line], np.int32) for line in lines]


def read_strokes(path: Path) -> list[np.ndarray]:
    """Return the strokes of a line, each (points, 3): x, y and the time in seconds."""
    try:
        strokes = ElementTree.parse(path).findall(".//Stroke")
        points = [
            [[float(point.attrib[name]) for name in ("x", "y", "time")] for point in stroke.iterfind("Point")]
            for stroke in strokes
        ]
    except ElementTree.ParseError as error:
        raise Refusal(f"{path}: expected XML, got what cannot be parsed ({error}); copy it again") from error
    except (KeyError, ValueError) as error:
        raise Refusal(f"{path}: expected numbers x, y and time of every Point, got {error!r}") from error
    if not points or [] in points:
        number = f"stroke {points.index([]) + 1} without any" if points else "no Stroke"
        raise Refusal(f"{path}: expected strokes with at least one Point, got {number}")
    return [np.array(stroke) for stroke in points]
