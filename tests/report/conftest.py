"""A made-up sweep: two tasks, three variants, twelve trials of each."""

import copy
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from suite.analysis.findings import compute_findings, prepare_rows
from suite.config import record_from_table
from suite.report import figures
from suite.space import space_from_table

TITLES = {"jsb": "Bach chorales", "adding": "Adding"}
CELLS = {"lstm": "Vanilla LSTM", "nfg": "LSTM without forget gate: f = 1 & <no> more", "gru": "GRU"}
LEVEL = {"lstm": 8.5, "nfg": 9.0, "gru": 8.6}
ASKED = {
    "name": "made-up",
    "seed": 7,
    "trials": 12,
    "epochs": 150,
    "patience": 15,
    "batch": 16,
    "oracle": "random",
    "tasks": list(TITLES),
    "cells": list(CELLS),
    "space": {
        "units": {"low": 20, "high": 200, "scale": "log"},
        "learning_rate": {"low": 1e-6, "high": 1e-2, "scale": "log"},
        "momentum": {"low": 0.0, "high": 0.99, "scale": "one minus log"},
        "input_noise": {"low": 0.0, "high": 1.0, "scale": "linear"},
    },
    "about": {
        "tasks": {
            task: {"title": title, "unit": "nats per step", "source": "see https://example.org/a_b"}
            | {"train": 229, "valid": 76, "test": 77, "steps": 13807}
            for task, title in TITLES.items()
        },
        "cells": CELLS,
    },
}


@pytest.fixture
def asked():
    """The sweep.toml of the sweep, to be altered at will."""
    return copy.deepcopy(ASKED)


@pytest.fixture
def record(asked):
    """The record of the sweep."""
    return record_from_table(asked)


@pytest.fixture
def findings(rows, record):
    """The findings of the sweep."""
    return compute_findings(rows, record)


@pytest.fixture
def trials(rows, asked):
    """The rows of one task, as pages hand them to figures."""
    rows = prepare_rows(rows, record_from_table(asked))
    return rows[rows["task"] == "jsb"]


@pytest.fixture
def curves(trials):
    """A learning curve of three epochs for each trial: the validation score is the trial's in the second."""
    made = [
        {
            "task": t.task,
            "cell": t.cell,
            "trial": t.trial,
            "epoch": epoch,
            "train": train,
            "valid": t.valid + more,
        }
        for t in trials.assign(best_epoch=2).itertuples()
        for epoch, train, more in ((3, 6.5, 0.1), (1, 9.0, 2.0), (2, 7.0, 0.0))
    ]
    return pd.DataFrame(made)


@dataclass
class Planted:
    """An importance of known numbers: column j rises by j + 1, a pair adds a step in a corner."""

    columns: int
    cells: int = 8

    @property
    def shares(self):
        own = {(j,): 0.5 / 2**j for j in range(self.columns)}
        return own | {(j, k): 0.01 for k in range(self.columns) for j in range(k)}

    @property
    def residual_share(self):
        return 1 - sum(self.shares.values())

    def marginal(self, column):
        return 9 + (column + 1) * np.linspace(-0.5, 0.5, self.cells), np.full(self.cells, 0.1)

    def interaction(self, row, column):
        added = np.zeros((self.cells, self.cells))
        added[: self.cells // 4, self.cells // 2 :] = 0.1 * (row + 1)  # the row is low, the column is high
        return added

    def surface(self, row, column):
        own = self.marginal(row)[0][:, None] + self.marginal(column)[0] - 9
        return own + self.interaction(row, column)


@pytest.fixture
def planted():
    """Make an importance of so many columns."""
    return Planted


@pytest.fixture
def space(asked):
    """The space that was asked."""
    return space_from_table(asked["space"])


@pytest.fixture
def rows():
    """A row a trial: 10 of each search diverged with scores, 11 of nfg on jsb failed, 11 of gru exploded."""
    return made_up()


@pytest.fixture(scope="session")
def whole_sweep():
    """The rows and the question of a sweep, to be read only."""
    return made_up(), record_from_table(ASKED)


def made_up():
    draw = np.random.default_rng(0)
    made = []
    for task in TITLES:
        for cell in CELLS:
            for trial in range(12):
                score = LEVEL[cell] + draw.exponential()
                row = {"task": task, "cell": cell, "trial": trial, "seed": int(draw.integers(1, 2**31))}
                row |= {"status": "done", "valid": score + draw.normal() / 100, "test": score}
                row |= {"epochs": 20, "best_epoch": 5, "seconds": draw.uniform(1, 9), "parameters": 9000}
                row |= {"operations": 1e9 * row["seconds"], "unit": f"{task}-{cell}-{trial}"}
                row |= {"units": 32, "learning_rate": 10 ** draw.uniform(-6, -2)}
                row |= {"momentum": draw.uniform(), "input_noise": draw.uniform(), "error": None}
                row |= {"device": "cpu", "backend": "jax", "git_commit": "0123abc"}
                row |= {"versions": '{"keras": "3.11.1", "jax": "0.6.0"}'}
                if trial == 10:
                    row["status"] = "diverged"
                if trial == 11 and (task, cell) == ("jsb", "nfg"):
                    text = "Traceback (most recent call last):\n  File …\nValueError: lanes | <4> ran out"
                    row |= {"status": "failed", "valid": None, "test": None, "error": text}
                if trial == 11 and cell == "gru":
                    row |= {"status": "diverged", "valid": 1e9, "test": 1e9}
                made.append(row)
    return pd.DataFrame(made)


@pytest.fixture(scope="session", autouse=True)
def no_png_of_reports():
    """Write empty PNG files in reports: drawing them would take half of the time, and SVG shows the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "to_png", lambda figure: b"")
        yield
