"""Settings of libraries that the suite decides itself, whatever the user's environment and files say."""

import os
import sys

# where JAX runs and what it keeps is the user's to say; all else, such as JAX_DEBUG_NANS or JAX_ENABLE_X64,
# changes numbers or ends trials
KEPT_JAX_PREFIXES = ("JAX_PLATFORM", "JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE", "JAX_CUDA", "JAX_ROCM")


def set_library_environment() -> None:
    """Set what libraries read as they load: of JAX, Keras, and matplotlib, which Keras imports.

    matplotlib's backend stays in a notebook's kernel. A command that a notebook runs inherits its name, and
    may not have it.
    """
    if "ipykernel" not in sys.modules:
        os.environ["MPLBACKEND"] = "agg"
    os.environ["KERAS_NNX_ENABLED"] = "false"  # variables that are Flax's objects
    for name in [
        name for name in os.environ if name.startswith("JAX_") and not name.startswith(KEPT_JAX_PREFIXES)
    ]:
        del os.environ[name]


def reset_keras_defaults() -> None:
    """Set the defaults of Keras again, which weights and layers assume: keras.json may say otherwise."""
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
