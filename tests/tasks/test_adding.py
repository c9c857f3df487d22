"""The adding problem: two markers, one in each half, and the sum of what they mark."""

import numpy as np
import pytest

from tasks import adding


@pytest.fixture(scope="module", params=adding.SEQUENCES_PER_SPLIT)
def split(request):
    return adding.load()[request.param]


def test_one_step_is_marked_in_each_half(split):
    markers = np.array(split.inputs)[:, :, 1]
    assert set(np.unique(markers)) == {0, 1}
    assert (markers[:, :25].sum(axis=1) == 1).all()
    assert (markers[:, 25:].sum(axis=1) == 1).all()


def test_every_step_is_marked_in_some_sequence():
    assert np.array(adding.load()["train"].inputs)[:, :, 1].any(axis=0).all()


def test_the_target_is_the_sum_of_the_marked_values(split):
    for inputs, target in zip(split.inputs, split.targets, strict=True):
        marked = inputs[inputs[:, 1] == 1, 0]
        assert target[0, 0] == pytest.approx(marked[0] + marked[1], abs=1e-6)


def test_the_error_of_always_answering_one_is_a_sixth(split):
    squares = (np.array(split.targets, float) - 1) ** 2
    assert abs(squares.mean() - 1 / 6) < 3 * squares.std() / len(squares) ** 0.5
