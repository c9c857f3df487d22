"""Framewise phones: recorded speech as a sequence of 39 features, and the phone of every window.

A window of 25 ms (`tasks.mfcc`) has the phone at its centre. With a hop of 10 ms, the centres are at 12.5,
22.5, 32.5 … ms; of the phones `pau` until 30 ms and `k` until 50 ms,

    centre   12.5  22.5  32.5  42.5
    target   pau   pau   k     k

Windows whose centre lies after the last phone are left out.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from suite import Refusal
from suite.task import Split
from tasks import audio, mfcc

# real labels are a little inexact: by how many samples a phone may begin before or after the end of the
# phone before it, or end after the audio; and how many samples at the end may have no phone
MAX_GAP, MAX_UNLABELLED = mfcc.SAMPLE_RATE // 10, mfcc.SAMPLE_RATE // 2


class Segments(NamedTuple):
    """The phones of an utterance, as classes, and the sample at which each ends."""

    phones: list[int]
    ends: list[int]


# takes the words of a line, and the end of the phone before it; returns where its phone begins and ends
ParseTimes: TypeAlias = Callable[[list[str], int], tuple[int, int]]


class PhoneFile(NamedTuple):
    """The format of files that have, after a header, a phone in each line: the last of three words."""

    phones: Sequence[str]
    columns: str
    parse_times: ParseTimes
    header_lines: int = 0

    def read(self, path: Path) -> Segments:
        """Return the phones in a file; refuse a line that is not as described, or has an unknown phone."""
        segments, previous = Segments([], []), 0
        classes = {phone: k for k, phone in enumerate(self.phones)}
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
        for number, line in enumerate(lines, 1):
            if number <= self.header_lines or not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                start, end = self.parse_times(line.split(), previous)
                _, _, phone = line.split()
            except (ValueError, IndexError, OverflowError):  # OverflowError: an infinite time
                raise Refusal(f"{where}: expected {self.columns!r}, got {line!r}") from None
            if phone not in classes:
                raise Refusal(f"{where}: expected one of {len(classes)} phones, got {phone!r}")
            if abs(start - previous) > MAX_GAP or end < max(start, previous):
                raise Refusal(
                    f"{where}: expected a phone that begins at about the sample {previous}, where the one "
                    f"before it ends, and ends after it, got one from {start} to {end}"
                )
            segments.phones.append(classes[phone])
            segments.ends.append(end)
            previous = end
        return segments


def read_utterances(utterances: Sequence[tuple[Path, Path]], format: PhoneFile, hop: int) -> Split:
    """Return the split of utterances, each a file of audio and one of phones; `hop` is in samples."""
    pairs = [
        labelled_features(path, audio.read_speech(audio_path), format.read(path), hop)
        for audio_path, path in utterances
    ]
    return Split([inputs for inputs, _ in pairs], [targets for _, targets in pairs])


def labelled_features(
    path: Path, samples: np.ndarray, segments: Segments, hop: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of the windows that have a phone, (windows, 39), and the phones, (windows,) int32.

    Refused: phones that end before the audio does, or after it; `path` is the file of phones.
    """
    last = segments.ends[-1] if segments.ends else 0
    if not len(samples) - MAX_UNLABELLED <= last <= len(samples) + MAX_GAP:
        raise Refusal(
            f"{path}: expected phones until about the end of the audio, sample {len(samples)}, got the last "
            f"end at {last}"
        )
    features = mfcc.mfcc_features(samples, hop)
    centres = mfcc.window_centres(len(features), hop)
    labelled = int(np.searchsorted(centres, last))
    segment = np.searchsorted(segments.ends, centres[:labelled], side="right")
    return features[:labelled], np.array(segments.phones, np.int32)[segment]
