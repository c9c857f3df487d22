"""Loading Keras in silence."""

import os
import sys
import tempfile


def load_keras() -> None:
    """Import Keras and its backend without what TensorFlow's libraries print while they load.

    They write a few lines before they read TF_CPP_MIN_LOG_LEVEL, straight to the descriptor of stderr. Where
    the import fails, what was written is shown.
    """
    if "keras" in sys.modules:
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
