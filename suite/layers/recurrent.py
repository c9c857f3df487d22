"""Layers around a cell: over time, and in both directions."""

from dataclasses import dataclass

from keras import ops

from suite.axis import ONE_UNIT_EACH, Axis
from suite.cells.base import Cell
from suite.layers.base import Axes, Carry, Context, Layer, Weights, in_scope, join_features, scoped
from suite.layers.loop import run_over_time
from suite.tensor import Tensor


@dataclass(frozen=True)
class Recurrent(Layer):
    """A cell, run over each sequence from its first step to its last; the outputs are h."""

    cell: type[Cell]

    def axes(self, features: Axis) -> Axes:
        return self.cell.axes(features)

    def output_axis(self, features: Axis) -> Axis:
        return ONE_UNIT_EACH

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        cell = self.cell(context.width, lanes=x.shape[0])  # not built: it has no weights of its own
        return run_over_time(cell, weights, x, context.unit_mask, carry)

    def activations(self, features: Axis, units: int) -> int:
        gates = sum(axes[0].length(units) for axes in self.axes(features).values() if len(axes) == 1)
        return gates + self.state_size(features, units)

    def state_size(self, features: Axis, units: int) -> int:
        return len(self.cell.states) * units


@dataclass(frozen=True)
class Bidirectional(Layer):
    """A layer run in both directions over each sequence; the outputs of both are joined.

    Schuster and Paliwal (1997). Each sequence is reversed within its own length. It has no carry, because the
    second direction begins at the end.
    """

    layer: Layer

    def axes(self, features: Axis) -> Axes:
        axes = self.layer.axes(features)
        return in_scope("forward", axes) | in_scope("backward", axes)

    def output_axis(self, features: Axis) -> Axis:
        return self.layer.output_axis(features) * 2

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        forward, _ = self.layer.apply(scoped("forward", weights), x, features, context)
        x = reverse_sequences(x, context.steps)
        backward, _ = self.layer.apply(scoped("backward", weights), x, features, context)
        both = forward, reverse_sequences(backward, context.steps)
        return join_features(both, [self.layer.output_axis(features)] * 2, context.width), None

    def operations(self, features: Axis, units: int) -> int:
        return 2 * self.layer.operations(features, units)

    def activations(self, features: Axis, units: int) -> int:
        return 2 * self.layer.activations(features, units)

    def state_size(self, features: Axis, units: int) -> int:
        return 2 * self.layer.state_size(features, units)


def reverse_sequences(x: Tensor, steps: Tensor) -> Tensor:
    """Return x (lanes, batch, steps, features) with each sequence reversed within its length, (lanes, batch).

    Steps of padding stay where they are.
    """
    position = ops.arange(ops.shape(x)[2])
    last = steps[:, :, None] - 1
    source = ops.where(position <= last, last - position, position)[..., None]

    @ops.custom_gradient
    def reverse(
        x,
    ):  # it is its own inverse, and so its own gradient: that of a gather would be a slow scatter
        def gradient(*args: Tensor, upstream: Tensor | None = None) -> Tensor:
            (dy,) = args or (upstream,)  # JAX passes it as the positional argument, TensorFlow as the keyword
            return ops.take_along_axis(dy, source, axis=2)

        return ops.take_along_axis(x, source, axis=2), gradient

    return reverse(x)
