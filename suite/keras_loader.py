"""Load Keras and its backend with the suite's settings, and hide their messages."""

import contextlib
import gc
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator

from suite import Refusal, environment, program_cache

KERAS_BACKENDS = ("tensorflow", "jax", "torch")
UNUSED_BY_COMMANDS = ("matplotlib", "sklearn")  # Keras imports them, if installed, for its plots and wrappers


def load_keras() -> None:
    """Import Keras and its backend with the suite's settings; TensorFlow's messages are not shown.

    Refuses a backend that is not installed. If the cache of compiled programs cannot be used, one line on
    stderr says why. Safe to call again: it then only resets the defaults of Keras.
    """
    if "keras" not in sys.modules:
        environment.set_library_environment()
        reason = program_cache.enable_cache()
        if reason and not multiprocessing.parent_process():  # once, not in every worker
            print(
                f"odyssey: compiled programs are not stored for later runs: {reason}",
                file=sys.stderr,
                flush=True,
            )
        with hold_back_stderr(), lean_import():
            try:
                import keras  # noqa: F401
            except ModuleNotFoundError as error:
                if error.name in KERAS_BACKENDS:
                    raise missing_backend(error.name) from error
                raise
    environment.reset_keras_defaults()


@contextlib.contextmanager
def lean_import() -> Iterator[None]:
    """Save a second and 75 MB of every process that imports Keras in the block, and half a second at its end.

    `UNUSED_BY_COMMANDS` cannot be imported in the block, except by notebooks, which may use them through
    Keras. What the block imports is needed until the process ends, so it is never searched for garbage.
    """
    hidden = () if "ipykernel" in sys.modules else set(UNUSED_BY_COMMANDS) - sys.modules.keys()
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: cannot be imported
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def hold_back_stderr() -> Iterator[None]:
    """Hide what the block and its libraries write to stderr; show it only if the block fails.

    The lines are held by a second process, as a backend may end this one while it is being loaded. The second
    process prints the lines when the pipe closes, and is killed before that if the block succeeds.
    """
    sys.stderr.flush()
    program = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    holder = subprocess.Popen([sys.executable, "-ISc", program], stdin=subprocess.PIPE, stdout=2)
    assert holder.stdin
    original_stderr = os.dup(2)
    os.dup2(holder.stdin.fileno(), 2)
    failed = True
    try:
        yield
        failed = False
    except Refusal:  # its message is complete
        failed = False
        raise
    finally:
        sys.stderr.flush()
        os.dup2(original_stderr, 2)
        os.close(original_stderr)
        if not failed:
            holder.kill()
        holder.stdin.close()
        holder.wait()


def missing_backend(backend: str) -> Refusal:
    """Return the refusal for a backend that is not installed."""
    other = "jax" if backend == "tensorflow" else "tensorflow"
    return Refusal(
        f"backend {backend!r} is not installed: choose the other with --backend {other}, or install {backend}"
    )
