"""Splits are standardised by train alone, cut down for tests, and stratified by class."""

import numpy as np

from suite.task import Split
from tasks import splits


def two_splits():
    rng = np.random.default_rng(0)
    data = {
        name: [rng.normal((3, -40, 7), (0.5, 9, 0), (steps, 3)) for steps in range(30, 42)]
        for name in ("train", "test")
    }
    return {name: Split(inputs, [np.arange(len(x)) for x in inputs]) for name, inputs in data.items()}


def test_inputs_have_mean_0_and_variance_1_in_train():
    standard = splits.standardise_inputs(two_splits())
    steps = np.concatenate(standard["train"].inputs, dtype=float)
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(steps.std(axis=0), [1, 1, 0], atol=1e-3)  # the third feature is constant
    assert steps.std(axis=0)[2] == 0


def test_other_splits_are_scaled_as_train():
    data = two_splits()
    whole = splits.standardise_inputs(data | {"test": data["train"]})
    np.testing.assert_array_equal(whole["test"].inputs[3], whole["train"].inputs[3])


def test_standardised_inputs_do_not_depend_on_rounding_in_the_last_places():
    data = two_splits()
    noisy = {
        name: Split([x * (1 + 1e-15) for x in split.inputs], split.targets) for name, split in data.items()
    }
    for one, other in zip(*(splits.standardise_inputs(d)["test"].inputs for d in (data, noisy)), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, other)


def test_a_tiny_split_has_ten_sequences_and_the_middle_20_steps():
    tiny = splits.tiny_splits(two_splits())["train"]
    assert len(tiny) == 10
    assert set(tiny.lengths) == {20}
    assert [target[0] for target in tiny.targets[:2]] == [5, 5]  # of 30 and 31 steps
    assert tiny.targets[-1][0] == 10  # of the last, which has 41


def test_a_label_for_a_whole_sequence_is_kept_and_whole_sequences_too():
    data = {"train": Split([np.ones((30, 1))], [np.array([4])])}
    assert [len(x) for x in splits.tiny_splits(data)["train"].inputs] == [20]
    assert splits.tiny_splits(data)["train"].targets[0] == [4]
    assert [len(x) for x in splits.tiny_splits(data, steps=None)["train"].inputs] == [30]


def test_stratified_splits_take_turns_within_each_class():
    members = splits.stratify(np.array([7, 7, 2, 7, 7, 2, 2]), {"train": 2, "valid": 1})
    assert {split: list(chosen) for split, chosen in members.items()} == {
        "train": [0, 1, 2, 4, 5],
        "valid": [3, 6],
    }
