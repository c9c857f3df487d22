"""The settings of both backends."""

import keras

import suite.backend  # noqa: F401  sets what is tested


def test_products_on_a_gpu_are_not_rounded_to_tf32():
    if keras.backend.backend() == "jax":
        import jax

        assert jax.config.jax_default_matmul_precision == "highest"
    else:
        import tensorflow as tf

        assert not tf.config.experimental.tensor_float_32_execution_enabled()
