"""A made-up sweep: two tasks, three variants, twelve trials of each."""

import copy

import numpy as np
import pandas as pd
import pytest

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
    """What was asked, to be altered at will."""
    return copy.deepcopy(ASKED)


@pytest.fixture
def rows():
    """A row a trial: 10 of each search diverged with scores, 11 of nfg on jsb failed, 11 of gru exploded."""
    return made_up()


@pytest.fixture(scope="session")
def whole_sweep():
    """The rows and the question of a sweep, to be read only."""
    return made_up(), ASKED


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
                row |= {"units": 32, "learning_rate": 10 ** draw.uniform(-6, -2)}
                row |= {"momentum": draw.uniform(), "input_noise": draw.uniform(), "error": None}
                row |= {"device": "cpu", "backend": "jax", "commit": "0123abc"}
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
