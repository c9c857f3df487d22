"""KerasTuner's traps (1.4.8), each stepped around."""

import math
from collections import Counter
from itertools import pairwise

import keras_tuner
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from suite import seeds
from suite.config import trials_by_epochs
from suite.search.oracle import Search, call_without_warnings
from suite.setting_checks import ORACLE_CHOICES
from suite.space import PAPER_SPACE, Choice, Range, override_ranges


def search(oracle="random", space=PAPER_SPACE, trials=12, epochs=9, names=(1, "task", "cell")):
    return Search(oracle, space, trials, epochs, names)


def score(trial):
    return math.log10(trial.hyperparameters["learning_rate"]) ** 2 + trial.hyperparameters["momentum"]


def play(search, score=score):
    """Return all trials of a search, round by round."""
    rounds = []
    while config := search.ask():
        rounds.append(config)
        search.tell({trial.number: score(trial) for trial in config})
    return rounds


@pytest.mark.parametrize("oracle", ORACLE_CHOICES)
def test_the_same_answers_get_the_same_trials(oracle):
    assert play(search(oracle)) == play(search(oracle))


@pytest.mark.parametrize("oracle", ["random", "bayesian"])
def test_a_search_draws_as_many_trials_as_asked(oracle):
    trials = [trial for config in play(search(oracle)) for trial in config]
    assert [trial.number for trial in trials] == list(range(12))


def test_values_lie_in_their_ranges():
    for trial in search(trials=100).ask():
        assert {name: type(value) for name, value in trial.hyperparameters.items()}["units"] is int
        for name, config in PAPER_SPACE.items():
            assert config.low <= trial.hyperparameters[name] <= config.high + 1e-12


@pytest.mark.parametrize("oracle", ORACLE_CHOICES)
def test_texts_are_chosen_among_their_values(oracle):
    space = {**PAPER_SPACE, "direction": Choice(("forward", "both")), "R/*": Choice(("orthogonal",))}
    trials = [trial for config in play(search(oracle, space)) for trial in config]
    assert {trial.hyperparameters["direction"] for trial in trials} == {"forward", "both"}
    assert {trial.hyperparameters["R/*"] for trial in trials} == {"orthogonal"}
    assert all(trial.numbers.keys() == PAPER_SPACE.keys() for trial in trials)


def test_searches_of_near_names_share_no_trial():
    """KerasTuner draws value j of trial i from Random(seed + i·n + j): near seeds repeat each other."""
    draws = [
        {t.hyperparameters["learning_rate"] for t in search(names=(1, "task", cell)).ask()} for cell in "abcd"
    ]
    assert len(set.union(*draws)) == sum(map(len, draws))


def test_near_seeds_of_keras_tuner_do_repeat_each_other():
    """The trap itself: where this fails, hashing the seeds is no longer needed."""
    hp = keras_tuner.HyperParameters()
    hp.Float("a", 0, 1)

    def draws(seed):
        oracle = keras_tuner.oracles.RandomSearchOracle(
            keras_tuner.Objective("score", "min"), max_trials=5, seed=seed, hyperparameters=hp
        )
        oracle.verbose = 0
        oracle.save = oracle._save_trial = lambda *_: None
        return [
            call_without_warnings(oracle.create_trial, str(k)).hyperparameters.values["a"] for k in range(5)
        ]

    assert draws(10)[1:] == draws(11)[:-1]


def test_seeds_are_never_zero_and_differ():
    drawn = [seeds.derive_seed("a", k) for k in range(1000)]
    assert min(drawn) > 0
    assert len(set(drawn)) == 1000
    assert seeds.derive_seed("a", 1) == seeds.derive_seed("a", "1")


def test_a_space_of_one_point_gives_every_trial_another_seed():
    """KerasTuner rejects duplicates, and after 20 of them ends the search."""
    point = override_ranges(PAPER_SPACE, {name: (config.high,) * 2 for name, config in PAPER_SPACE.items()})
    trials = search(space=point, trials=30).ask()
    assert len({trial.seed for trial in trials}) == 30
    assert trials[0].hyperparameters == trials[1].hyperparameters


@pytest.mark.parametrize("trials", [1, 2, 17])
def test_a_bayesian_search_of_one_point_draws_all_its_trials(trials):
    """A Gaussian process of no inputs cannot be fitted."""
    point = override_ranges(PAPER_SPACE, {name: (config.high,) * 2 for name, config in PAPER_SPACE.items()})
    rounds = play(search("bayesian", point, trials))
    assert len({trial.seed for config in rounds for trial in config}) == trials


def test_trials_without_a_score_do_not_end_a_search():
    """Three failed trials in a row raise in KerasTuner, and NaN is retried."""
    rounds = play(
        search("bayesian", trials=20), lambda trial: math.nan if trial.number < 15 else score(trial)
    )
    assert sum(map(len, rounds)) == 20


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([math.nan, math.inf], [8.5, 9.0]),  # nothing is finite at first
        ([8.5, math.nan], [9.0, 12.0]),  # worse ones come later
        ([-3.0, math.nan], [-math.inf, -2.0]),
        ([1e-7, math.nan], [2e-7, 1e-7]),
        ([0.0, math.nan], [0.0, 0.0]),  # all are alike
        ([7.0, math.nan], [7.0, math.nan]),
        ([1e30, 0.1], [math.nan, 0.2]),
    ],
)
def test_a_trial_without_a_score_is_told_as_worse_than_any_other(first, second):
    config, scores = search("bayesian", trials=12), {}
    for of_round in (first, second):
        scores |= (new := {t.number: of_round[t.number % 2] for t in config.ask()})
        config.tell(new)
        scores_told = [config.oracle.trials[name].score for name in config.oracle.start_order]
        finite = [score for number, score in scores.items() if math.isfinite(score)]
        for number, score in scores.items():
            if math.isfinite(score):
                assert scores_told[number] == score
            elif finite:
                apart = max(finite) - min(finite) or abs(max(finite)) or 1.0
                assert max(finite) < scores_told[number] <= max(finite) + apart


def test_a_round_without_any_score_teaches_nothing():
    config = search("bayesian", trials=12)
    config.tell({trial.number: math.nan for trial in config.ask()})
    assert len({trial.score for trial in config.oracle.trials.values()}) == 1


def test_a_bayesian_search_learns():
    """Its later trials lie nearer the best learning rate than those of a random one."""
    space = override_ranges(
        PAPER_SPACE,
        {name: (config.high,) * 2 for name, config in PAPER_SPACE.items() if name != "learning_rate"},
    )
    target = {"bayesian": 0.0, "random": 0.0}
    for oracle in target:
        trials = [t for r in play(search(oracle, space, 32), lambda t: abs(far(t))) for t in r]
        target[oracle] = sum(abs(far(t)) for t in trials[16:])
    assert target["bayesian"] < target["random"] / 2


def far(trial):
    """Return how many decades a trial's learning rate is from 1e-3."""
    return math.log10(trial.hyperparameters["learning_rate"]) + 3


@pytest.mark.parametrize("epochs", [1, 2, 3, 8, 9, 10, 27, 28])
@pytest.mark.parametrize("oracle", ["random", "hyperband"])
def test_a_search_holds_the_trials_and_epochs_that_are_forecast(oracle, epochs):
    drawn = Counter(t.epochs for config in play(search(oracle, trials=5, epochs=epochs)) for t in config)
    assert drawn == trials_by_epochs(oracle, 5, epochs)


@pytest.mark.parametrize("epochs", range(1, 260, 6))
def test_the_brackets_are_those_of_keras_tuner(epochs):
    """As above, without playing: its own arithmetic, logarithms in floating point and all."""
    expected = search("hyperband", epochs=epochs).oracle
    counted = Counter()
    for bracket in range(expected._get_num_brackets()):
        for halving in range(bracket + 1):
            counted[expected._get_epochs(bracket, halving)] += expected._get_size(bracket, halving)
    assert counted == trials_by_epochs("hyperband", 5, epochs)


class TestHyperband:
    def test_the_best_go_on_from_their_own_seed_for_longer(self):
        trials = [trial for asked in play(search("hyperband")) for trial in asked]
        assert {trial.epochs for trial in trials} == {1, 3, 9}
        assert [t.number for t in trials] == list(range(len(trials)))
        first = [t for t in trials if t.epochs == 1]
        second = [t for t in trials if t.epochs == 3 and t.seed in {t.seed for t in first}]
        assert second
        promoted = sorted(first, key=score)[: len(second)]
        assert {t.seed for t in second} == {t.seed for t in promoted}
        assert all(t.hyperparameters in [f.hyperparameters for f in first] for t in second)


def test_rounds_of_random_search_do_not_wait():
    assert len(play(search(trials=50))) == 1


def test_momentum_is_one_minus_a_log_uniform():
    """As many trials between 0.9 and 0.99 as between 0 and 0.9."""
    momenta = [t.hyperparameters["momentum"] for t in search(trials=400).ask()]
    assert sum(m > 0.9 for m in momenta) == pytest.approx(200, abs=50)
    assert all(a != b for a, b in pairwise(momenta))


def test_a_whole_range_is_drawn_whole():
    space = {"units": Range(3, 4, "log", whole=True)} | {k: v for k, v in PAPER_SPACE.items() if k != "units"}
    assert {t.hyperparameters["units"] for t in search(space=space, trials=40).ask()} == {3, 4}


@pytest.mark.parametrize(("oracle", "threads"), [("bayesian", {1}), ("random", {2})])
def test_a_gaussian_process_is_fitted_by_one_thread(oracle, threads):
    """A sweep has a worker on every core. Random search multiplies no matrices: nothing is limited for it."""
    one = search(oracle)
    create, seen = one.oracle.create_trial, set()

    def create_trial(tuner_id):
        seen.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return create(tuner_id)

    one.oracle.create_trial = create_trial
    with threadpool_limits(2, user_api="blas"):
        one.ask()
    assert seen == threads
