"""Drawn splits: no sequence in two of them, the same every time, and longer tests of the stated lengths."""

import itertools

import numpy as np
import pytest

from suite import Refusal, identity
from suite.task import SPLITS
from tasks import generated


def draw_bits(rng, length):
    bits = rng.integers(2, size=(length, 1)).astype(np.uint8)
    return bits, (bits.sum(keepdims=True) % 2).astype(np.int32)


def contents(splits):
    return {name: [x.tobytes() for x in split.inputs] for name, split in splits.items()}


@pytest.fixture(scope="module")
def splits():
    return generated.draw_splits("bits", draw_bits, sequences=300, length=12)


def test_train_has_the_sequences_of_the_option_and_no_other_split_more_than_200(splits):
    assert {name: len(split) for name, split in splits.items()} == {
        **{"train": 300, "valid": 200, "test": 200},
        **{"test_2x": 200, "test_4x": 200, "test_8x": 200},
    }
    few = generated.draw_splits("bits", draw_bits, sequences=10, length=12)
    assert [len(split) for split in few.values()] == [10] * 6


def test_all_sequences_of_one_length_are_distinct(splits):
    everything = list(itertools.chain(*contents(splits).values()))
    assert len(set(everything)) == len(everything) == 1300


def test_longer_tests_have_exactly_2_4_and_8_times_the_length(splits):
    lengths = {name: set(split.lengths) for name, split in splits.items()}
    assert lengths == {split: {12} for split in SPLITS} | {"test_2x": {24}, "test_4x": {48}, "test_8x": {96}}


def test_lengths_are_uniform_from_the_shortest_but_for_the_longer_tests():
    splits = generated.draw_splits("bits", draw_bits, sequences=700, length=17, shortest=11)
    counts = np.bincount(splits["train"].lengths)
    assert counts.nonzero()[0].tolist() == list(range(11, 18))
    assert np.abs(counts[11:] - 100).max() < 4 * (700 * 1 / 7 * 6 / 7) ** 0.5
    assert set(splits["test_2x"].lengths) == {34}


def test_short_sequences_are_as_frequent_as_long_ones_and_in_one_split_only():
    splits = generated.draw_splits("bits", draw_bits, sequences=200, length=10, shortest=1)
    counts = np.bincount(splits["train"].lengths, minlength=11)[1:]
    assert np.abs(counts - 20).max() < 4 * (200 * 0.1 * 0.9) ** 0.5
    sets = [set(sequences) for sequences in contents(splits).values()]
    assert len(set.union(*sets)) == sum(map(len, sets))
    assert len(sets[0]) < 200


def test_the_same_name_draws_the_same_and_another_name_or_split_draws_others(splits):
    again = generated.draw_splits("bits", draw_bits, sequences=300, length=12)
    assert contents(again) == contents(splits)
    other = contents(generated.draw_splits("other", draw_bits, sequences=300, length=12))
    assert other["train"] != contents(splits)["train"]
    assert other["train"][:200] != other["valid"]


def test_more_sequences_continue_those_of_fewer(splits):
    fewer = contents(generated.draw_splits("bits", draw_bits, sequences=200, length=12))
    assert contents(splits)["train"][:200] == fewer["train"]


def test_draws_are_the_same_on_every_platform(splits):
    """The generator and the integers that it draws are of a stated size; this hash was taken on Linux."""
    assert identity.data_hash(splits) == "58ad115173966f29"


def test_too_few_distinct_sequences_are_refused_at_the_first_that_is_missing():
    with pytest.raises(
        Refusal, match=r"^bits: expected 100 distinct sequences .* got 32; give fewer"
    ) as caught:
        generated.draw_splits("bits", draw_bits, sequences=100, length=5)
    assert "\n" not in str(caught.value)


def test_symbols_become_one_hot_vectors():
    np.testing.assert_array_equal(generated.one_hot(np.array([2, 0]), 3), [[0, 0, 1], [1, 0, 0]])
