"""Fewer resamples than a report takes, where intervals are not what is tested."""

import pytest

from suite.analysis import compare, influences


@pytest.fixture(scope="module")
def few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        for module in (compare, influences):
            patch.setattr(module, "RESAMPLES", 400)
        yield
