"""Settings that make tests fast, as what they compute is small; modules of a test leave with it."""

import atexit
import gc
import os
import signal
import sys
from pathlib import Path

import pytest

os.environ["XLA_FLAGS"] = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
)
# NumPy and SciPy: threads for tiny matrices wait, busily, for each other and for the tests beside them
os.environ["OPENBLAS_NUM_THREADS"] = "1"
# A shell starts background jobs with SIGINT ignored, and their processes inherit that: a test that sends the
# signal would wait for ever
signal.signal(signal.SIGINT, signal.default_int_handler)
# Python searches for garbage as it ends, too: for ten seconds, in all that the libraries hold by then
atexit.register(gc.freeze)


def pytest_collection_finish() -> None:
    """Keep what is imported by now out of the search for garbage: it stays to the end."""
    gc.freeze()


@pytest.fixture(autouse=True)
def own_modules(tmp_path_factory):
    """Forget the modules that a test has made and imported: the next one may call its own the same."""
    before = set(sys.modules)
    yield
    for name in sys.modules.keys() - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(tmp_path_factory.getbasetemp()):
            del sys.modules[name]


@pytest.fixture
def float64():
    """Let the backend hold float64 for the time of a test."""
    from precision import double_precision  # imports Keras, which most tests do without

    with double_precision():
        yield
