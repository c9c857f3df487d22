"""Piano rolls: at every step, the 88 notes of the next frame are predicted from the frames so far.

A roll is (steps, 88) of 0 and 1, uint8; column = MIDI note − 21, from the lowest key of the piano to the
highest. Three frames of a three-key piano:

    roll     100  101  010
    inputs   000  100  101    silence, then the frames before
    targets  100  101  010    every frame, the first one too

The score is in nats per frame: the negative log-likelihood of the 88 notes, summed over the notes and
averaged over all frames of a split together. Such a pooled mean weighs every prediction alike; a mean over
the means of the pieces would weigh the frames of short pieces more. The published figures are per frame too:
about 8.5 on JSB, where a linear model of the frame before reaches 9.04. Bai et al. (2018) pool as we do, but
their code skips the first frame of each piece; here it is predicted from silence, and counts.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from suite.task import Split, Task

PIANO_KEYS, LOWEST_MIDI_NOTE = 88, 21  # of a piano; the MIDI note of the first


def next_frame_split(rolls: Iterable[np.ndarray]) -> Split:
    """Return rolls (steps, 88) as a split: each frame the target, the one before it the input."""
    padded = [np.pad(roll, ((1, 0), (0, 0))) for roll in rolls]
    return Split([roll[:-1] for roll in padded], [roll[1:] for roll in padded])


def next_frame_task(
    name: str, title: str, load: Callable[[Path | None], Mapping[str, Split]], source: str, /
) -> Task:
    """Return a task of next frames."""
    return Task(
        name, title, load, PIANO_KEYS, PIANO_KEYS, "bernoulli", "nats", "nats per frame", "every step", source
    )
