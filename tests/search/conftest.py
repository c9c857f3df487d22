import pytest
from sweeps import ASKED, rows


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    return rows(ASKED, tmp_path_factory.mktemp("undisturbed") / "sweep")
