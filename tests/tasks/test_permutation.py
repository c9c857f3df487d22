"""The random permutation problem: the answer is the first symbol, and no later one is like it."""

import numpy as np

from suite import identity
from tasks import find_task


def test_the_answer_is_the_first_symbol_which_does_not_come_again(load):
    for split in load("permutation").values():
        for inputs, target in zip(split.inputs, split.targets, strict=True):
            assert (inputs.sum(axis=1) == 1).all()
            symbols = inputs.argmax(axis=1)
            assert target.tolist() == [symbols[0]]
            assert symbols[0] < 2 <= symbols[1:].min()


def test_all_hundred_symbols_occur(load):
    read = np.array(load("permutation")["train"].inputs).argmax(axis=2)
    assert set(np.unique(read)) == set(range(100))


def test_a_guess_is_wrong_half_of_the_time():
    task = find_task("permutation@length=200")
    assert (task.outputs, task.trivial, task.success_tolerance) == (2, 0.5, 0)


def test_the_data_of_the_default_options_are_the_same_in_every_version(load):
    assert identity.data_hash(load("permutation")) == "8051d7de09c60150"
