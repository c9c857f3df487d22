"""The four-part Bach chorales that come with music21, a frame per quarter note (`tasks.piano_roll`).

Not the JSB set: other pieces, another split, as written and not transposed to C (the files give no reliable
mode), so the scores of the two do not compare. Each frame holds the notes that sound on its quarter note;
where all voices rest it is silent.

The split goes by BWV number, its remainder modulo 5: 0, 1, 2 train, 3 valid, 4 test. Bach set many a tune
more than once, and two settings may be in two splits; but nearly the same setting may not. How alike two
pieces are is measured in two ways, whatever their keys: the share of *progressions* (two successive chords,
as semitones from the bass of the first) that both have, and the share of *notes* that coincide at the best
alignment in time and pitch; both of the piece that has fewer. Then

- of 8 near-duplicate pairs (progressions ≥ 0.93, notes ≥ 0.98; every other pair below 0.87 and 0.91) one
  piece is left out;
- 5 numbers go with a kindred one, so that no two pieces in different splits share more than half of their
  progressions or more than four fifths of their notes.
"""

import contextlib
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
from suite.task import SPLITS, Split
from tasks import piano_roll

NEAR_DUPLICATES = {  # left out: kept
    "18.5-w": "18.5-lz",
    "20.7": "20.11",
    "62.6": "274",
    "227.11": "227.1",
    "244.17": "244.15",
    "279": "158.4",
    "398": "197.7-a",
    "414": "253",
}
RELATED_BWV = {84: 166, 146: 154, 258: 256, 271: 244, 324: 10}  # goes with
SPLIT_BY_REMAINDER = ("train", "train", "train", "valid", "test")
EXPECTED_PIECES, EXPECTED_STEPS = 356, 19_409
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def load(folder: Path | None = None) -> Mapping[str, Split]:
    """Return the three splits; the files are always those of the installed music21."""
    rolls = chorale_rolls()
    if (len(rolls), steps := sum(map(len, rolls.values()))) != (EXPECTED_PIECES, EXPECTED_STEPS):
        raise Refusal(
            f"chorales: expected {EXPECTED_PIECES} pieces of {EXPECTED_STEPS} steps in all in the "
            "installed music21, found "
            f"{len(rolls)} of {steps}; install a version that has them (pip install music21==10.5.1)"
        )
    homes = {name: split_of_bwv(int(re.match(r"\d+", name)[0])) for name in rolls}
    return {
        split: piano_roll.next_frame_split(rolls[name] for name in rolls if homes[name] == split)
        for split in SPLITS
    }


def split_of_bwv(number: int) -> str:
    """Return the split of a BWV number."""
    return SPLIT_BY_REMAINDER[RELATED_BWV.get(number, number) % 5]


@contextlib.contextmanager
def garbage_collection_paused():
    """Pause the cyclic garbage collector, which else walks through all of Keras at every other score."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@garbage_collection_paused()
def chorale_rolls() -> dict[str, np.ndarray]:
    """Return the rolls of the four-part chorales but the near-duplicates, by name, such as "244.29-a"."""
    package = importlib.util.find_spec("music21")  # found, not imported: that takes seconds
    if package is None:
        raise Refusal(
            "chorales: music21, which holds the scores, is not installed; pip install music21==10.5.1"
        )
    found = {}
    for path in sorted(Path(package.origin).parent.glob("corpus/bach/bwv*.mxl")):
        name = path.stem.removeprefix("bwv")
        parts = read_musicxml(path).findall("part")
        if len(parts) == 4 and name not in NEAR_DUPLICATES:
            found[name] = roll_from_parts(parts)
    return found


def read_musicxml(path: Path) -> ElementTree.Element:
    """Return the score in a zipped MusicXML file, which its container names."""
    with zipfile.ZipFile(path) as archive:
        container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
        return ElementTree.fromstring(archive.read(container.find(".//{*}rootfile").get("full-path")))


def roll_from_parts(parts: list[ElementTree.Element]) -> np.ndarray:
    """Return the notes that sound on each quarter note, (steps, 88)."""
    frames = list(zip(*map(notes_per_quarter, parts), strict=True))
    out = np.zeros((len(frames), piano_roll.PIANO_KEYS), np.uint8)
    for frame, notes in zip(out, frames, strict=True):
        frame[[note - piano_roll.LOWEST_MIDI_NOTE for note in notes if note is not None]] = 1
    return out


def notes_per_quarter(part: ElementTree.Element) -> Iterator[int | None]:
    """Yield what a part sounds on each quarter note: a MIDI note, or None for a rest.

    In the four-part scores a part is one voice: no chords and no going back. At two divisions a quarter, C4
    for 3, D4 for 1 and a rest for 2 are 60, 60, None: D4 begins between two quarter notes and ends on one.
    """
    now, divisions = Fraction(0), 1
    for element in part.iterfind("measure/*"):
        divisions = int(element.findtext("divisions", divisions))
        if element.tag in ("note", "forward"):
            end = now + Fraction(int(element.findtext("duration", 0)), divisions)  # none: a grace note
            yield from [midi_note(element.find("pitch"))] * (ceil(end) - ceil(now))
            now = end


def midi_note(pitch: ElementTree.Element | None) -> int | None:
    """Return the MIDI note of a pitch, 60 for the middle C (C4); None for None."""
    if pitch is None:
        return None
    octave, alter = int(pitch.findtext("octave")), int(pitch.findtext("alter", 0))
    return 12 * (octave + 1) + SEMITONES[pitch.findtext("step")] + alter


CHORALES = piano_roll.next_frame_task(
    "chorales",
    "Bach chorales of music21, next frame",
    load,
    "the music21 corpus, bach/*.mxl (Cuthbert et al.)",
)
