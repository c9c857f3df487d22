"""Task `mackey_glass`: predict a chaotic series one step ahead, and 84 steps ahead from its own predictions.

The series is that of Jaeger (2001, GMD report 148). The delay differential equation of Mackey & Glass (1977),

    dy/dt = 0.2 y(t − τ) / (1 + y(t − τ)^10) − 0.1 y(t)

with τ = 17, or 30, which is harder, is integrated by Euler steps of δ = 0.1; every tenth value, tanh(y − 1),
is one step of the series. It is then shifted and scaled to mean 0 and variance 1, those of the attractor
(`ATTRACTOR`). A sequence of four steps:

    input     1.03  0.96  0.82  0.64
    target    0.96  0.82  0.64  0.42    the input of the next step

In training, all steps are predicted from the true ones before them. For a score, the network reads a sequence
up to the step that is 84 before its last label, and from there on its own predictions; the last label is
scored. As the variance is 1, the root of the mean squared error is Jaeger's NRMSE₈₄. A constant scores 0.94.

Jaeger trains an echo state network of 400 units with 3,000 steps, of which 1,000 are not used, and has an
NRMSE₈₄ of 2.8e-4 for τ = 17 and of 0.11 for τ = 30; with 21,000 steps 1.2e-4 and 0.032. Here, the default
of 42 sequences of 500 steps has 21,000. They are independent runs, and so are those of valid and test, as
many but at most 50 each: the values up to t = 0 are drawn, and a sequence starts after a transient of 1,000
steps.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from suite.options import Between
from suite.seeds import derive_seed
from suite.task import SPLITS, Split, Task

EULER_STEP, EULER_STEPS = 0.1, 10  # δ, and how many of them are one step of the series
TRANSIENT = 1000  # steps of the series before a sequence
STEPS_AHEAD = 84
MAX_SCORED_RUNS = 50  # sequences of valid, and of test
HISTORY_RANGE = (0.4, 1.4)  # of the values up to t = 0, about that of the attractor
ATTRACTOR = {17: (-0.0655, 0.2160), 30: (-0.0942, 0.2599)}  # τ: mean and deviation of tanh(y − 1), measured


def mackey_glass_series(
    *,
    tau: Literal["17", "30"] = "17",
    length: Annotated[int, Between(STEPS_AHEAD, 10_000)] = 500,
    sequences: Annotated[int, Between(10, 100_000)] = 42,
) -> Task:
    """Return the Mackey–Glass series with a delay, the steps of a sequence, and sequences to train on."""
    return Task(
        name="mackey_glass",
        title=f"Mackey–Glass, τ = {tau}, {STEPS_AHEAD} steps ahead",
        load=functools.partial(load, tau=int(tau), length=length, sequences=sequences),
        features=1,
        outputs=1,
        loss="squared",
        metric="rmse",
        unit=f"NRMSE at {STEPS_AHEAD} steps",
        answers="every step",
        source="Jaeger (2001), The echo state approach to analysing and training recurrent neural networks",
        steps_ahead=STEPS_AHEAD,
        trivial=1.0,
    )


def load(folder: Path | None = None, *, tau: int, length: int, sequences: int) -> Mapping[str, Split]:
    """Return the three splits, simulated from fixed seeds: inputs and targets (length, 1)."""
    scored = min(sequences, MAX_SCORED_RUNS)
    counts = dict(zip(SPLITS, (sequences, scored, scored), strict=True))
    histories = [
        np.random.default_rng(derive_seed("mackey_glass", split)).uniform(*HISTORY_RANGE, (count, delay(tau)))
        for split, count in counts.items()
    ]
    series = scaled_series(simulate(np.concatenate(histories), length + 1), tau)
    ends = np.cumsum(list(counts.values()))
    return {
        split: Split(list(runs[:, :-1, None]), list(runs[:, 1:, None]))
        for split, runs in zip(SPLITS, np.split(series, ends[:-1]), strict=True)
    }


def delay(tau: int) -> int:
    """Return a delay in Euler steps."""
    return round(tau / EULER_STEP)


def scaled_series(y: np.ndarray, tau: int) -> np.ndarray:
    """Return tanh(y − 1) of solutions of the equation, with mean 0 and variance 1 on the attractor."""
    mean, deviation = ATTRACTOR[tau]
    return ((np.tanh(y - 1) - mean) / deviation).astype(np.float32)


def simulate(histories: np.ndarray, steps: int) -> np.ndarray:
    """Return solutions after the transient, (runs, steps), from histories (runs, Euler steps of the delay).

    The tenth power is written as products, which are the same on every machine; chaos would amplify the
    smallest difference.
    """
    runs, past = histories.shape
    ring = histories.T.copy()  # the last values of y, (past, runs); that of Euler step n is in row n % past
    current = histories[:, -1]
    kept = np.empty((steps, runs))
    for now in range((TRANSIENT + steps - 1) * EULER_STEPS + 1):
        step, rest = divmod(now, EULER_STEPS)
        if step >= TRANSIENT and not rest:
            kept[step - TRANSIENT] = current
        delayed = ring[now % past]
        square = delayed * delayed
        fourth = square * square
        growth = 0.2 * delayed / (1 + fourth * fourth * square)
        ring[now % past] = current
        current = current + EULER_STEP * (growth - 0.1 * current)
    return kept.T
