"""Fix the settings of libraries that scores depend on, overriding the user's environment and files."""

import os
import sys

# The user decides which device JAX uses and what it caches. All other variables of JAX are removed: they may
# change numbers, as JAX_ENABLE_X64 does, or end trials, as JAX_DEBUG_NANS does.
KEPT_JAX_PREFIXES = ("JAX_PLATFORM", "JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE", "JAX_CUDA", "JAX_ROCM")


def set_library_environment() -> None:
    """Set the environment variables that JAX, Keras and matplotlib read when they are imported.

    Keras imports matplotlib. A command that is run from a notebook inherits the name of the notebook's
    matplotlib backend, which may not be installed for the command; the notebook itself keeps its backend.
    """
    if "ipykernel" not in sys.modules:
        os.environ["MPLBACKEND"] = "agg"
    os.environ["KERAS_NNX_ENABLED"] = "false"  # else variables are objects of Flax
    for name in [
        name for name in os.environ if name.startswith("JAX_") and not name.startswith(KEPT_JAX_PREFIXES)
    ]:
        del os.environ[name]


def reset_keras_defaults() -> None:
    """Reset the defaults of Keras that weights and layers rely on, because keras.json may change them."""
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
