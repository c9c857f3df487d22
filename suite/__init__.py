"""RNN Odyssey: which parts of an LSTM matter, on which tasks, and how sure are we?"""

import os
import sys

if sys.platform == "win32":
    raise ImportError("RNN Odyssey runs on Linux and macOS, not on Windows; there, install it in WSL")

# TensorFlow reads it once, as it loads: it chatters where Keras is imported before the suite
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# several processes may share a GPU, so none takes all of its memory when it starts
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


class Refusal(Exception):
    """Bad input, in one line: what was expected, what came, what to do. The command line exits with 2."""
