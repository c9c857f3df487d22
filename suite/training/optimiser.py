"""Update rules with settings for each lane (`keras.optimizers` has one setting for all weights).

A rule is a function of the weights and their gradient, dicts of arrays (lanes, …), the slots (its running
averages, dicts like the weights), and the learning rate and momentum, (lanes,); it returns the new weights
and slots. Each rule computes the same as the optimiser of that name in `keras.optimizers`, with Keras's
default constants.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from keras import ops

from suite.tensor import Tensor

Weights: TypeAlias = dict[str, Tensor]
Slots: TypeAlias = dict[str, Any]  # by name: a dict like the weights, or one array (lanes,)


def sgd(
    weights: Weights, slots: Slots, gradient: Weights, rate: Tensor, momentum: Tensor
) -> tuple[Weights, Slots]:
    """Return weights and slots after a step of gradient descent with classical momentum."""

    def step(w, g, v):
        a, m = broadcast_lanes(rate, w), broadcast_lanes(momentum, w)
        v = m * v - a * g
        return w + v, v

    weights, v = map_by_name(step, weights, gradient, slots["v"])
    return weights, {"v": v}


def nesterov(
    weights: Weights, slots: Slots, gradient: Weights, rate: Tensor, momentum: Tensor
) -> tuple[Weights, Slots]:
    """Return weights and slots after a step of gradient descent with Nesterov's momentum."""

    def step(w, g, v):
        a, m = broadcast_lanes(rate, w), broadcast_lanes(momentum, w)
        v = m * v - a * g
        return w + m * v - a * g, v

    weights, v = map_by_name(step, weights, gradient, slots["v"])
    return weights, {"v": v}


def rmsprop(
    weights: Weights, slots: Slots, gradient: Weights, rate: Tensor, momentum: Tensor
) -> tuple[Weights, Slots]:
    """Return weights and slots after a step of RMSprop (Tieleman and Hinton, 2012), ρ = 0.9, and momentum."""

    def step(w, g, s, v):
        a, m = broadcast_lanes(rate, w), broadcast_lanes(momentum, w)
        s = 0.9 * s + 0.1 * g * g
        v = m * v + a * g / ops.sqrt(s + 1e-7)
        return w - v, s, v

    weights, s, v = map_by_name(step, weights, gradient, slots["s"], slots["v"])
    return weights, {"s": s, "v": v}


def adam(
    weights: Weights, slots: Slots, gradient: Weights, rate: Tensor, momentum: Tensor
) -> tuple[Weights, Slots]:
    """Return weights and slots after a step of Adam (Kingma and Ba, 2015), β₁ = 0.9, β₂ = 0.999.

    The trial's momentum is not used. As in Keras, the bias correction is in the learning rate, so that ε is
    added to the uncorrected √v.
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
    """An update rule and the names of its slots, which start at zero.

    `weight_slots` have the shapes of the weights, `lane_slots` one number for each lane. With
    `rescales_rate`, a trial trains at learning rate × (1 − momentum), as in Greff et al. (2017), because the
    steps of the rule grow as 1 / (1 − momentum).
    """

    update: Callable[[Weights, Slots, Weights, Tensor, Tensor], tuple[Weights, Slots]]
    weight_slots: tuple[str, ...]
    lane_slots: tuple[str, ...] = ()
    rescales_rate: bool = False

    def initial_slots(self, weights: dict[str, np.ndarray], lanes: int) -> Slots:
        """Return the slots before the first step; `weights` are zeros in the shapes of the weights."""
        return dict.fromkeys(self.weight_slots, weights) | {
            name: np.zeros(lanes, "float32") for name in self.lane_slots
        }


OPTIMISERS = {
    "nesterov": Optimiser(nesterov, ("v",), rescales_rate=True),
    "sgd": Optimiser(sgd, ("v",), rescales_rate=True),
    "rmsprop": Optimiser(rmsprop, ("s", "v")),
    "adam": Optimiser(adam, ("m", "v"), lane_slots=("t",)),
}


def clip_gradient(gradient: Weights, norm: Tensor, value: Tensor) -> Weights:
    """Clip each lane's gradient: first its norm, over all weights, to `norm`, then each entry to ± `value`.

    `norm` and `value`, (lanes,), are `global_clipnorm` and `clipvalue` of Keras, which takes only one of
    them; infinity does not clip. NaN stays NaN, and a norm too large for a float gives NaN, as in Keras.
    """
    length = ops.sqrt(sum(ops.sum(g * g, axis=tuple(range(1, len(g.shape)))) for g in gradient.values()))
    scale = ops.where(length > norm, norm / length + (length - length), 1.0)  # inf − inf is NaN

    def clip(g):
        limit = broadcast_lanes(value, g)
        return ops.maximum(ops.minimum(broadcast_lanes(scale, g) * g, limit), -limit)

    return {name: clip(g) for name, g in gradient.items()}


def map_by_name(step: Callable[..., tuple[Tensor, ...]], *dicts: Weights) -> list[Weights]:
    """Call a step with the arrays of each name; return each of its results as a dict by name."""
    results = {name: step(*(arrays[name] for arrays in dicts)) for name in dicts[0]}
    return [dict(zip(results, arrays, strict=True)) for arrays in zip(*results.values(), strict=True)]


def broadcast_lanes(setting: Tensor, array: Tensor) -> Tensor:
    """Return a setting (lanes,) in a shape that broadcasts over an array (lanes, …)."""
    return ops.reshape(setting, (-1,) + (1,) * (len(array.shape) - 1))
