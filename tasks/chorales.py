"""Task `chorales`: the four-part Bach chorales that come with music21, one frame per quarter note.

The next frame is predicted from those before it (`tasks.piano_roll`). This is not the JSB data set: the
pieces and the split are others, and nothing is transposed to C (the files give no reliable mode), so the
scores of the two cannot be compared. A frame holds the notes that sound on its quarter note; it is empty
where all voices rest.

The split is by BWV number modulo 5: remainders 0, 1 and 2 are train, 3 is valid, 4 is test. Bach harmonised
many tunes more than once; two settings of a tune may be in different splits, but nearly equal settings may
not. The similarity of two pieces is measured in two ways, both independent of key: the share of
*progressions* (two successive chords, in semitones from the bass of the first) that they have in common, and
the share of *notes* that coincide at the best alignment in time and pitch; both as a share of the
piece that has fewer of them. Then

- of 8 pairs of near-duplicates (progressions ≥ 0.93, notes ≥ 0.98; all other pairs are below 0.87 and
  0.91) one piece is left out;
- 5 BWV numbers are put into the split of a related piece, so that no two pieces in different splits share
  more than half of their progressions or more than four fifths of their notes.
"""

import contextlib
import functools
import gc
import importlib.util
import re
import zipfile
from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import ceil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from suite import Refusal
from suite.task import SPLITS, Split, Task
from tasks import data, piano_roll
from tasks.splits import tiny_splits

NEAR_DUPLICATES = {  # BWV number of the piece that is left out: BWV number of its near-duplicate, which stays
    "18.5-w": "18.5-lz",
    "20.7": "20.11",
    "62.6": "274",
    "227.11": "227.1",
    "244.17": "244.15",
    "279": "158.4",
    "398": "197.7-a",
    "414": "253",
}
RELATED_BWV = {
    84: 166,
    146: 154,
    258: 256,
    271: 244,
    324: 10,
}  # piece: the related piece whose split it joins
SPLIT_BY_REMAINDER = ("train", "train", "train", "valid", "test")
EXPECTED_PIECES, EXPECTED_STEPS = 356, 19_409
TINY_FILES = 20  # that are read for tests
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def load(folder: Path | None = None, *, size: data.Size = "full") -> Mapping[str, Split]:
    """Return the three splits, read from the installed music21; `folder` is ignored."""
    rolls = chorale_rolls(TINY_FILES if size == "tiny" else None)
    pieces, steps = len(rolls), sum(map(len, rolls.values()))
    if size == "full" and (pieces, steps) != (EXPECTED_PIECES, EXPECTED_STEPS):
        raise Refusal(
            f"chorales: expected {EXPECTED_PIECES} pieces of {EXPECTED_STEPS} steps in all in the installed "
            f"music21, found {pieces} of {steps}; install a version that has them "
            "(pip install music21==10.5.1)"
        )
    split_by_file = {name: split_of_bwv(int(re.sub(r"\D.*", "", name))) for name in rolls}
    splits = {
        split: piano_roll.next_frame_split(rolls[name] for name in rolls if split_by_file[name] == split)
        for split in SPLITS
    }
    return tiny_splits(splits) if size == "tiny" else splits


def split_of_bwv(number: int) -> str:
    """Return the split of the piece with a BWV number."""
    return SPLIT_BY_REMAINDER[RELATED_BWV.get(number, number) % 5]


@contextlib.contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Pause the cyclic garbage collector, which otherwise scans all of Keras at every other score."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@garbage_collection_paused()
def chorale_rolls(files: int | None = None) -> dict[str, np.ndarray]:
    """Return the rolls of all four-part chorales except near-duplicates, by BWV number such as "244.29-a".

    With `files`, only the first of the files are read.
    """
    package = importlib.util.find_spec(
        "music21"
    )  # find the package without importing it, which takes seconds
    if package is None or package.origin is None:
        raise Refusal(
            "chorales: music21, which holds the scores, is not installed; pip install music21==10.5.1"
        )
    rolls = {}
    for path in sorted(Path(package.origin).parent.glob("corpus/bach/bwv*.mxl"))[:files]:
        name = path.stem.removeprefix("bwv")
        parts = read_musicxml(path).findall("part")
        if len(parts) == 4 and name not in NEAR_DUPLICATES:
            rolls[name] = roll_from_parts(parts)
    return rolls


def read_musicxml(path: Path) -> ElementTree.Element:
    """Return the root element of the score in a compressed MusicXML file, which its container file names."""
    with zipfile.ZipFile(path) as archive:
        container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
        rootfile = next(container.iterfind(".//{*}rootfile"))
        return ElementTree.fromstring(archive.read(rootfile.attrib["full-path"]))


def roll_from_parts(parts: list[ElementTree.Element]) -> np.ndarray:
    """Return the roll of a piece from its parts: the notes that sound on each quarter note, (steps, 88)."""
    frames = list(zip(*map(notes_per_quarter, parts), strict=True))
    roll = np.zeros((len(frames), piano_roll.PIANO_KEYS), np.uint8)
    for frame, notes in zip(roll, frames, strict=True):
        frame[[note - piano_roll.LOWEST_MIDI_NOTE for note in notes if note is not None]] = 1
    return roll


def notes_per_quarter(part: ElementTree.Element) -> Iterator[int | None]:
    """Yield the MIDI note of a part on each quarter note, None for a rest.

    In these scores a part is one voice: it has no chords and never goes back in time. Durations are counted
    in divisions of a quarter note. With two divisions, C4 for 3, D4 for 1 and a rest for 2 yield 60, 60,
    None: D4 begins between two quarter notes and ends on the next one, so it is never sampled.
    """
    now, divisions = Fraction(0), 1
    for element in part.iterfind("measure/*"):
        divisions = int(element.findtext("divisions", divisions))
        if element.tag in ("note", "forward"):
            end = now + Fraction(
                int(element.findtext("duration", 0)), divisions
            )  # a grace note has no duration
            yield from [midi_note(element.find("pitch"))] * (ceil(end) - ceil(now))
            now = end


def midi_note(pitch: ElementTree.Element | None) -> int | None:
    """Return the MIDI note of a MusicXML pitch, 60 for middle C (C4); None for a rest, which has no pitch."""
    if pitch is None:
        return None
    octave, alter = int(pitch.findtext("octave", "")), int(pitch.findtext("alter", "0"))
    return 12 * (octave + 1) + SEMITONES[pitch.findtext("step", "")] + alter


def music21_chorales(*, size: data.Size = "full") -> Task:
    """Return the task of predicting the next frame of the chorales."""
    return piano_roll.next_frame_task(
        "chorales",
        "Bach chorales of music21, next frame",
        functools.partial(load, size=size),
        "the music21 corpus, bach/*.mxl (Cuthbert et al.)",
    )
