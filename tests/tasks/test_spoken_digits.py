"""Spoken digits: the file has the published counts, and its digits are equally many in each split."""

import numpy as np

from tasks import find_task


def test_the_recordings_are_3000_of_53999_windows(load):
    splits = load("spoken_digits")
    assert {name: len(split) for name, split in splits.items()} == {"train": 1800, "valid": 600, "test": 600}
    lengths = np.concatenate([split.lengths for split in splits.values()])
    assert (lengths.sum(), lengths.min(), lengths.max()) == (53_999, 6, 92)
    assert {x.shape[1] for split in splits.values() for x in split.inputs} == {
        find_task("spoken_digits").features
    }


def test_each_digit_is_as_frequent_in_each_split(load):
    for split in load("spoken_digits").values():
        assert set(np.bincount(np.concatenate(split.targets))) == {len(split) // 10}
