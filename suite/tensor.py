"""The type of the arrays that a backend computes with."""

from typing import Any, TypeAlias

# tf.Tensor or jax.Array, or KerasTensor while Keras builds a model: they share no base class
Tensor: TypeAlias = Any
