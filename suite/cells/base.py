"""What every cell shares: its weights, its one matrix product, and the contract of `keras.layers.RNN`."""

import keras
import numpy as np
from keras import ops


class Cell(keras.layers.Layer):
    """A one-step recurrence, declared as data and written as equations.

    A subclass declares

    - `gates`: groups of gates, one letter a gate; the gates of a group share one product,
    - `peepholes`: the gates with a peephole weight,
    - `states`: what is carried from step to step; the first one is the output,
    - `recurrent`: further recurrent matrices, by name, with (rows, columns) counted in units, for `product`,

    and writes `step(x, h, …)`, which returns the new states in that order (the bare array, where there is
    only one). In it `x` is only ever handed to `affine` or `project`, and `affine` and `product` multiply by
    matrices. All else is elementwise in `keras.ops`, with `mean` and `variance` over the units: lanes are
    padded, so a sum over the last axis of its own would depend on what else is trained. Nothing is random,
    and a cell owns no other layers or weights. `suite.cells.check` refuses what breaks these rules.

    Weights: `W[group]` (features, gates · units), `R[group]` (units, gates · units), `b[group]`
    (gates · units,), `p[gate]` (units,), and `R[name]` of `recurrent`, each drawn from N(0, 0.1²). With
    `lanes=K` the arrays hold K trials: x is (K, batch, features), a state (K, batch, units), and each weight
    gets a leading axis of K (a vector becomes (K, 1, …)).
    """

    gates: tuple[str, ...] = ()
    peepholes: str = ""
    states: tuple[str, ...] = ("h",)
    recurrent: dict[str, tuple[int, int]] = {}

    unit_mask = None  # (lanes, 1, units), 1 for the units a lane has; set by the time loop

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        keras.saving.register_keras_serializable(package=cls.__module__)(cls)

    def __init__(self, units: int, lanes: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.lanes = units, lanes
        self.state_size = [units] * len(self.states)
        self.output_size = units

    @classmethod
    def shapes(cls, features: int, units: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight of one trial, by name ("W/zifo", "p/i"), in order of creation."""
        shapes = {}
        for group in cls.gates:
            shapes[f"W/{group}"] = (features, len(group) * units)
            shapes[f"R/{group}"] = (units, len(group) * units)
            shapes[f"b/{group}"] = (len(group) * units,)
        for gate in cls.peepholes:
            shapes[f"p/{gate}"] = (units,)
        for name, (rows, columns) in cls.recurrent.items():
            shapes[f"R/{name}"] = (rows * units, columns * units)
        return shapes

    def build(self, input_shape):
        """Create the weights for inputs of shape (…, features)."""
        self.weights_by_name = {
            name: self.add_weight(
                name=name.replace("/", "_"),
                shape=with_lanes_axis(shape, self.lanes),
                initializer=keras.initializers.RandomNormal(stddev=0.1),  # one instance a weight: see tests
            )
            for name, shape in self.shapes(input_shape[-1], self.units).items()
        }
        for kind in "WRbp":
            own = {
                name[2:]: weight
                for name, weight in self.weights_by_name.items()
                if name.startswith(f"{kind}/")
            }
            setattr(self, kind, own)

    def project(self, group, x):
        """Return W x + b of a group of gates, (…, gates · units), for one step or many.

        The time loop has projected all steps at once, and hands in the projections {group: W x + b} as x.
        """
        return x[group] if isinstance(x, dict) else ops.matmul(x, self.W[group]) + self.b[group]

    def affine(self, group, x, h):
        """Return W x + R h + b for each gate of a group, a list of arrays like h."""
        return ops.split(self.project(group, x) + self.product(group, h), len(group), axis=-1)

    def product(self, name, m):
        """Return m times the recurrent matrix R[name], of a group of gates or of `recurrent`."""
        return ops.matmul(m, self.R[name])

    def masked(self, a):
        """Return a (…, k · units) with zeros for the units that a lane is padded with."""
        if self.unit_mask is None:
            return a
        mask = ops.tile(self.unit_mask, (1, 1, a.shape[-1] // self.units))
        return ops.where(mask > 0, a, ops.zeros_like(a))

    def mean(self, a):
        """Return the mean of a (…, k · units) over its last axis, (…, 1); padding does not count."""
        if self.unit_mask is None:
            return ops.mean(a, axis=-1, keepdims=True)
        own = ops.sum(self.unit_mask, axis=-1, keepdims=True) * (a.shape[-1] // self.units)
        return ops.sum(self.masked(a), axis=-1, keepdims=True) / ops.maximum(own, 1.0)  # a lane may be empty

    def variance(self, a):
        """Return the variance of a (…, k · units) over its last axis, (…, 1); padding does not count."""
        return self.mean(ops.square(a - self.mean(a)))

    def step(self, x, *states):
        """Return the states after one step: the equations of the cell."""
        raise NotImplementedError

    def advance(self, x, states):
        """Return the tuple of states after one step."""
        new = self.step(x, *states)
        return new if isinstance(new, tuple) else (new,)

    def call(self, inputs, states, training=False):
        """Take one step as `keras.layers.RNN` asks for it: return h and the list of new states."""
        new = self.advance(inputs, states)
        return new[0], list(new)

    def get_config(self):
        """Return what recreates the cell."""
        return {**super().get_config(), "units": self.units, "lanes": self.lanes}


def with_lanes_axis(shape, lanes):
    """Return the shape of a weight of one trial with an axis for the lanes, where there are any."""
    if lanes is None:
        return shape
    return (lanes, 1, *shape) if len(shape) == 1 else (lanes, *shape)


def pad_units(array: np.ndarray, shape: tuple[int, ...], units: int, width: int) -> np.ndarray:
    """Return an array of a trial with so many units padded with zeros to a shape for `width` units.

    An axis of k · units entries becomes k blocks of `width`; one that does not count units stays as it is.
    """
    wide = np.zeros(shape, array.dtype)
    blocks = [
        np.arange(m) if n == m else (np.arange(0, m, width)[:, None] + np.arange(units)).ravel()
        for n, m in zip(array.shape, shape, strict=True)
    ]
    wide[np.ix_(*blocks)] = array
    return wide
