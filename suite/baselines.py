"""Baselines: networks without a recurrent layer, to compare recurrent ones with.

A baseline is a function from its options (`suite.options`) to its layers by name; after them comes the linear
readout of every network. To add one, write its function and add its line to `suite.variants`. Layers are
imported in the functions, because a command reads the options of a baseline before it loads Keras.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from suite.options import Between

if TYPE_CHECKING:
    from suite.layers.base import Layer


def linear() -> "Mapping[str, Layer]":
    """Linear model of the current step."""
    return {}


def window(*, steps: Annotated[int, Between(1, 1000)] = 8) -> "Mapping[str, Layer]":
    """Perceptron with a hidden layer over a window of the last steps."""
    from suite.layers.feedforward import Dense, Window

    return {"window": Window(steps), "dense": Dense()}


def conv(
    *, taps: Annotated[int, Between(2, 32)] = 3, blocks: Annotated[int, Between(1, 12)] = 4
) -> "Mapping[str, Layer]":
    """Temporal convolutional network (Bai et al., 2018): residual blocks of dilated causal convolutions.

    Block k has dilation 2ᵏ, so an output sees the last 1 + 2 · (taps − 1) · (2 ** blocks − 1) steps.
    """
    from suite.layers.feedforward import ResidualBlock

    return {f"block{k + 1}": ResidualBlock(taps, 2**k) for k in range(blocks)}
