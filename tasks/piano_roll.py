"""Piano rolls: at every step, predict the 88 notes of the next frame from the frames so far.

A roll is an array (steps, 88) of 0 and 1, uint8. Column k is MIDI note 21 + k: the keys of the piano from the
lowest to the highest. Three frames of a piano with three keys:

    roll     100  101  010
    inputs   000  100  101    silence, then each frame but the last
    targets  100  101  010    every frame, the first one too

The score is in nats per frame: the negative log-likelihood of the 88 notes, summed over the notes and
averaged over all frames of a split. This pooled mean gives every frame the same weight; a mean over the means
of the pieces would give the frames of short pieces more. Published results are per frame too: about 8.5 on
JSB, where a linear model of the previous frame reaches 9.04. Bai et al. (2018) pool in the same way, but
their code skips the first frame of each piece; here it is predicted from silence, and counts.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from suite.task import Split, Task

PIANO_KEYS, LOWEST_MIDI_NOTE = 88, 21  # the keys of a piano, and the MIDI note of the lowest


def next_frame_split(rolls: Iterable[np.ndarray]) -> Split:
    """Return rolls (steps, 88) as a split: each frame is a target, and the frame before it the input."""
    padded = [np.pad(roll, ((1, 0), (0, 0))) for roll in rolls]
    return Split([roll[:-1] for roll in padded], [roll[1:] for roll in padded])


def next_frame_task(
    name: str, title: str, load: Callable[[Path | None], Mapping[str, Split]], source: str, /
) -> Task:
    """Return the task of predicting the next frame of piano rolls."""
    return Task(
        name, title, load, PIANO_KEYS, PIANO_KEYS, "bernoulli", "nats", "nats per frame", "every step", source
    )
