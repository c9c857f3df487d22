"""Task `laser`: predict the intensity of a chaotic laser, a measured series of the Santa Fe competition.

There are 10,093 whole numbers, 0 to 255. They are shifted and scaled to mean 0 and variance 1 in the training
data. A sequence of four steps begins in the file and in the task as

    intensity      86     141      95      41      22
    input         0.53    1.65    0.72   −0.38
    target        1.65    0.72   −0.38   −0.77           the input of the next step

Sequences are windows of 200 steps; train is cut from the first 6,000 steps, valid from the next 2,000, and
test from the rest. One step ahead, all steps are scored, and the windows do not overlap: 29 in train, 9
in valid and 10 in test. With `steps_ahead=N`, a window is scored by its last label alone, which is predicted
N steps ahead, from the network's own predictions; then windows of valid and test begin every 20 steps, which
makes 90 and 95 of them.

The score is the root of the mean squared error, in standard deviations of the training data: an NRMSE, which
is 0.91 for a constant one step ahead, and 0.81 with `steps_ahead=100`: test varies less than train. Published
scores are for other splits, so none is given here.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np

from suite.options import Between
from suite.task import Split, Task
from tasks import data
from tasks.splits import tiny_splits

LASER_URL = (
    "https://raw.githubusercontent.com/reservoirpy/reservoirpy/master/reservoirpy/datasets/santafe_laser.npy"
)
LASER_SHA256 = "8c07281200935596f8e28bc94e1bb25e9964ab7d7f63c5e27ac87b810ac3b33a"
LASER_SOURCE = "Weigend & Gershenfeld (1993), Time Series Prediction (Santa Fe competition, data set A)"
WINDOW = 200  # steps of a sequence
SCORED_STRIDE = 20  # steps between windows of which only the last label is scored
SPLIT_ENDS = (6000, 8000)  # of train and of valid, in steps of the series


def laser_series(*, steps_ahead: Annotated[int, Between(1, 100)] = 1, size: data.Size = "full") -> Task:
    """Return the laser series, to be predicted this many steps ahead."""
    return Task(
        name="laser",
        title=f"Santa Fe laser, {steps_ahead} step{'s' * (steps_ahead > 1)} ahead",
        load=functools.partial(load, steps_ahead=steps_ahead, size=size),
        features=1,
        outputs=1,
        loss="squared",
        metric="rmse",
        unit="NRMSE",
        answers="every step",
        source=LASER_SOURCE,
        steps_ahead=0 if steps_ahead == 1 else steps_ahead,  # 0: all labels are scored
    )


def load(folder: Path | None = None, *, steps_ahead: int, size: data.Size) -> Mapping[str, Split]:
    """Return the three splits: inputs and targets (200, 1)."""
    train, valid, test = np.split(read_laser(folder), SPLIT_ENDS)
    stride = WINDOW if steps_ahead == 1 else SCORED_STRIDE
    mean, deviation = train.mean(), train.std()
    splits = {
        name: cut_windows((series - mean) / deviation, step)
        for name, series, step in (("train", train, WINDOW), ("valid", valid, stride), ("test", test, stride))
    }
    return tiny_splits(splits, steps=None) if size == "tiny" else splits


def cut_windows(series: np.ndarray, stride: int) -> Split:
    """Return windows of a series (steps,), that begin `stride` steps apart: each next step is a target."""
    pairs = np.lib.stride_tricks.sliding_window_view(series.astype(np.float32), WINDOW + 1)[::stride]
    return Split(list(pairs[:, :-1, None]), list(pairs[:, 1:, None]))


def read_laser(folder: Path | None) -> np.ndarray:
    """Return the intensities, (10093,), in float64."""
    path = data.find_data_file("santafe_laser.npy", LASER_SHA256, LASER_URL, folder)
    return np.load(path, allow_pickle=False)[:, 0].astype(float)
