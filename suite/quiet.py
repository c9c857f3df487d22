"""Loading Keras in silence."""

import os
import sys
import tempfile

from suite import Refusal, machine

BACKENDS = ("tensorflow", "jax", "torch")


def load_keras() -> None:
    """Import Keras and its backend without what TensorFlow's libraries print while they load.

    They write a few lines before they read TF_CPP_MIN_LOG_LEVEL, straight to the descriptor of stderr. Where
    the import fails, what was written is shown; a backend that is not installed is refused.
    """
    if "keras" in sys.modules:
        return
    machine.reuse_programs()
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException as error:
            if isinstance(error, ModuleNotFoundError) and error.name in BACKENDS:
                raise missing(error.name) from error
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def missing(backend: str) -> Refusal:
    """Return the refusal of a backend that is not installed."""
    other = "jax" if backend == "tensorflow" else "tensorflow"
    return Refusal(
        f"backend {backend!r} is not installed: choose the other with --backend {other}, or install {backend}"
    )
