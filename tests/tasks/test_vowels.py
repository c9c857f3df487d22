"""Japanese vowels: the published test set, and a part of the published training set to validate."""

import numpy as np

from tasks import find_task, vowels


def test_the_utterances_are_the_published_270_and_370(load):
    splits = load("vowels")
    assert {name: len(split) for name, split in splits.items()} == {"train": 216, "valid": 54, "test": 370}
    lengths = np.concatenate([split.lengths for split in splits.values()])
    assert (lengths.min(), lengths.max()) == (7, 29)
    assert {x.shape[1] for split in splits.values() for x in split.inputs} == {find_task("vowels").features}


def test_speakers_are_equally_frequent_but_in_test(load):
    counts = {name: np.bincount(np.concatenate(split.targets)) for name, split in load("vowels").items()}
    assert (counts["train"] == 24).all()
    assert (counts["valid"] == 6).all()
    assert list(counts["test"]) == [31, 35, 88, 44, 29, 24, 40, 50, 29]


def test_a_file_has_the_values_of_each_feature_and_then_the_class(tmp_path):
    (tmp_path / "a.ts").write_text("# 9 speakers\n@classLabel true 1 2\n@data\n.1,.2,.3:7,8,9:1\n4:5:2\n")
    split = vowels.read_ts(tmp_path / "a.ts")
    np.testing.assert_allclose(split.inputs[0], [[0.1, 7], [0.2, 8], [0.3, 9]], rtol=1e-6)
    np.testing.assert_array_equal(split.inputs[1], [[4, 5]])
    assert [list(target) for target in split.targets] == [[0], [1]]
