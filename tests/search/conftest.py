import pytest
from sweeps import CONFIG, rows


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """Return the rows of a sweep in this process during which nothing fails."""
    return rows(CONFIG, tmp_path_factory.mktemp("undisturbed") / "sweep")
