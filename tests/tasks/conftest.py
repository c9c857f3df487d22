"""Loading of registered tasks, once for all tests; tasks whose files are missing are skipped."""

import functools

import pytest
from iam_folder import write_iam_folder
from speech_files import write_timit

from suite import Refusal
from tasks import find_task
from tasks.data import without_downloads

# what a refusal says if the data of a task was not downloaded, installed, or copied or named by the user
MISSING_DATA = ("downloaded on first use", "apt-get install", "or $ODYSSEY_DATA", "give the file")

GENERATED_FOLDERS = {  # in place of licensed data
    "timit@size=tiny": write_timit,
    "iam_ondb@size=tiny": write_iam_folder,
}


@pytest.fixture(scope="session")
def load(tmp_path_factory):
    """Return a function from the name of a task to its splits, from the data at hand, never by download."""

    @functools.cache
    def splits(name):
        folder = None
        if name in GENERATED_FOLDERS:
            folder = tmp_path_factory.mktemp("data")
            GENERATED_FOLDERS[name](folder)
        with without_downloads():
            try:
                return find_task(name).load(folder)
            except Refusal as refusal:
                if not any(reason in str(refusal) for reason in MISSING_DATA):
                    raise
                pytest.skip(f"the data of {name} is not at hand")

    return splits
