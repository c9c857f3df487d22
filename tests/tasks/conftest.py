"""Loading of registered tasks, once for all tests; tasks whose files are missing are skipped."""

import functools
import sys

import pytest

from suite import Refusal
from tasks import find_task

# what a refusal says if the data of a task was not downloaded, installed, or copied by the user
MISSING_DATA = ("download failed", "apt-get install", "or $ODYSSEY_DATA")


@pytest.fixture(scope="session")
def load():
    """Return a function from the name of a task to its splits, from the data at hand, never by download."""

    @functools.cache
    def splits(name):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "keras.utils", None)
            try:
                return find_task(name).load(None)
            except Refusal as refusal:
                if not any(reason in str(refusal) for reason in MISSING_DATA):
                    raise
                pytest.skip(f"the data of {name} is not at hand")

    return splits
