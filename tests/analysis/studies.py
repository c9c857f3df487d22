"""Planted studies whose effects are known, and what verdicts say of them."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from suite.analysis.cell_claims import compare_cells
from suite.analysis.claims import GREFF_VARIANTS, judge_claims, planned_comparisons
from suite.analysis.published_results import TIMIT_TASK
from suite.config import SweepConfig
from suite.space import PAPER_SPACE

STUDY_TASKS = ["jsb", TIMIT_TASK, "adding"]
CELLS = ["rnn", "lstm", *GREFF_VARIANTS, "gru", "lstm_b"]
RATE, UNITS, NOISE = "learning_rate", "units", "input_noise"
TRIVIAL = {"adding": 1 / 6, "adding@length=100": 1 / 6}
COLUMN = {name: (j,) for j, name in enumerate(PAPER_SPACE)}
PAIR = COLUMN[UNITS] + COLUMN[RATE]
HURT, SPARED, GAIN = "nfg-noaf-hurt", "nig-nog-niaf-spare-music", "none-beats-vanilla"


@dataclass(frozen=True)
class Importance:
    """A stand-in of `suite.analysis.importance.Importance`: all that verdicts look at."""

    shares: dict
    residual_share: float
    share_sd: dict
    permutation_null: dict
    correlation: float
    p: float

    @property
    def single_tree_shares(self):
        return {effect: 0.9 * share for effect, share in self.shares.items()}

    def marginal(self, column):
        return np.linspace(0, 0.15, 64), np.full(64, 0.01)

    def trend(self, column):
        return self.correlation, self.p


def importance(trend=(0.5, 1e-3), rest=0.04, spread=0.001, floor=0.005, **shares):
    known = {RATE: 0.85, UNITS: 0.02, "momentum": 0.001, NOISE: 0.03, "pair": 0.059} | shares
    effects = {COLUMN.get(name, PAIR): share for name, share in known.items()}
    return Importance(effects, rest, dict.fromkeys(effects, spread), {1: floor, 2: floor}, *trend)


def study_config(tasks=STUDY_TASKS, cells=CELLS, trials=200, **ranges):
    """Return the configuration of a study by random search."""
    drawn = {**PAPER_SPACE, **ranges}
    return SweepConfig("planted", tasks=tuple(tasks), cells=tuple(cells), trials=trials, space=drawn)


def planted(config, effects=None, best=lambda units: 1e-3, worst=0.1, lost=0.0):
    """Return rows in which a cell's trials are worse by `effects`, (task, cell) or cell, in normal deviates.

    Every search has the same quantiles of scores, log-normal about `worst`, in order of how far a trial's
    learning rate is from the `best` one for its units; a share `lost` of trials has none, at random. So
    without effects a trial is better than another's with probability ½, exactly.
    """
    rng, frames, effects, n = np.random.default_rng(1), [], effects or {}, config.trials
    for task in config.tasks:
        for cell in config.cells:
            drawn = {name: r.value(rng.random(n)) for name, r in PAPER_SPACE.items()}
            off = abs(np.log(drawn[RATE] / best(drawn[UNITS])))
            deviates = norm.ppf((off.argsort().argsort() + 0.5) / n)
            score = worst * np.exp(deviates + effects.get((task, cell), effects.get(cell, 0)))
            valid = np.where(rng.random(n) < lost, math.nan, score)
            frames.append(
                pd.DataFrame({"task": task, "cell": cell, "trial": range(n), "valid": valid} | drawn).assign(
                    test=score, status="done"
                )
            )
    return pd.concat(frames, ignore_index=True)


def verdicts(rows, config, known=None, seed=1, draws=999):
    known = known or importance()
    table = compare_cells(rows, planned_comparisons(rows, config), seed, draws)
    result = judge_claims(
        rows, config, {(task, "lstm"): known for task in config.tasks}, table, TRIVIAL, seed
    )
    return {verdict.claim.id: verdict for verdict in result}
