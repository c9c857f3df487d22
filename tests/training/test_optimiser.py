"""Update rules and clipping: each lane is trained as by Keras's optimiser, independent of other lanes."""

from collections import deque

import keras
import numpy as np
import pytest
from keras import ops

from suite.training.optimiser import OPTIMISERS, clip_gradient
from suite.training.population import Population, train_population
from suite.training.program import Program, to_tensors
from suite.training.trainer import Descent
from suite.training.trial import Trial
from suite.variants import find_network

KERAS = {
    "sgd": lambda rate, momentum, **clips: keras.optimizers.SGD(rate, momentum, **clips),
    "nesterov": lambda rate, momentum, **clips: keras.optimizers.SGD(rate, momentum, nesterov=True, **clips),
    "rmsprop": lambda rate, momentum, **clips: keras.optimizers.RMSprop(rate, momentum=momentum, **clips),
    "adam": lambda rate, momentum, **clips: keras.optimizers.Adam(rate, **clips),
}
RATES, LANES, STEPS = np.array([0.1, 0.02], "float32"), 2, 6
OFF = np.full(LANES, np.inf, "float32")


def arrays(seed, *lead):
    """Return the weights, or gradients, of two lanes; of the lengths of the second, some are above 2.5."""
    rng = np.random.default_rng(seed)
    shapes = {"W": (3, 2), "b": (2,)}
    return {name: rng.normal(size=(*lead, LANES, *shape)).astype("float32") for name, shape in shapes.items()}


def updates(name, momenta, norm=OFF, value=OFF, spoil=None):
    """Return the weights after `STEPS` updates, and the gradients of every update."""
    rule, gradients = OPTIMISERS[name], arrays(1, STEPS)
    if spoil is not None:
        gradients["W"][2, spoil, 0, 0] = np.nan
    weights = to_tensors(arrays(0))
    slots = to_tensors(rule.initial_slots({n: np.zeros_like(w) for n, w in arrays(0).items()}, LANES))
    norm, value, rate, momentum = to_tensors([norm, value, RATES, np.array(momenta, "float32")])
    for k in range(STEPS):
        gradient = clip_gradient(to_tensors({n: g[k] for n, g in gradients.items()}), norm, value)
        weights, slots = rule.update(weights, slots, gradient, rate, momentum)
    return {n: ops.convert_to_numpy(w) for n, w in weights.items()}, gradients


@pytest.mark.parametrize(
    ("setting", "theirs", "limits"),
    [(None, None, OFF), ("norm", "global_clipnorm", [0.7, 2.5]), ("value", "clipvalue", [0.1, 0.8])],
    ids=["unclipped", "norm", "value"],
)
@pytest.mark.parametrize("momenta", [(0.9, 0.5), (0.0, 0.99)])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_each_rule_is_that_of_keras_in_every_lane(name, momenta, setting, theirs, limits):
    limits = np.array(limits, "float32")
    weights, gradients = updates(name, momenta, **({setting: limits} if setting else {}))
    for lane in range(LANES):
        clips = {theirs: float(limits[lane])} if theirs else {}
        optimiser = KERAS[name](float(RATES[lane]), momenta[lane], **clips)
        kept = {n: keras.Variable(w[lane]) for n, w in arrays(0).items()}
        for k in range(STEPS):
            step = [ops.convert_to_tensor(gradients[n][k, lane]) for n in kept]
            optimiser.apply(step, list(kept.values()))
        for n, w in kept.items():
            np.testing.assert_allclose(weights[n][lane], ops.convert_to_numpy(w), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("clipping", [{}, {"norm": np.ones(LANES, "float32")}], ids=["off", "on"])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_nan_stays_in_its_lane(name, clipping):
    clean, _ = updates(name, (0.9, 0.9), **clipping)
    spoilt, _ = updates(name, (0.9, 0.9), **clipping, spoil=1)
    assert np.isnan(spoilt["W"][1, 0, 0])
    for n, w in clean.items():
        np.testing.assert_array_equal(spoilt[n][0], w[0])


def test_a_gradient_below_the_limits_is_kept_and_infinite_limits_change_no_bit():
    gradient = arrays(3)
    for limit in (OFF, 100 * np.ones(LANES, "float32")):
        clipped = clip_gradient(to_tensors(gradient), *to_tensors([limit, limit]))
        for n, g in gradient.items():
            np.testing.assert_array_equal(ops.convert_to_numpy(clipped[n]), g)


def test_the_norm_is_clipped_before_the_value():
    """3 and 4 have norm 5; clipped to 2.5 they are 1.5 and 2, and then at most 1.6."""
    gradient = to_tensors({"b": np.array([[3.0, -4.0], [3.0, -4.0]], "float32")})
    norm, value = to_tensors([np.array([2.5, np.inf], "float32"), np.array([1.6, 3.5], "float32")])
    clipped = ops.convert_to_numpy(clip_gradient(gradient, norm, value)["b"])
    np.testing.assert_allclose(clipped, [[1.5, -1.6], [3.0, -3.5]], rtol=1e-6)


def test_a_norm_too_large_for_a_float_diverges_where_it_is_clipped():
    gradient = to_tensors({"b": np.full((LANES, 2), 1e30, "float32")})
    norm, value = to_tensors([np.array([1, np.inf], "float32"), OFF])
    clipped = ops.convert_to_numpy(clip_gradient(gradient, norm, value)["b"])
    assert np.isnan(clipped[0]).all()
    assert (clipped[1] == np.float32(1e30)).all()


SETTINGS = {"units": 4, "learning_rate": 0.02, "momentum": 0.5, "input_noise": 0.0}
CLIPPED = {"clip_norm": 0.3, "clip_value": 0.1}


def trial(number, epochs=4, **changes):
    return Trial(number, 100 + number, SETTINGS | changes, epochs)


TRAINED = OPTIMISERS if keras.backend.backend() == "jax" else ["nesterov"]  # each is compared above


@pytest.fixture(scope="module", params=TRAINED)
def program(request, task, splits):
    """Return a function that creates the program of an optimiser."""
    made = {}

    def of(lanes, width=4, clips=True):
        key = lanes, width, clips
        if key not in made:
            trainer = Descent(request.param, clips)
            made[key] = Program(find_network("np", task), splits, width, lanes, 1, trainer)
        return made[key]

    return of


def curves(program, trials):
    return {r.trial.number: np.array(r.curve) for r in train_population(program, trials, patience=15)}


def test_a_population_trains_and_lanes_do_not_mix(program):
    """The third trial starts in a lane that was used: its slots start at zero. The fourth diverges."""
    trials = [trial(0), trial(1, 2, **CLIPPED), trial(2, clip_norm=0.5), trial(3, learning_rate=1e38)]
    together = curves(program(lanes=2, width=5), trials)
    for t in trials[:3]:
        alone = curves(program(lanes=1), [t])[t.number]
        np.testing.assert_allclose(together[t.number], alone, rtol=2e-5)
        assert (np.diff(alone[:, 0]) < 0).all(), "the training loss falls"
    assert not np.isfinite(together[3][-1]).all()


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="compiles two programs: on JAX")
def test_infinite_limits_give_the_results_of_a_program_that_does_not_clip(program):
    off, on = (curves(program(1, clips=clips), [trial(0)])[0] for clips in (False, True))
    np.testing.assert_allclose(on, off, rtol=1e-6)
    clipped = curves(program(1), [trial(0, **CLIPPED)])[0]
    assert not np.allclose(clipped, off, rtol=1e-4)


def test_a_program_that_does_not_clip_refuses_a_trial_that_does(program):
    population = Population(program(1, clips=False), patience=15)
    with pytest.raises(ValueError, match="clips=True"):
        population.fill_lanes(deque([trial(0, clip_norm=1.0)]))


def test_the_rate_is_rescaled_by_the_momentum_for_gradient_descent_alone(program):
    population = Population(program(1), patience=15)
    population.fill_lanes(deque([trial(0)]))
    descent = program(1).trainer.rule in ("sgd", "nesterov")
    assert float(population.state["settings"]["rate"][0]) == pytest.approx(0.01 if descent else 0.02)
