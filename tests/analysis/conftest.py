"""Fewer resamples than a report takes, where intervals are not what is tested."""

import pytest

from suite.analysis import hyperparameter_claims, significance


@pytest.fixture(scope="module")
def few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        for module in (significance, hyperparameter_claims):
            patch.setattr(module, "BOOTSTRAP_RESAMPLES", 400)
        yield
