"""Layers without recurrence: noise, embedding, dense, window of steps, causal dilated convolution."""

from collections.abc import Iterator
from dataclasses import dataclass

from keras import ops

from suite.axis import ONE_UNIT_EACH, Axis
from suite.draws import normal_draws, unit_normal_draws
from suite.layers.base import (
    Axes,
    Carry,
    Context,
    Layer,
    Weights,
    join_features,
    matmul_steps,
    select_scope,
)
from suite.tensor import Tensor


@dataclass(frozen=True)
class InputNoise(Layer):
    """Gaussian noise on the inputs in training, with the standard deviation "input_noise"."""

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        return ("input_noise",)

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        if context.keys is None:
            return x, carry
        stddev = context.settings["input_noise"][:, None, None, None]
        if features.units:
            noise = unit_normal_draws(context.keys, ops.shape(x)[1:-1], features.numbers(context.width))
            noise = noise * context.entry_mask(features)[:, None]
        else:
            noise = normal_draws(context.keys, ops.shape(x)[1:])
        return x + stddev * noise, carry

    def activations(self, features: Axis, units: int) -> int:
        return features.length(units)


@dataclass(frozen=True)
class Embedding(Layer):
    """A vector for each symbol: integer inputs (lanes, batch, steps) become (lanes, batch, steps, units).

    It equals a matrix product with one-hot vectors, and takes no time for the zeros in them.
    """

    def own_axes(self, features: Axis) -> Axes:
        return {"W": (features, ONE_UNIT_EACH)}

    def output_axis(self, features: Axis) -> Axis:
        return ONE_UNIT_EACH

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        lanes, _, steps = ops.shape(x)
        vectors = ops.take_along_axis(weights["W"], ops.reshape(x, (lanes, -1, 1)), axis=1)
        return ops.reshape(vectors, (lanes, -1, steps, context.width)), carry

    def operations(self, features: Axis, units: int) -> int:
        return 0


@dataclass(frozen=True)
class Dense(Layer):
    """y = tanh(W x + b) at every step, with an output for each unit."""

    def own_axes(self, features: Axis) -> Axes:
        return {"W": (features, ONE_UNIT_EACH), "b": (ONE_UNIT_EACH,)}

    def output_axis(self, features: Axis) -> Axis:
        return ONE_UNIT_EACH

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        return ops.tanh(matmul_steps(x, weights["W"]) + weights["b"][:, None]), carry


@dataclass(frozen=True)
class Window(Layer):
    """The inputs of the last `steps` steps, joined, the oldest first; before a sequence there are zeros."""

    steps: int

    def output_axis(self, features: Axis) -> Axis:
        return features * self.steps

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        extended, steps = prepend_past(x, self.steps - 1, carry), ops.shape(x)[2]
        taps = [extended[:, :, k : k + steps] for k in range(self.steps)]  # the oldest first
        return join_features(taps, [features] * self.steps, context.width), extended[:, :, steps:]

    def state_size(self, features: Axis, units: int) -> int:
        return (self.steps - 1) * features.length(units)

    def start_carry(self, features: Axis, lanes: int, batch: int, width: int) -> Carry:
        return ops.zeros((lanes, batch, self.steps - 1, features.length(width)))


@dataclass(frozen=True)
class CausalConvolution(Layer):
    """y_t = b + Σ_k W_k x_(t − k · dilation), with an output for each unit and `taps` matrices W_k.

    Before a sequence there are zeros.
    """

    taps: int
    dilation: int = 1

    def own_axes(self, features: Axis) -> Axes:
        return {"W": (Axis(fixed=self.taps), features, ONE_UNIT_EACH), "b": (ONE_UNIT_EACH,)}

    def output_axis(self, features: Axis) -> Axis:
        return ONE_UNIT_EACH

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        steps, span = ops.shape(x)[2], (self.taps - 1) * self.dilation
        extended = prepend_past(x, span, carry)
        y = weights["b"][:, None]
        for k in range(self.taps):
            start = span - k * self.dilation
            y = y + matmul_steps(extended[:, :, start : start + steps], weights["W"][:, k])
        return y, extended[:, :, steps:]

    def state_size(self, features: Axis, units: int) -> int:
        return (self.taps - 1) * self.dilation * features.length(units)

    def start_carry(self, features: Axis, lanes: int, batch: int, width: int) -> Carry:
        return ops.zeros((lanes, batch, (self.taps - 1) * self.dilation, features.length(width)))


@dataclass(frozen=True)
class ResidualBlock(Layer):
    """Two causal convolutions with relu, and the inputs added to them: Bai et al. (2018), figure 1(b).

    y = relu(x' + relu(conv₂(relu(conv₁(x))))), where x' is x, or W x + b if x does not have an entry for each
    unit. The weight normalisation and the dropout of the paper are left out.
    """

    taps: int
    dilation: int

    @property
    def convolution(self) -> CausalConvolution:
        """Each of the two convolutions."""
        return CausalConvolution(self.taps, self.dilation)

    def parts(self, features: Axis) -> Iterator[tuple[str, Layer, Axis]]:
        yield "conv1", self.convolution, features
        yield "conv2", self.convolution, ONE_UNIT_EACH

    def own_axes(self, features: Axis) -> Axes:
        if features == ONE_UNIT_EACH:
            return {}
        return {"shortcut/W": (features, ONE_UNIT_EACH), "shortcut/b": (ONE_UNIT_EACH,)}

    def output_axis(self, features: Axis) -> Axis:
        return ONE_UNIT_EACH

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        carry, y = dict(carry or {"conv1": None, "conv2": None}), x
        for name, layer, input_axis in self.parts(features):
            own_weights = select_scope(name, weights)
            y, carry[name] = layer.apply(own_weights, y, input_axis, context, carry[name])
            y = ops.relu(y)
        if features != ONE_UNIT_EACH:
            x = matmul_steps(x, weights["shortcut/W"]) + weights["shortcut/b"][:, None]
        return ops.relu(x + y), carry


def prepend_past(x: Tensor, steps: int, past: Tensor | None) -> Tensor:
    """Return x (lanes, batch, steps, features) after `past`, the inputs of the `steps` steps before it.

    Without `past`, those are zeros.
    """
    if past is None:
        past = ops.zeros((*ops.shape(x)[:2], steps, x.shape[3]), x.dtype)
    return ops.concatenate([past, x], axis=2)
