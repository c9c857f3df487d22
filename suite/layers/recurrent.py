"""Layers around a cell: over time, and in both directions."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keras import ops

from suite import Refusal
from suite.axis import ONE_UNIT_EACH, Axis
from suite.cells.base import Cell
from suite.layers.base import Axes, Carry, Context, Layer, Weights, join_features, select_scope
from suite.layers.loop import run_over_time
from suite.tensor import Tensor


@dataclass(frozen=True)
class Recurrent(Layer):
    """A cell, run over each sequence from its first step to its last; the outputs are h."""

    cell: type[Cell]

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        return tuple(self.cell.hyperparameters)

    @property
    def initial_weights(self) -> Mapping[str, str]:
        return self.cell.initial_weights

    def gates(self, name: str) -> tuple[str, ...]:
        kind, _, group = name.partition("/")
        is_joined = kind in ("W", "R", "b") and group in self.cell.groups()
        return tuple(f"{kind}/{gate}" for gate in group) if is_joined else (name,)

    def is_fixed(self, name: str) -> bool:
        return self.cell.is_fixed(name)

    def own_axes(self, features: Axis) -> Axes:
        return self.cell.axes(features)

    def output_axis(self, features: Axis) -> Axis:
        return ONE_UNIT_EACH

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        cell = self.cell(context.width, lanes=x.shape[0])  # not built: it has no weights of its own
        return run_over_time(cell, weights, x, context.unit_mask, carry, context.settings, context.keys)

    def activations(self, features: Axis, units: int) -> int:
        gates = sum(axes[0].length(units) for axes in self.own_axes(features).values() if len(axes) == 1)
        return gates + self.state_size(features, units)

    def state_size(self, features: Axis, units: int) -> int:
        return sum(map(math.prod, self.cell.state_shapes(units)))

    def start_carry(self, features: Axis, lanes: int, batch: int, width: int) -> Carry:
        return self.cell(width, lanes=lanes).start_states(lanes, batch)


@dataclass(frozen=True)
class Bidirectional(Layer):
    """A layer run in both directions over each sequence; the outputs of both are joined.

    Schuster and Paliwal (1997). Each sequence is reversed within its own length. It has no carry, because the
    second direction begins at the end.
    """

    layer: Layer

    def parts(self, features: Axis) -> Iterator[tuple[str, Layer, Axis]]:
        yield "forward", self.layer, features
        yield "backward", self.layer, features

    def output_axis(self, features: Axis) -> Axis:
        return self.layer.output_axis(features) * 2

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        forward, _ = self.layer.apply(select_scope("forward", weights), x, features, context)
        x = reverse_sequences(x, context.steps)
        backward, _ = self.layer.apply(select_scope("backward", weights), x, features, context.with_keys(1))
        both = forward, reverse_sequences(backward, context.steps)
        return join_features(both, [self.layer.output_axis(features)] * 2, context.width), None

    def start_carry(self, features: Axis, lanes: int, batch: int, width: int) -> Carry:
        raise Refusal(
            "direction=both reads sequences from their end, so it cannot carry its state from one update to "
            "the next, or run on its own predictions: use direction=forward on this task"
        )


def reverse_sequences(x: Tensor, steps: Tensor) -> Tensor:
    """Return x (lanes, batch, steps, features) with each sequence reversed within its length, (lanes, batch).

    Steps of padding stay where they are.
    """
    position = ops.arange(ops.shape(x)[2])
    last = steps[:, :, None] - 1
    source = ops.where(position <= last, last - position, position)[..., None]

    # a reversal is its own inverse and its own gradient; the gradient of a gather would be a slow scatter
    @ops.custom_gradient
    def reverse(x):
        def gradient(*args: Tensor, upstream: Tensor | None = None) -> Tensor:
            (dy,) = args or (upstream,)  # JAX passes it as the positional argument, TensorFlow as the keyword
            return ops.take_along_axis(dy, source, axis=2)

        return ops.take_along_axis(x, source, axis=2), gradient

    return reverse(x)
