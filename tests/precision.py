"""Double precision."""

import contextlib

import keras
import pytest


@contextlib.contextmanager
def double_precision():
    """Let the backend hold float64, which on JAX both JAX and Keras would turn into float32."""
    if keras.backend.backend() != "jax":
        yield
        return
    import jax
    from keras.src.backend.common import dtypes  # Keras has no switch for it: `tanh` of float64 is float32

    with jax.enable_x64(True), pytest.MonkeyPatch.context() as patch:
        patch.setitem(dtypes.BIT64_TO_BIT32_DTYPE, "float64", "float64")
        yield
