"""RNN Odyssey: which parts of an LSTM matter, on which tasks, and how sure are we?

`suite.store.load(folder)` returns the rows of a sweep as a pandas frame. Importing this package loads no
library; `suite.store` is imported when it is first used.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

if sys.platform == "win32":
    raise ImportError("RNN Odyssey runs on Linux and macOS, not on Windows; there, install it in WSL")

if TYPE_CHECKING:
    from suite import store as store

# TensorFlow reads it once, when it is loaded; where Keras is imported before the suite, it prints a lot
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# several processes may share a GPU, so none takes all of its memory when it starts
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


class Refusal(Exception):
    """Bad input, in one line: what was expected, what was given, what to do. The exit code is 2."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("rnn-odyssey")
    if name == "store":
        return importlib.import_module("suite.store")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
