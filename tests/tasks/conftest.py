"""Loading of registered tasks, once for all tests; tasks whose files are missing are skipped."""

import functools
import sys

import pytest

from suite import Refusal
from tasks import find_task


@pytest.fixture(scope="session")
def load():
    """Return a function from the name of a task to its splits, from $ODYSSEY_DATA and never by download."""

    @functools.cache
    def splits(name):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "keras.utils", None)
            try:
                return find_task(name).load(None)
            except Refusal as refusal:
                if "download failed" not in str(refusal):
                    raise
                pytest.skip(f"$ODYSSEY_DATA does not hold the file of {name}")

    return splits
