"""Marks of tests that an ordinary run leaves out, so that it takes ten minutes."""

import os

import pytest

LONG = "ODYSSEY_LONG" in os.environ
ONLY_LONG = pytest.mark.skipif(not LONG, reason="takes long: set ODYSSEY_LONG=1")
ON_JAX = pytest.mark.skipif(
    not LONG and os.environ.get("KERAS_BACKEND") != "jax",
    reason="takes long on TensorFlow: set ODYSSEY_LONG=1",
)
ON_TENSORFLOW = pytest.mark.skipif(
    not LONG and os.environ.get("KERAS_BACKEND") == "jax",
    reason="takes long on JAX: set ODYSSEY_LONG=1",
)
