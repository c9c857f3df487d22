"""Layers without recurrence: noise, embedding, dense, window of steps, causal dilated convolution."""

from dataclasses import dataclass

from keras import ops

from suite.axis import ONE_UNIT_EACH, Axis
from suite.layers.base import (
    Axes,
    Carry,
    Context,
    Layer,
    Weights,
    in_scope,
    join_features,
    matmul_steps,
    scoped,
)
from suite.layers.noise import normal_draws
from suite.tensor import Tensor


@dataclass(frozen=True)
class InputNoise(Layer):
    """Gaussian noise on the inputs in training, with the standard deviation "input_noise"."""

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        if context.keys is None:
            return x, carry
        stddev = context.settings["input_noise"][:, None, None, None]
        return x + stddev * normal_draws(context.keys, ops.shape(x)[1:]), carry

    def activations(self, features: Axis, units: int) -> int:
        return features.length(units)


@dataclass(frozen=True)
class Embedding(Layer):
    """A vector for each symbol: integer inputs (lanes, batch, steps) become (lanes, batch, steps, units).

    It equals a matrix product with one-hot vectors, and takes no time for the zeros in them.
    """

    def axes(self, features: Axis) -> Axes:
        return {"embedding": (features, ONE_UNIT_EACH)}

    def output_axis(self, features: Axis) -> Axis:
        return ONE_UNIT_EACH

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        lanes, _, steps = ops.shape(x)
        vectors = ops.take_along_axis(weights["embedding"], ops.reshape(x, (lanes, -1, 1)), axis=1)
        return ops.reshape(vectors, (lanes, -1, steps, context.width)), carry

    def operations(self, features: Axis, units: int) -> int:
        return 0


@dataclass(frozen=True)
class Dense(Layer):
    """y = tanh(W x + b) at every step, with an output for each unit."""

    def axes(self, features: Axis) -> Axes:
        return {"W": (features, ONE_UNIT_EACH), "b": (ONE_UNIT_EACH,)}

    def output_axis(self, features: Axis) -> Axis:
        return ONE_UNIT_EACH

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        return ops.tanh(matmul_steps(x, weights["W"]) + weights["b"][:, None]), carry


@dataclass(frozen=True)
class Window(Layer):
    """The inputs of the last `steps` steps, joined; before a sequence there are zeros."""

    steps: int

    def output_axis(self, features: Axis) -> Axis:
        return features * self.steps

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        past = extend_past(x, self.steps - 1, carry)
        steps = ops.shape(x)[2]
        taps = [past[:, :, k : k + steps] for k in range(self.steps)]
        return join_features(taps, [features] * self.steps, context.width), past[:, :, steps:]

    def state_size(self, features: Axis, units: int) -> int:
        return (self.steps - 1) * features.length(units)


@dataclass(frozen=True)
class CausalConvolution(Layer):
    """y_t = b + Σ_k W_k x_(t − k · dilation), with an output for each unit and `taps` matrices W_k.

    Before a sequence there are zeros.
    """

    taps: int
    dilation: int = 1

    def axes(self, features: Axis) -> Axes:
        return {"W": (Axis(fixed=self.taps), features, ONE_UNIT_EACH), "b": (ONE_UNIT_EACH,)}

    def output_axis(self, features: Axis) -> Axis:
        return ONE_UNIT_EACH

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        steps, span = ops.shape(x)[2], (self.taps - 1) * self.dilation
        past = extend_past(x, span, carry)
        y = weights["b"][:, None]
        for k in range(self.taps):
            start = span - k * self.dilation
            y = y + matmul_steps(past[:, :, start : start + steps], weights["W"][:, k])
        return y, past[:, :, steps:]

    def state_size(self, features: Axis, units: int) -> int:
        return (self.taps - 1) * self.dilation * features.length(units)


@dataclass(frozen=True)
class ResidualBlock(Layer):
    """Two causal convolutions with relu, and the inputs added to them: Bai et al. (2018), figure 1(b).

    y = relu(x' + relu(conv₂(relu(conv₁(x))))), where x' is x, or W x + b if x has another length. Without
    their weight normalisation and dropout.
    """

    taps: int
    dilation: int

    @property
    def convolution(self) -> CausalConvolution:
        """Each of the two convolutions."""
        return CausalConvolution(self.taps, self.dilation)

    def axes(self, features: Axis) -> Axes:
        axes = in_scope("1", self.convolution.axes(features)) | in_scope(
            "2", self.convolution.axes(ONE_UNIT_EACH)
        )
        if features != ONE_UNIT_EACH:
            axes |= {"shortcut/W": (features, ONE_UNIT_EACH), "shortcut/b": (ONE_UNIT_EACH,)}
        return axes

    def output_axis(self, features: Axis) -> Axis:
        return ONE_UNIT_EACH

    def apply(
        self, weights: Weights, x: Tensor, features: Axis, context: Context, carry: Carry = None
    ) -> tuple[Tensor, Carry]:
        first, second = carry or (None, None)
        y, first = self.convolution.apply(scoped("1", weights), x, features, context, first)
        y, second = self.convolution.apply(scoped("2", weights), ops.relu(y), ONE_UNIT_EACH, context, second)
        if features != ONE_UNIT_EACH:
            x = matmul_steps(x, weights["shortcut/W"]) + weights["shortcut/b"][:, None]
        return ops.relu(x + ops.relu(y)), (first, second)

    def activations(self, features: Axis, units: int) -> int:
        return 4 * units

    def state_size(self, features: Axis, units: int) -> int:
        return self.convolution.state_size(features, units) + self.convolution.state_size(
            ONE_UNIT_EACH, units
        )


def extend_past(x: Tensor, steps: int, past: Carry) -> Tensor:
    """Return x (lanes, batch, steps, features) with the `steps` inputs before it, zeros if `past` is None."""
    if past is None:
        past = ops.zeros((*ops.shape(x)[:2], steps, x.shape[3]), x.dtype)
    return ops.concatenate([past, x], axis=2)
