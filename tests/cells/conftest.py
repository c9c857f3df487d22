"""Double precision, and a compiler that does not ponder programs that run once."""

import keras
import pytest
from run_cells import double_precision


@pytest.fixture
def float64():
    """Let the backend hold float64 for the time of a test."""
    with double_precision():
        yield


@pytest.fixture(scope="module", autouse=True)
def compile_quickly():
    """Spare JAX the optimisation of single operations, which takes half the time of these tests."""
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
