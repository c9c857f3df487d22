"""A task that trains within seconds, the parity of three bits at the last step; and cells that fail."""

import os
import signal

import numpy as np
from distributed import get_worker
from keras import ops

from suite.cells.base import Cell
from suite.search import executors
from suite.space import Range
from suite.task import Split, Task


def load(_):
    rng = np.random.default_rng(0)

    def split(count):
        bits = rng.integers(0, 2, (count, 3, 1)).astype("float32")
        return Split(list(bits), [np.array([int(b.sum()) % 2], "int32") for b in bits])

    return {"train": split(8), "valid": split(6), "test": split(6)}


PARITY = Task(
    "tiny:PARITY", "Parity", load, 1, 2, "categorical", "error", "error rate", "last step", "made up"
)


class Broken(Cell):
    """A cell that raises as soon as it trains, as a user's may in the middle of a sweep."""

    gates = ("z",)

    def step(self, x, h):
        if self.units > 4:  # more units than the check before a sweep builds
            raise RuntimeError("no such thing")
        return h


class Deadly(Cell):
    """A cell that kills the process that trains it, as the system does when memory runs out."""

    gates = ("z",)

    def step(self, x, h):
        if self.units > 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return h


class Greedy(Cell):
    """A cell that needs fifty terabytes of memory if it has more than one lane."""

    gates = ("z",)

    def step(self, x, h):
        (z,) = self.affine("z", x, h)
        z = ops.tanh(z)
        if self.units > 4 and (self.lanes or 1) > 1:
            large = ops.broadcast_to(ops.stop_gradient(z)[..., None, None], (*z.shape, 2**20, 2**20))
            z += 0 * ops.cast(ops.max(ops.argsort(large), axis=(-2, -1)), "float32")
        return z


class TooFew(Cell):
    """A cell that forgets to return its cell state."""

    gates, states = ("z",), ("h", "c")

    def step(self, x, h, c):
        return h


class Misshapen(Cell):
    """A cell whose new state has another shape than the old one."""

    gates = ("zi",)

    def step(self, x, h):
        z, i = self.affine("zi", x, h)
        return (z * i)[..., :1]


def train_nothing_at_first(unit, verify):
    """Train nothing at the first attempt, as a worker that still sees the stop file of an earlier run."""
    if unit.attempts == 0 and len(unit.trials) > 1:
        return get_worker().address, 0
    return executors.train_in_worker(unit, verify)


def train_and_die(unit, verify):
    """Train a unit; the first time, kill the worker after its rows are written and before it reports."""
    report = executors.train_in_worker(unit, verify)
    if not (unit.folder / "died").exists():
        (unit.folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return report


class Sticky(Cell):
    """A simple recurrent network with zoneout, whose rate is a hyperparameter of its own."""

    gates, hyperparameters = ("z",), {"zoneout": Range(0.0, 0.5)}

    def step(self, x, h):
        (z,) = self.affine("z", x, h)
        return self.zoneout("zoneout", h, ops.tanh(z))
