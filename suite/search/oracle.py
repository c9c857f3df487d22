"""A search: an oracle of KerasTuner that draws trials and gets their scores (ask and tell).

The oracle lives in the memory of the driver and writes nothing to disk: an oracle that gets the scores in the
store draws the same trials again. Trials are drawn in rounds. The trials of a round do not need each other's
scores, so the draws do not depend on which trial ends first. KerasTuner draws trial k of random search from
the seed and k, independent of the number of trials, so a sweep with random search can grow.
"""

import contextlib
import math
import warnings
from collections.abc import Callable
from typing import Any

from threadpoolctl import threadpool_limits

from suite import seeds
from suite.config import HYPERBAND_FACTOR
from suite.space import VariantSpace
from suite.training.trial import Trial

BAYESIAN_ROUND_SIZE = 8  # trials drawn before scores are needed; the same on every machine


class Search:
    """All trials of one variant on one task, drawn by an oracle.

    `seed_keys` (sweep seed, task, cell) is the seed of its random draws. Random and Bayesian search draw
    `trials` trials of `epochs` epochs; Hyperband sets both numbers itself (see `trials_by_epochs`).
    """

    def __init__(self, oracle: str, space: VariantSpace, trials: int, epochs: int, seed_keys: tuple):
        import keras_tuner
        from keras_tuner import oracles

        hp = keras_tuner.HyperParameters()
        for name, entry in space.items():
            entry.declare(name, hp)
        if oracle == "bayesian" and not any(entry.varies for entry in space.values()):
            oracle = "random"  # a Gaussian process of no inputs cannot be fitted, and has nothing to choose
        common = {
            "objective": keras_tuner.Objective("score", "min"),
            "hyperparameters": hp,
            "seed": seeds.derive_seed(
                *seed_keys, "search"
            ),  # hashed, because similar seeds give repeated trials
        }
        if oracle == "hyperband":
            self.oracle = oracles.HyperbandOracle(max_epochs=epochs, factor=HYPERBAND_FACTOR, **common)
        else:
            kind = {"random": oracles.RandomSearchOracle, "bayesian": oracles.BayesianOptimizationOracle}
            self.oracle = kind[oracle](max_trials=trials, **common)
        self.round_size = BAYESIAN_ROUND_SIZE if oracle == "bayesian" else math.inf
        self.oracle.verbose = 0
        self.oracle.save = self.oracle._save_trial = lambda *_: None  # the store is the record
        self.oracle._duplicate = lambda values: False  # trials of one configuration differ by their seeds
        self.space, self.epochs, self.seed_keys = space, epochs, seed_keys
        self.seeds: list[int] = []
        self.scores: dict[int, float] = {}

    def ask(self) -> list[Trial]:
        """Return the trials of the next round; an empty list at the end of the search."""
        trials: list[Trial] = []
        with self.limit_threads():
            while len(trials) < self.round_size:
                tuner_id = f"lane {len(trials)}"  # an oracle gives each of them one running trial
                keras_trial = call_without_warnings(self.oracle.create_trial, tuner_id)
                if keras_trial.status != "RUNNING":
                    break
                trials.append(self.make_trial(keras_trial.hyperparameters.values))
        return trials

    def limit_threads(self) -> contextlib.AbstractContextManager:
        """Limit the Gaussian process of a Bayesian search to one thread: each core already has a worker."""
        return threadpool_limits(1) if math.isfinite(self.round_size) else contextlib.nullcontext()

    def make_trial(self, values: dict) -> Trial:
        """Return the trial that has the values drawn by an oracle.

        Hyperband continues an earlier trial by giving it more epochs: the same trial is trained again from
        its seed, for longer.
        """
        import keras_tuner

        number, earlier = len(self.seeds), values.get("tuner/trial_id")
        self.seeds.append(
            seeds.derive_seed(*self.seed_keys, number) if earlier is None else self.seeds[int(earlier)]
        )
        hp = keras_tuner.HyperParameters()
        hp.values = {name: v for name, v in values.items() if not name.startswith("tuner/")}
        hyperparameters: dict[str, float | str] = {
            name: entry.declare(name, hp) for name, entry in self.space.items()
        }
        return Trial(number, self.seeds[number], hyperparameters, values.get("tuner/epochs", self.epochs))

    def tell(self, scores: dict[int, float]) -> None:
        """Give the oracle the validation scores of a round, by number of trial.

        A trial without a finite score counts as worse than all scores so far, by as much as these differ, and
        its score is updated whenever they change. (KerasTuner would retry a failed trial, and three in a row
        would end the search.) While no score is finite, all trials get the same score.
        """
        self.scores |= scores
        finite = [score for score in self.scores.values() if math.isfinite(score)] or [0.0]
        worst = max(finite)
        worse = worst + (worst - min(finite) or abs(worst) or 1.0)
        finite_scores = {n: s if math.isfinite(s) else worse for n, s in self.scores.items()}
        trials = {n: self.oracle.trials[self.oracle.start_order[n]] for n in finite_scores}
        for number in sorted(scores):
            score = {"score": finite_scores[number]}
            call_without_warnings(self.oracle.update_trial, trials[number].trial_id, score)
            trials[number].status = "COMPLETED"
            call_without_warnings(self.oracle.end_trial, trials[number])
        for number, trial in trials.items():
            trial.score = finite_scores[number]


def call_without_warnings(call: Callable, *args: object) -> Any:
    """Call KerasTuner without two warnings.

    Version 1.4.8 reads the name of the thread in a deprecated way, and a Gaussian process of few trials
    seldom converges.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="keras_tuner")
        warnings.filterwarnings("ignore", message=".*(close to the specified|failed to converge)")
        return call(*args)
