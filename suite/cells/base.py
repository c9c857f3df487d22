"""The base class of all cells: weights, matrix products, and the contract of `keras.layers.RNN`.

`suite.cells.rnn` is the shortest cell, `suite.cells.gru` one with two products, `suite.cells.lstm` the family
of the LSTM: read one of them first. A new cell is a class like those; nothing else has to be written.
"""

import fnmatch
from collections.abc import Mapping
from typing import Any, Self

import keras
from keras import ops

from suite.axis import ONE_UNIT_EACH, Axis, shape_of
from suite.draws import derive_keys, uniform_draws
from suite.space import Range
from suite.tensor import Tensor


class Cell(keras.layers.Layer):
    """A one-step recurrence: declare its gates and states, and write `step`, its equations.

    A subclass declares

    - `gates`: groups of gates, one letter for each gate; the gates of a group share one matrix product,
    - `input_gates`: groups of gates that see the input only, with W and b but without R, for `project`,
    - `peepholes`: the gates that have a peephole weight,
    - `vectors`: further weight vectors, {name: number of units times N}, such as gains: {"g": 4},
    - `recurrent`: further recurrent matrices for `product`, {name: (rows, columns)}, counted in units,
    - `fixed`: patterns of the names of weights that are drawn and never trained, such as "R/*",
    - `states`: the names of what is carried from step to step; the first one is the output,
    - `state_axes`: the axes of each state that is no vector of N units, such as a matrix memory or a counter,
    - `hyperparameters`: ranges of hyperparameters of its own, in `settings`, such as the rate of `dropout`,
    - `initial_weights`: rules for weights that are not drawn from N(0, 0.1²) (`suite.initial_weights`),

    and writes `step(x, h, …)`, which takes the states of the step before and returns the new ones in the same
    order (the array alone where there is only one). The rules for `step`, which `suite.cells.check` tests:

    - x goes only into `affine` or `project`;
    - matrices are used only through `affine` and `product`;
    - everything else is elementwise and from `keras.ops`. To average over the units use `mean` and
      `variance`: lanes are padded, so any other sum over the last axis would include the padding;
    - random draws come from `dropout` and `zoneout` alone, and the cell has no other layers or weights.

    Weights of one trial: `W[group]` (features, gates · units), `R[group]` (units, gates · units), `b[group]`
    (gates · units,), `p[gate]` (units,), `v[name]` (k · units,) for each entry of `vectors`, and `R[name]`
    for each entry of `recurrent`. In `step`, x is (batch, features) and every
    state (batch, units). With `lanes=K` the arrays hold K trials: x is (K, batch, features), a state (K,
    batch, units), and each weight gets a leading axis of K (a vector becomes (K, 1, …)), so that the same
    `step` computes all trials at once.
    """

    gates: tuple[str, ...] = ()
    input_gates: tuple[str, ...] = ()
    peepholes: str = ""
    vectors: dict[str, int] = {}
    recurrent: dict[str, tuple[int, int]] = {}
    fixed: tuple[str, ...] = ()
    states: tuple[str, ...] = ("h",)
    state_axes: dict[str, tuple[Axis, ...]] = {}
    hyperparameters: dict[str, Range] = {}
    initial_weights: dict[str, str] = {}

    # Set by the time loop, on the copy of the cell that takes a step:
    unit_mask: Tensor | None = None  # (lanes, 1, units), 1 for the units that a lane has
    # of the random draws of the step, (lanes, 2), or of all steps, (steps, lanes, 2); None: nothing is random
    keys: Tensor | None = None
    draws: int = 0  # how many there have been in the step
    # the hyperparameters, (lanes, 1, 1) each; 0 outside the engine, as in `keras.layers.RNN`
    settings: Mapping[str, Tensor | float] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.settings = dict.fromkeys(cls.hyperparameters, 0.0)
        keras.saving.register_keras_serializable(package=cls.__module__)(cls)

    def __init__(self, units: int, lanes: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.lanes = units, lanes
        self.state_size = [units] * len(self.states)  # for Keras, which passes on what it does not check
        self.output_size = units

    @classmethod
    def axes(cls, features: Axis) -> dict[str, tuple[Axis, ...]]:
        """Return the axes of every weight of one trial, by name ("W/zifo", "p/i"), in order of creation.

        `features` is the axis of the inputs.
        """
        axes: dict[str, tuple[Axis, ...]] = {}
        for group in cls.groups():
            gates = Axis(units=len(group))
            axes[f"W/{group}"] = features, gates
            if group in cls.gates:
                axes[f"R/{group}"] = ONE_UNIT_EACH, gates
            axes[f"b/{group}"] = (gates,)
        for gate in cls.peepholes:
            axes[f"p/{gate}"] = (ONE_UNIT_EACH,)
        for name, units in cls.vectors.items():
            axes[f"v/{name}"] = (Axis(units=units),)
        for name, (rows, columns) in cls.recurrent.items():
            axes[f"R/{name}"] = Axis(units=rows), Axis(units=columns)
        return axes

    @classmethod
    def shapes(cls, features: int, units: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight of one trial, by name."""
        return {name: shape_of(axes, units) for name, axes in cls.axes(Axis(fixed=features)).items()}

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Create the weights for inputs of shape (…, features)."""
        self.weights_by_name = {
            name: self.add_weight(
                name=name.replace("/", "_"),
                shape=with_lanes_axis(shape, self.lanes),
                initializer=keras.initializers.RandomNormal(stddev=0.1),  # not shared: each has its own seed
                trainable=not self.is_fixed(name),
            )
            for name, shape in self.shapes(input_shape[-1], self.units).items()
        }
        for kind, weights in group_by_kind(self.weights_by_name).items():
            setattr(self, kind, weights)

    @classmethod
    def groups(cls) -> tuple[str, ...]:
        """Return all groups of gates: those that see the input and h, and those that see the input only."""
        return *cls.gates, *cls.input_gates

    @classmethod
    def is_fixed(cls, name: str) -> bool:
        """Whether a weight is never trained."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in cls.fixed)

    @classmethod
    def state_shapes(cls, units: int) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each state of one sequence, in a network with this many units."""
        return tuple(shape_of(cls.state_axes.get(name, (ONE_UNIT_EACH,)), units) for name in cls.states)

    def start_states(self, *batch: int, dtype: str = "float32") -> tuple[Tensor, ...]:
        """Return the states before the first step, zeros of shape (*batch, …), in the order of `states`."""
        return tuple(ops.zeros((*batch, *shape), dtype) for shape in self.state_shapes(self.units))

    def get_initial_state(self, batch_size: int) -> list[Tensor]:
        """Return the states before the first step for `keras.layers.RNN`, each (batch_size, …)."""
        lanes = () if self.lanes is None else (self.lanes,)
        return list(self.start_states(*lanes, batch_size, dtype=self.compute_dtype))

    def with_weights(self, weights: Mapping[str, Tensor], **attributes: Any) -> Self:
        """Return a copy of the cell that computes with these arrays, by name, in place of its own weights.

        `attributes` are set on the copy as well. The cell need not be built, and does not change. The copy is
        for calling `step` and what `step` calls; it is no layer to build, to track or to save.
        """
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__ | group_by_kind(weights) | attributes)
        return copy

    def affine(self, group: str, x: Tensor, h: Tensor) -> list[Tensor]:
        """Return W x + R h + b for each gate of a group: a list of arrays like h."""
        return ops.split(self.project(group, x) + self.product(group, h), len(group), axis=-1)

    def project(self, group: str, x: Tensor | dict[str, Tensor]) -> Tensor:
        """Return W x + b for a group of gates, (…, gates · units), at one step or at many.

        The time loop computes these projections for all steps at once, before the first step; it passes them
        to `step` in place of x, as a dict {group: W x + b}.
        """
        return x[group] if isinstance(x, dict) else ops.matmul(x, self.W[group]) + self.b[group]

    def product(self, name: str, m: Tensor) -> Tensor:
        """Return m times the recurrent matrix `R[name]`, that of a group of gates or of `recurrent`."""
        return ops.matmul(m, self.R[name])

    def masked(self, a: Tensor) -> Tensor:
        """Return a (…, k · units) with zeros for the units that are padding in its lane."""
        if self.unit_mask is None:
            return a
        mask = ops.tile(self.unit_mask, (1, 1, a.shape[-1] // self.units))
        return ops.where(mask > 0, a, ops.zeros_like(a))

    def mean(self, a: Tensor) -> Tensor:
        """Return the mean of a (…, k · units) over its last axis, (…, 1), without the padding."""
        if self.unit_mask is None:
            return ops.mean(a, axis=-1, keepdims=True)
        count = ops.sum(self.unit_mask, axis=-1, keepdims=True) * (a.shape[-1] // self.units)
        return ops.sum(self.masked(a), axis=-1, keepdims=True) / ops.maximum(count, 1.0)  # a free lane has 0

    def variance(self, a: Tensor) -> Tensor:
        """Return the variance of a (…, k · units) over its last axis, (…, 1), without the padding."""
        return self.mean(ops.square(a - self.mean(a)))

    def dropout(self, name: str, a: Tensor) -> Tensor:
        """Return a (…, k · units) with some entries set to zero at random in training, and the rest scaled.

        Srivastava et al. (2014); `name` is that of the hyperparameter that holds the rate. Outside training,
        and in a cell that is used as a Keras layer, it returns a.
        """
        u = self.uniform(a)
        rate = self.settings.get(name, 0.0)
        return a if u is None else ops.where(u < rate, 0.0, a / (1 - rate))

    def zoneout(self, name: str, old: Tensor, new: Tensor) -> Tensor:
        """Return a state (…, k · units) whose entries keep the old value at random in training.

        Krueger et al. (2017); `name` is that of the hyperparameter that holds the rate. Outside training, the
        result is the expectation.
        """
        u = self.uniform(new)
        rate = self.settings.get(name, 0.0)
        return rate * old + (1 - rate) * new if u is None else ops.where(u < rate, old, new)

    def uniform(self, a: Tensor) -> Tensor | None:
        """Return uniform draws on [0, 1) in the shape of a, (lanes, …, k · units); None outside training.

        Each call in a step draws anew. A unit draws the same, whatever its lane is padded to.
        """
        if self.keys is None:
            return None
        self.draws += 1
        numbers = Axis(units=a.shape[-1] // self.units).numbers(self.units)
        keys, shape = derive_keys(self.keys, self.draws), ops.shape(a)  # tensors, where not static
        rows = tuple(shape[len(keys.shape) - 1 : -1])
        return ops.reshape(uniform_draws(ops.reshape(keys, (-1, 2)), rows, numbers), shape)

    def step(self, x: Tensor, *states: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the states after one step: the equations of the cell."""
        raise NotImplementedError

    def advance(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the states after one step, always as a tuple."""
        new_states = self.step(x, *states)
        return new_states if isinstance(new_states, tuple) else (new_states,)

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        """Take one step for `keras.layers.RNN`: return the output h and the list of new states."""
        new_states = self.advance(inputs, tuple(states))
        return new_states[0], list(new_states)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which Keras creates the cell again."""
        return {**super().get_config(), "units": self.units, "lanes": self.lanes}


class LinearCell(Cell):
    """A cell whose state is a linear recurrence: h_t = a_t h_{t−1} + b_t, elementwise.

    A subclass declares `input_gates`, and writes `coefficients` in place of `step`. As a and b depend on the
    input only, a GPU computes all steps in parallel (`suite.layers.loop.run_linear`). On a core, one step
    after the other is faster: a scan in parallel took 1.2 to 3.4 times as long.
    """

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return a and b, each (…, units), from x, which goes only into `project`."""
        raise NotImplementedError

    def step(self, x: Tensor, *states: Tensor) -> Tensor:
        a, b = self.coefficients(x)
        return a * states[0] + b


def group_by_kind(weights: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return weights by kind and group: W/zifo and p/i become {"W": {"zifo": …}, "p": {"i": …}, …}."""
    return {
        kind: {name[2:]: weight for name, weight in weights.items() if name.startswith(f"{kind}/")}
        for kind in "WRbpv"
    }


def with_lanes_axis(shape: tuple[int, ...], lanes: int | None) -> tuple[int, ...]:
    """Return the shape of a weight of one trial with an axis for the lanes in front, if there are lanes."""
    if lanes is None:
        return shape
    return (lanes, 1, *shape) if len(shape) == 1 else (lanes, *shape)
