"""Double precision."""

import pytest
from run_cells import double_precision


@pytest.fixture
def float64():
    """Let the backend hold float64 for the time of a test."""
    with double_precision():
        yield
