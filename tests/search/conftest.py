import pytest
from sweeps import ASKED, rows

from suite import store


@pytest.fixture(scope="session")
def undisturbed_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "sweep"
    rows(ASKED, folder)
    return folder


@pytest.fixture(scope="session")
def undisturbed(undisturbed_folder):
    return store.load(undisturbed_folder)
