"""Temporal order: where the relevant symbols are, and the class that they give."""

import numpy as np
import pytest

from suite import identity
from tasks import find_task

# by the option `symbols`: the steps of a sequence of 50 at which each relevant symbol may be, and the hash
POSITIONS = {
    2: [range(5, 10), range(25, 30)],
    3: [range(5, 10), range(15, 20), range(30, 35)],
}
HASHES = {2: "d3c8a2d648b718a7", 3: "4179bf213d0f4953"}


@pytest.fixture(params=POSITIONS)
def symbols(request):
    return request.param


@pytest.fixture
def splits(symbols, load):
    return load(f"temporal_order@symbols={symbols}")


def relevant_steps(inputs):
    read = inputs.argmax(axis=1)
    return read, np.flatnonzero(read < 2)


def test_relevant_symbols_are_at_the_published_positions(symbols, splits):
    steps = np.array([relevant_steps(inputs)[1] for inputs in splits["train"].inputs])
    assert [set(column) for column in steps.T] == [set(positions) for positions in POSITIONS[symbols]]
    longer = np.array([relevant_steps(inputs)[1] for inputs in splits["test_8x"].inputs])
    for column, positions in zip(longer.T, POSITIONS[symbols], strict=True):
        assert 8 * positions.start <= column.min() < column.max() < 8 * positions.stop


def test_the_class_is_the_number_whose_digits_are_the_relevant_symbols(symbols, splits):
    for split in splits.values():
        for inputs, target in zip(split.inputs, split.targets, strict=True):
            assert (inputs.sum(axis=1) == 1).all()
            read, steps = relevant_steps(inputs)
            assert target.tolist() == [int("".join(map(str, read[steps])), 2)]


def test_all_distractors_occur(splits):
    read = np.array(splits["train"].inputs).argmax(axis=2)
    assert set(np.unique(read)) == set(range(6))


def test_two_symbols_have_four_classes_and_three_eight(symbols):
    task = find_task(f"temporal_order@symbols={symbols}")
    assert (task.outputs, task.trivial, task.success_tolerance) == (2**symbols, 1 - 1 / 2**symbols, 0)


def test_a_sequence_of_ten_steps_has_a_step_for_each_relevant_symbol(symbols):
    split = find_task(f"temporal_order@length=10,sequences=20,symbols={symbols}").load(None)["train"]
    steps = np.array([relevant_steps(inputs)[1] for inputs in split.inputs])
    assert (steps == {2: [1, 5], 3: [1, 3, 6]}[symbols]).all()


def test_the_data_are_the_same_in_every_version(symbols, splits):
    assert identity.data_hash(splits) == HASHES[symbols]
