"""A sweep so small that it trains in a moment, run here or by the command line."""

import sys
from collections import defaultdict
from pathlib import Path

from suite import store
from suite.search import sweep
from suite.search.asked import Asked
from suite.search.workers import Here
from suite.space import PAPER, override
from suite.training.trial import Protocol

HERE = Path(__file__).parent
ASKED = Asked(
    "tiny",
    tasks=("tiny:PARITY",),
    cells=("rnn", "gru"),
    trials=6,
    protocol=Protocol(epochs=4, patience=3, batch=1),
    space=override(PAPER, {"units": (2, 6), "learning_rate": (1e-3, 1e-1)}),
)


def rows(asked, folder, crew=None):
    store.create(folder, asked.to_table())
    with crew or Here() as crew:
        lanes = defaultdict(lambda: 2)
        events = list(sweep.run(asked, folder, crew, lanes, data=None))
    assert events[-1].done == events[-1].total
    return store.load(folder)


def comparable(frame):
    return frame.drop(columns=["seconds", "commit", "device"])


def command(folder, *more):
    ends = ["--range=units=2:6", "--range=learning_rate=1e-3:1e-1", "--epochs=4", "--patience=3"]
    asked = ["--task=tiny:PARITY", "--cell=rnn", "--cell=gru", "--trials=6", f"--results={folder}"]
    program = [sys.executable, "-c", "from suite.cli import main; main()", "sweep"]
    return [*program, *asked, *ends, f"--reports={folder}-report", "--lanes=2", *more]
