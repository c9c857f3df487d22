"""The sequential digits: pixels in order and scaled, and a stratified split."""

import numpy as np
import pytest

from tasks import sequential_digits


@pytest.fixture(scope="module")
def splits():
    return sequential_digits.load()


def test_the_first_image_is_that_of_the_docstring(splits):
    np.testing.assert_array_equal(
        splits["train"].inputs[0][:8, 0], [0, 0, 0.3125, 0.8125, 0.5625, 0.0625, 0, 0]
    )
    assert splits["train"].targets[0] == [0]


def test_pixels_are_read_row_by_row_and_scaled_to_one(splits):
    from sklearn.datasets import load_digits

    images = load_digits().images
    np.testing.assert_array_equal(splits["train"].inputs[0].reshape(8, 8) * 16, images[0])
    pixels = np.array(splits["train"].inputs)
    assert (pixels.min(), pixels.max()) == (0, 1)


def test_all_1797_images_are_split_three_to_one_to_one_for_each_digit(splits):
    assert [len(split) for split in splits.values()] == [1085, 357, 355]
    counts = np.array([np.bincount(np.concatenate(split.targets)) for split in splits.values()])
    assert counts.sum() == 1797
    assert np.abs(counts / counts.sum(axis=0) - [[0.6], [0.2], [0.2]]).max() < 0.01


def test_a_tiny_load_has_every_digit_once_in_each_split():
    tiny = sequential_digits.load(size="tiny")
    assert [sorted(np.concatenate(split.targets)) for split in tiny.values()] == [[*range(10)]] * 3
