"""Update rules whose settings differ from lane to lane; Keras's take one Python number for each.

A rule takes weights and gradient, dicts of arrays (lanes, …), its slots, learning rate and momentum (lanes,),
and returns the new weights and slots. Each is that of `keras.optimizers`, with Keras's default constants.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from keras import ops


def sgd(weights, slots, gradient, rate, momentum):
    """Take a step of gradient descent with classical momentum."""

    def step(w, g, v):
        a, m = broadcast_lanes(rate, w), broadcast_lanes(momentum, w)
        v = m * v - a * g
        return w + v, v

    weights, v = map_by_name(step, weights, gradient, slots["v"])
    return weights, {"v": v}


def nesterov(weights, slots, gradient, rate, momentum):
    """Take a step of gradient descent with Nesterov's momentum."""

    def step(w, g, v):
        a, m = broadcast_lanes(rate, w), broadcast_lanes(momentum, w)
        v = m * v - a * g
        return w + m * v - a * g, v

    weights, v = map_by_name(step, weights, gradient, slots["v"])
    return weights, {"v": v}


def rmsprop(weights, slots, gradient, rate, momentum):
    """Take a step of RMSprop (Tieleman and Hinton, 2012), ρ = 0.9, with momentum."""

    def step(w, g, s, v):
        a, m = broadcast_lanes(rate, w), broadcast_lanes(momentum, w)
        s = 0.9 * s + 0.1 * g * g
        v = m * v + a * g / ops.sqrt(s + 1e-7)
        return w - v, s, v

    weights, s, v = map_by_name(step, weights, gradient, slots["s"], slots["v"])
    return weights, {"s": s, "v": v}


def adam(weights, slots, gradient, rate, momentum):
    """Take a step of Adam (Kingma and Ba, 2015), β₁ = 0.9, β₂ = 0.999; the trial's momentum is not used.

    Like Keras, it corrects the bias in the rate, so that ε stands beside the uncorrected √v.
    """
    t = slots["t"] + 1
    corrected = rate * ops.sqrt(1 - 0.999**t) / (1 - 0.9**t)

    def step(w, g, m, v):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        return w - broadcast_lanes(corrected, w) * m / (ops.sqrt(v) + 1e-7), m, v

    weights, m, v = map_by_name(step, weights, gradient, slots["m"], slots["v"])
    return weights, {"m": m, "v": v, "t": t}


@dataclass(frozen=True)
class Optimiser:
    """An update rule and its slots, which start at zero: some like the weights, some one number a lane.

    `rescales_rate`: its steps grow as 1 / (1 − momentum), so a trial trains at learning rate × (1 −
    momentum), as in Greff et al. (2017).
    """

    update: Callable
    weight_slots: tuple[str, ...]
    lane_slots: tuple[str, ...] = ()
    rescales_rate: bool = False

    def initial_slots(self, weights: dict[str, np.ndarray], lanes: int) -> dict:
        """Return the slots of weights that are zeros themselves."""
        return dict.fromkeys(self.weight_slots, weights) | {
            name: np.zeros(lanes, "float32") for name in self.lane_slots
        }


OPTIMISERS = {
    "nesterov": Optimiser(nesterov, ("v",), rescales_rate=True),
    "sgd": Optimiser(sgd, ("v",), rescales_rate=True),
    "rmsprop": Optimiser(rmsprop, ("s", "v")),
    "adam": Optimiser(adam, ("m", "v"), lane_slots=("t",)),
}


def clip_gradient(gradient, norm, value):
    """Return a gradient of which each lane's norm, over all weights, and then each entry is at most so much.

    `norm` and `value` (lanes,) are `global_clipnorm` and `clipvalue` of Keras, which takes only one of them;
    infinity changes nothing. NaN stays NaN, and a norm too large for a float gives NaN, as in Keras.
    """
    length = ops.sqrt(sum(ops.sum(g * g, axis=tuple(range(1, len(g.shape)))) for g in gradient.values()))
    scale = ops.where(length > norm, norm / length + (length - length), 1.0)  # inf − inf is NaN

    def clipped(g):
        most = broadcast_lanes(value, g)
        return ops.maximum(ops.minimum(broadcast_lanes(scale, g) * g, most), -most)

    return {name: clipped(g) for name, g in gradient.items()}


def map_by_name(step, *dicts):
    """Return, as dicts, what a step makes of the arrays of each name."""
    made = {name: step(*(arrays[name] for arrays in dicts)) for name in dicts[0]}
    return [dict(zip(made, results, strict=True)) for results in zip(*made.values(), strict=True)]


def broadcast_lanes(setting, array):
    """Return a setting (lanes,) in a shape that broadcasts over an array (lanes, …)."""
    return ops.reshape(setting, (-1,) + (1,) * (len(array.shape) - 1))
