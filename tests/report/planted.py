"""Sweeps whose rows are made with known effects."""

import numpy as np
import pandas as pd

from suite.analysis.findings import compute_findings
from suite.config import record_from_table
from suite.report import write_report

CELLS = ("lstm", "nig", "nfg", "nog", "niaf", "noaf", "np", "cifg", "fgr")
SPACE = {
    "units": {"low": 20, "high": 200, "scale": "log", "whole": True},
    "learning_rate": {"low": 1e-6, "high": 1e-2, "scale": "log"},
    "momentum": {"low": 0.0, "high": 0.99, "scale": "one minus log"},
    "input_noise": {"low": 0.0, "high": 1.0, "scale": "linear"},
}
MADE = {"device": "cpu", "backend": "jax", "git_commit": "0123abc", "versions": '{"keras": "3.11.1"}'}


def sweep(tasks, effects, rate, trials, seed, cells=CELLS):
    """Return rows and what was asked.

    A score is 8 and the variant's effect, and as much as `rate` where the learning rate is lowest, in
    proportion to the square of how far it is from its best; noise of one standard deviation of 0.1 is added.
    """
    draw, searches = np.random.default_rng(seed), []
    for task in tasks:
        for cell in cells:
            units = np.exp(draw.uniform(np.log(20), np.log(200), trials))
            low = draw.uniform(0, 1, trials)  # how far the learning rate is from its best
            valid = 8 + effects.get(cell, 0) + rate * low**2 + 0.1 * draw.normal(size=trials)
            search = {"sweep": "planted", "task": task, "cell": cell, "trial": range(trials), "error": None}
            search |= {"seed": draw.integers(1, 2**31, trials), "status": "done", "valid": valid}
            search |= {"test": valid + 0.01 * draw.normal(size=trials), "epochs": 30, "best_epoch": 20}
            search |= {
                "seconds": units / 100 + draw.uniform(size=trials),
                "operations": 1e9 * units**2,
                "parameters": 4 * units.astype(int),
            }
            search |= {"units": units.astype(int), "learning_rate": 10 ** (-2 - 4 * low)}
            search |= {"momentum": 1 - 10 ** draw.uniform(-2, 0, trials)}
            searches.append(pd.DataFrame(search | {"input_noise": draw.uniform(size=trials)} | MADE))
    about = {"unit": "nats", "source": "made", "train": 229, "valid": 76, "test": 77, "steps": 13807}
    config = {"name": "planted", "seed": 7, "trials": trials, "epochs": 30, "patience": 15, "batch": 1}
    config |= {"oracle": "random", "tasks": list(tasks), "cells": list(cells), "space": SPACE}
    titles = {"jsb": "chorales", "timit": "speech"}
    config["about"] = {"tasks": {task: about | {"title": titles[task]} for task in tasks}}
    config["about"]["cells"] = dict.fromkeys(cells, "")
    return pd.concat(searches, ignore_index=True), config


def report_of(rows, table, folder):
    """Write the report of rows and a sweep.toml, and return the path of its page."""
    return write_report(rows, record_from_table(table), folder)


def findings_of(rows, table):
    """Return the findings of rows and a sweep.toml."""
    return compute_findings(rows, record_from_table(table))
