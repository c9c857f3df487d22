"""What a layer is: a function of sequences whose weights are arrays, by name, with an axis of lanes.

A network (`suite.network`) is a few layers, one after the other, and a head. A layer is described by its
fields and owns no arrays: its weights are passed to it, as are the carries, which hold what it keeps from the
steps before. So one description serves every trial, any number of lanes, and any width.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from keras import ops

from suite.axis import Axis, shape_of
from suite.draws import derive_keys
from suite.tensor import Tensor

Weights: TypeAlias = Mapping[str, Tensor]  # by name, (lanes, …)
Axes: TypeAlias = dict[str, tuple[Axis, ...]]  # of weights by name, without the axis of lanes
Carry: TypeAlias = Any  # nested dicts and tuples of arrays (lanes, batch, …); None before the first step


@dataclass(frozen=True)
class Context:
    """What layers read besides their inputs and weights.

    - `steps`: the length of each sequence, (lanes, batch); what lies beyond is padding.
    - `unit_mask`: 1 for the units that a lane has and 0 for its padding, (lanes, 1, units).
    - `settings`: hyperparameters of a trial by name, (lanes,), such as "input_noise".
    - `keys`: the key of each lane's random draws in this update, (lanes, 2), uint32; None in scoring, where
      nothing is random.
    """

    steps: Tensor
    unit_mask: Tensor
    settings: Mapping[str, Tensor] = field(default_factory=dict)
    keys: Tensor | None = None

    def with_keys(self, number: int) -> "Context":
        """Return the context of one of several parts: its random draws are independent of the others'."""
        return self if self.keys is None else replace(self, keys=derive_keys(self.keys, number))

    @property
    def width(self) -> int:
        """The number of units that networks are padded to."""
        return self.unit_mask.shape[-1]

    def entry_mask(self, axis: Axis) -> Tensor:
        """Return 1 for the entries of an axis that a lane has and 0 for its padding, (lanes, 1, length)."""
        fixed = ops.ones((*self.unit_mask.shape[:2], axis.fixed), self.unit_mask.dtype)
        return ops.concatenate([self.unit_mask] * axis.units + [fixed], axis=-1)


class Layer:
    """The base class of layers, which are frozen dataclasses; it has no weights and returns its inputs.

    Inputs x are (lanes, batch, steps, …), with the axis `features` last. Padding of units must be zero in the
    outputs if it is zero in x, and steps of padding after the end of a sequence must not change the steps
    before.
    """

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """The names of what the layer reads from `Context.settings`."""
        return ()

    @property
    def initial_weights(self) -> Mapping[str, str]:
        """Rules by patterns of the names of the layer's weights (`suite.initial_weights`)."""
        return {}

    def parts(self, features: Axis) -> Iterator[tuple[str, "Layer", Axis]]:
        """Yield each layer in this one: the scope of its weights' names, the layer, and its input axis."""
        yield from ()

    def gates(self, name: str) -> tuple[str, ...]:
        """Return the names of the gates side by side in a weight: its own name, if it is not of gates."""
        return (name,)

    def is_fixed(self, name: str) -> bool:
        """Whether a weight is drawn and never trained."""
        return False

    def own_axes(self, features: Axis) -> Axes:
        """Return the axes of the layer's weights by name, without those of the layers in it."""
        return {}

    def axes(self, features: Axis) -> Axes:
        """Return the axes of all weights, by name; a layer in this one adds its scope to its names."""
        axes: Axes = {}
        for scope, layer, input_axis in self.parts(features):
            axes |= add_scope(scope, layer.axes(input_axis))
        return axes | self.own_axes(features)

    def output_axis(self, features: Axis) -> Axis:
        """Return the last axis of the outputs."""
        return features

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        """Return the outputs (lanes, batch, steps, …), and what the next call takes as `carry`.

        A call that gets the carry of the call before continues its sequences.
        """
        return x, carry

    def operations(self, features: Axis, units: int) -> int:
        """Return the multiply–adds of a step forward: by default, one for each entry of a matrix."""
        shapes = (shape_of(axes, units) for axes in self.own_axes(features).values() if len(axes) > 1)
        parts = sum(layer.operations(input_axis, units) for _, layer, input_axis in self.parts(features))
        return sum(map(math.prod, shapes)) + parts

    def activations(self, features: Axis, units: int) -> int:
        """Return about how many numbers a step keeps for the backward pass."""
        parts = sum(layer.activations(input_axis, units) for _, layer, input_axis in self.parts(features))
        return parts or self.output_axis(features).length(units)

    def state_size(self, features: Axis, units: int) -> int:
        """Return how many numbers the layer carries from one step to the next."""
        return sum(layer.state_size(input_axis, units) for _, layer, input_axis in self.parts(features))

    def start_carry(self, features: Axis, lanes: int, batch: int, width: int) -> Carry:
        """Return the carry before the first step of sequences, in arrays for `width` units.

        Raises `Refusal` for a layer that cannot continue sequences, because it reads them backward.
        """
        return {
            scope: layer.start_carry(input_axis, lanes, batch, width)
            for scope, layer, input_axis in self.parts(features)
        }


@dataclass(frozen=True)
class Stack(Layer):
    """Layers by name, one after the other; the outputs are those of the last.

    With `skip`, every layer but the first also sees the inputs of the stack, and the outputs of all layers
    are joined, as in Graves (2013), figure 1. The name of a weight begins with that of its layer.
    """

    layers: Mapping[str, Layer]
    skip: bool = False

    def parts(self, features: Axis) -> Iterator[tuple[str, Layer, Axis]]:
        input_axis = features
        for name, layer in self.layers.items():
            yield name, layer, input_axis
            outputs = layer.output_axis(input_axis)
            input_axis = outputs + features if self.skip else outputs

    def output_axis(self, features: Axis) -> Axis:
        if not self.layers:  # as in a linear model without inputs
            return features
        outputs = [layer.output_axis(input_axis) for _, layer, input_axis in self.parts(features)]
        return sum(outputs[1:], outputs[0]) if self.skip else outputs[-1]

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        inputs, carries = x, {}
        outputs: list[Tensor] = []
        axes: list[Axis] = []
        for k, (name, layer, input_axis) in enumerate(self.parts(features)):
            if self.skip and outputs:
                x = join_features((x, inputs), (axes[-1], features), context.width)
            before = None if carry is None else carry[name]
            x, carries[name] = layer.apply(
                select_scope(name, weights), x, input_axis, context.with_keys(k), before
            )
            outputs.append(x)
            axes.append(layer.output_axis(input_axis))
        return join_features(outputs, axes, context.width) if self.skip else x, carries


def select_scope(scope: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries whose names begin with a scope and "/", by the rest of their names.

    From {"head/W": …, "dense/W": …}, the scope "head" selects {"W": …}.
    """
    return {
        name.removeprefix(f"{scope}/"): array
        for name, array in arrays.items()
        if name.startswith(f"{scope}/")
    }


def add_scope(scope: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries with a scope and "/" before each name: {"W": …} becomes {"head/W": …}."""
    return {f"{scope}/{name}": array for name, array in arrays.items()}


def join_features(arrays: Sequence[Tensor], axes: Sequence[Axis], width: int) -> Tensor:
    """Concatenate arrays (…, length) with these last axes: first the units of all, then their fixed entries.

    This is the order of the sum of the axes. `width` is the number of units that the arrays are padded to.
    """
    cuts = [axis.units * width for axis in axes]
    blocks = [array[..., :cut] for array, cut in zip(arrays, cuts, strict=True) if cut]
    fixed = [array[..., cut:] for array, axis, cut in zip(arrays, axes, cuts, strict=True) if axis.fixed]
    return ops.concatenate([*blocks, *fixed], axis=-1)


def matmul_steps(x: Tensor, matrix: Tensor) -> Tensor:
    """Return x (lanes, batch, steps, rows) times matrices (lanes, rows, columns), as one product a lane."""
    lanes, _, steps, rows = ops.shape(x)
    y = ops.matmul(ops.reshape(x, (lanes, -1, rows)), matrix)
    return ops.reshape(y, (lanes, -1, steps, matrix.shape[-1]))
