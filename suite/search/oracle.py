"""A search: one of KerasTuner's oracles, asked for trials and told their scores.

The oracle lives in the memory of the driver and writes nothing: the store is the record, and an oracle that
is asked and told the same again gives the same trials again. Trials are asked in rounds, as many as can be
asked without being told anything, so that what is asked does not depend on which trial ends first.
"""

import contextlib
import math
import warnings

from threadpoolctl import threadpool_limits

from suite import seeds
from suite.config import HYPERBAND_FACTOR
from suite.space import Space
from suite.training.trial import Trial

BAYESIAN_ROUND_SIZE = (
    8  # trials a Bayesian search asks before it is told: a property of the search, not of the machine
)


class Search:
    """All trials of one variant on one task, drawn by an oracle.

    `seed_keys` (sweep seed, task, cell) is where its random draws start. Random and Bayesian search draw
    `trials` trials of `epochs` epochs; Hyperband decides by itself how many, and for how many epochs (see
    `trials_by_epochs`).
    """

    def __init__(self, oracle: str, space: Space, trials: int, epochs: int, seed_keys: tuple):
        import keras_tuner
        from keras_tuner import oracles

        hp = keras_tuner.HyperParameters()
        for name, asked in space.items():
            asked.declare(name, hp)
        if oracle == "bayesian" and all(asked.low == asked.high for asked in space.values()):
            oracle = "random"  # a Gaussian process of no inputs cannot be fitted, and has nothing to choose
        common = {
            "objective": keras_tuner.Objective("score", "min"),
            "hyperparameters": hp,
            "seed": seeds.derive_seed(*seed_keys, "search"),  # hashed: near seeds repeat each other's trials
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
        """Return the trials of the next round; none at the end of the search."""
        trials: list[Trial] = []
        with self.limit_threads():
            while len(trials) < self.round_size:
                asked = call_without_warnings(
                    self.oracle.create_trial, f"lane {len(trials)}"
                )  # one running trial per tuner id
                if asked.status != "RUNNING":
                    break
                trials.append(self.make_trial(asked.hyperparameters.values))
        return trials

    def limit_threads(self) -> contextlib.AbstractContextManager:
        """Limit the Gaussian process of a Bayesian search to one thread: each core already has a worker."""
        return threadpool_limits(1) if math.isfinite(self.round_size) else contextlib.nullcontext()

    def make_trial(self, values: dict) -> Trial:
        """Return the trial of the values an oracle drew.

        Hyperband goes on with an earlier trial by giving it more epochs: the same trial again, from its own
        seed, for longer.
        """
        import keras_tuner

        number, earlier = len(self.seeds), values.get("tuner/trial_id")
        self.seeds.append(
            seeds.derive_seed(*self.seed_keys, number) if earlier is None else self.seeds[int(earlier)]
        )
        hp = keras_tuner.HyperParameters()
        hp.values = {name: v for name, v in values.items() if not name.startswith("tuner/")}
        drawn = {name: asked.declare(name, hp) for name, asked in self.space.items()}
        return Trial(number, self.seeds[number], drawn, values.get("tuner/epochs", self.epochs))

    def tell(self, scores: dict[int, float]) -> None:
        """Tell the validation scores of a round, by number of trial.

        A trial without a finite score counts as worse than all scores so far, by as much as these differ, and
        is told again whenever they change: told as failed, it would be retried, and three in a row would end
        the search. While no score is finite, all trials are alike.
        """
        self.scores |= scores
        finite = [score for score in self.scores.values() if math.isfinite(score)] or [0.0]
        worst = max(finite)
        worse = worst + (worst - min(finite) or abs(worst) or 1.0)
        told = {n: score if math.isfinite(score) else worse for n, score in self.scores.items()}
        trials = {n: self.oracle.trials[self.oracle.start_order[n]] for n in told}
        for number in sorted(scores):
            call_without_warnings(self.oracle.update_trial, trials[number].trial_id, {"score": told[number]})
            trials[number].status = "COMPLETED"
            call_without_warnings(self.oracle.end_trial, trials[number])
        for number, trial in trials.items():
            trial.score = told[number]


def call_without_warnings(call, *args):
    """Call KerasTuner without two warnings.

    1.4.8 asks for the name of the thread in a deprecated way, and a Gaussian process of few trials seldom
    converges.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="keras_tuner")
        warnings.filterwarnings("ignore", message=".*(close to the specified|failed to converge)")
        return call(*args)
