"""The adding problem: two markers, one in each half, and the sum of what they mark."""

import numpy as np
import pytest

from suite import identity
from tasks import adding, find_task

LENGTHS = {"adding": 50, "adding@length=7": 7}


@pytest.fixture(scope="module", params=LENGTHS)
def splits(request):
    return LENGTHS[request.param], find_task(request.param).load(None)


def test_one_step_is_marked_in_each_half(splits):
    length, splits = splits
    for split in splits.values():
        markers = np.array(split.inputs)[:, :, 1]
        assert markers.shape[1] == length
        assert set(np.unique(markers)) == {0, 1}
        assert (markers[:, : length // 2].sum(axis=1) == 1).all()
        assert (markers[:, length // 2 :].sum(axis=1) == 1).all()


def test_every_step_is_marked_in_some_sequence(splits):
    assert np.array(splits[1]["train"].inputs)[:, :, 1].any(axis=0).all()


def test_the_target_is_the_sum_of_the_marked_values(splits):
    for split in splits[1].values():
        for inputs, target in zip(split.inputs, split.targets, strict=True):
            marked = inputs[inputs[:, 1] == 1, 0]
            assert target[0, 0] == pytest.approx(marked[0] + marked[1], abs=1e-6)


def test_the_error_of_always_answering_one_is_a_sixth(splits):
    for split in splits[1].values():
        squares = (np.array(split.targets, float) - 1) ** 2
        assert abs(squares.mean() - 1 / 6) < 3 * squares.std() / len(squares) ** 0.5


def test_the_length_is_in_the_name_and_the_title_but_not_in_what_is_trained():
    plain, longer = find_task("adding"), find_task("adding@length=750")
    assert (plain.name, plain.title) == ("adding", "Adding problem, 50 steps")
    assert (longer.name, longer.title) == ("adding@length=750", "Adding problem, 750 steps")
    assert find_task("adding@length=50").name == "adding"
    assert identity.task_hash(longer) == identity.task_hash(plain)


def test_the_data_of_the_default_length_are_those_of_earlier_versions():
    """Rows of a sweep hold this hash, and a sweep with other data is not continued."""
    assert identity.data_hash(adding.adding_problem().load(None)) == "d7d2f24571adc955"
