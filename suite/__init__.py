"""RNN Odyssey: which parts of an LSTM matter, on which tasks, and how sure are we?"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before anything imports TensorFlow, or it chatters


class Refusal(Exception):
    """Bad input, in one line: what was expected, what came, what to do. The command line exits with 2."""
