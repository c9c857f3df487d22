"""Task `waveform`: generate a waveform from no input, as Koutník et al. (2014) do in A Clockwork RNN.

The network reads 0 at every step, and has to output 320 samples, one per step, from its state alone:

    input      0      0      0      0
    target   0.53   1.70   0.73  −0.42    the samples, with mean 0 and variance 1

Train, valid and test are the same single sequence: nothing can be generalised, and the score says how well a
network can hold a waveform in its weights. It is the mean squared error, which for samples of variance 1 is
the normalised error NMSE of the paper; a constant scores 1.

The samples of the paper, five pieces of music of 7 ms, are not published. Here, five pieces of the Santa Fe
laser series (`tasks.laser`), which begin 2,000 steps apart, take their place. So scores can only be compared
roughly: Koutník et al. report 0.46 ± 0.08 for the simple network, 0.04 ± 0.01 for LSTM and
0.007 ± 0.004 for the clockwork network, of 100 to 1,000 parameters.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np

from suite.options import Between
from suite.task import SPLITS, Split, Task
from tasks import data, laser

SAMPLES = {"full": 320, "tiny": 20}
PIECE_DISTANCE = 2000  # samples from the beginning of a piece to that of the next


def waveform_generation(*, piece: Annotated[int, Between(1, 5)] = 1, size: data.Size = "full") -> Task:
    """Return the generation of one of five pieces of a waveform."""
    return Task(
        name="waveform",
        title=f"Waveform from no input, piece {piece}",
        load=functools.partial(load, piece=piece, size=size),
        features=1,
        outputs=1,
        loss="squared",
        metric="squared",
        unit="NMSE",
        answers="every step",
        source=f"Koutník et al. (2014), A Clockwork RNN, with data of {laser.LASER_SOURCE}",
        inputs="none",
        trivial=1.0,
    )


def load(folder: Path | None = None, *, piece: int, size: data.Size) -> Mapping[str, Split]:
    """Return the same sequence as train, valid and test: inputs, which are 0, and targets (samples, 1)."""
    start = (piece - 1) * PIECE_DISTANCE
    samples = laser.read_laser(folder)[start : start + SAMPLES[size]]
    targets = ((samples - samples.mean()) / samples.std()).astype(np.float32)[:, None]
    return {split: Split([np.zeros_like(targets)], [targets]) for split in SPLITS}
