"""Loading Keras in silence."""

import contextlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator

from suite import Refusal, environment, program_cache

KERAS_BACKENDS = ("tensorflow", "jax", "torch")


def load_keras() -> None:
    """Import Keras and its backend, with the suite's own settings, without what TensorFlow prints meanwhile.

    A backend that is not installed is refused. One line says where compiled programs cannot be kept.
    """
    if "keras" not in sys.modules:
        environment.set_library_environment()
        why = program_cache.enable_cache()
        if why and not multiprocessing.parent_process():  # once, not for every worker
            print(f"odyssey: compiled programs are not kept for later: {why}", file=sys.stderr, flush=True)
        with hold_back_stderr():
            try:
                import keras  # noqa: F401
            except ModuleNotFoundError as error:
                if error.name in KERAS_BACKENDS:
                    raise missing_backend(error.name) from error
                raise
    environment.reset_keras_defaults()


@contextlib.contextmanager
def hold_back_stderr() -> Iterator[None]:
    """Hold back what the block and its libraries write to stderr; show it if the block fails.

    A backend may end the process while it loads. So another process holds the lines: it shows them where the
    pipe ends, and is killed before that if all went well.
    """
    sys.stderr.flush()
    show = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    holder = subprocess.Popen([sys.executable, "-ISc", show], stdin=subprocess.PIPE, stdout=2)
    kept = os.dup(2)
    os.dup2(holder.stdin.fileno(), 2)
    failed = True
    try:
        yield
        failed = False
    except Refusal:  # which says all there is to say
        failed = False
        raise
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        if not failed:
            holder.kill()
        holder.stdin.close()
        holder.wait()


def missing_backend(backend: str) -> Refusal:
    """Return the refusal of a backend that is not installed."""
    other = "jax" if backend == "tensorflow" else "tensorflow"
    return Refusal(
        f"backend {backend!r} is not installed: choose the other with --backend {other}, or install {backend}"
    )
