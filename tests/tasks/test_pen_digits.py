"""The strings of pen digits: what the files hold, how digits are joined, and who wrote which split."""

import itertools

import numpy as np
import pytest

from suite import identity
from tasks import data, find_task, pen_digits

SEGMENTS = """
.INCLUDE dene.doc
.SEGMENT DIGIT 0-1 ? "5"
.COMMENT 5  3   17
.PEN_DOWN
 10  20
 12  22
 14  24
.PEN_UP
.DT 100
.PEN_DOWN
 9  30
.PEN_UP
.DT 100

.SEGMENT DIGIT   2 ? "1"
.COMMENT 1 12  18
.PEN_DOWN
 1 2
.PEN_UP
.DT 100
"""


@pytest.fixture(scope="module")
def splits(load):
    return load("pen_digits")


@pytest.fixture(scope="module")
def writers(load):
    """The digits of the training writers, by number."""
    load("pen_digits")  # is skipped without the files
    file, numbers = pen_digits.WRITERS["train"]
    path = data.find_data_file(file, pen_digits.SHA256[file], pen_digits.URL_TEMPLATE.format(file))
    return pen_digits.read_digits(path.read_text("ascii"), numbers)


def test_a_digit_is_read_with_its_strokes_and_its_writer():
    [(label, strokes)] = pen_digits.read_digits(SEGMENTS, [3, 4])[3]
    assert label == 5
    np.testing.assert_array_equal(strokes[0], [[10, 20, 0], [12, 22, 1], [14, 24, 2]])
    np.testing.assert_array_equal(strokes[1], [[9, 30, 0]])
    assert pen_digits.read_digits(SEGMENTS, [4]) == {4: []}


def test_digits_are_placed_side_by_side_and_only_moved_to_the_right(monkeypatch):
    monkeypatch.setattr(pen_digits, "LARGEST_GAP", 0)
    [(_, five)], [(_, one)] = pen_digits.read_digits(SEGMENTS, [3, 12]).values()
    joined = pen_digits.join_digits([five, one, five], np.random.default_rng(0))
    assert [list(stroke[:, 0]) for stroke in joined] == [[1, 3, 5], [0], [5], [6, 8, 10], [5]]
    for stroke, original in zip(joined, [*five, *one, *five], strict=True):
        np.testing.assert_array_equal(stroke[:, 1:], original[:, 1:])


def test_every_string_has_four_to_eight_digits(splits):
    assert [len(split) for split in splits.values()] == [989, 251, 578]
    assert [sum(map(len, split.targets)) for split in splits.values()] == [5970, 1496, 3485]
    assert [split.lengths.sum() for split in splits.values()] == [125_357, 28_525, 70_118]
    for split in splits.values():
        assert {len(labels) for labels in split.targets} == {4, 5, 6, 7, 8}
        assert set(np.concatenate(split.targets)) == set(range(10))


def test_the_splits_have_44_different_writers():
    writers = [(file, number) for file, numbers in pen_digits.WRITERS.values() for number in numbers]
    assert len(set(writers)) == len(writers) == 44
    assert [len(numbers) for _, numbers in pen_digits.WRITERS.values()] == [24, 6, 14]


def test_each_writer_wrote_about_250_digits_and_each_is_in_one_string(writers):
    assert {len(digits) for digits in writers.values()} <= {247, 249, 250}
    strings = list(pen_digits.draw_strings(writers[1], np.random.default_rng(0)))
    counts = np.bincount(np.concatenate([labels for _, labels in strings]))
    missing = np.bincount([label for label, _ in writers[1]]) - counts
    assert missing.min() >= 0
    assert missing.sum() < 4
    assert sum(len(inputs) for inputs, _ in strings) == pytest.approx(
        sum(len(stroke[::2]) for _, strokes in writers[1] for stroke in strokes), rel=0.02
    )


def test_inputs_are_standardised_on_train(splits):
    steps = np.concatenate(splits["train"].inputs)
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(steps.std(axis=0), 1, atol=1e-3)


def test_no_feature_of_a_pen_lift_says_whether_a_digit_is_complete(writers):
    """Of all lifts, 77 % are borders between digits; no threshold on a feature finds many more of both kinds.

    The pen moves further to the right between digits, as in any writing, and even there ranges overlap.
    """
    rng = np.random.default_rng(1)
    lifts = []  # Δx, Δy, the time since the stroke before began, and whether a digit is complete
    for digits in writers.values():
        for start in range(0, len(digits) - 5, 6):
            strings = [strokes for _, strokes in digits[start : start + 6]]
            borders = {*itertools.accumulate(map(len, strings))}
            joined = pen_digits.join_digits(strings, rng)
            for k, (before, after) in enumerate(itertools.pairwise(joined), 1):
                assert after[0, 2] == 0  # the time begins again at every stroke
                lifts.append([*(after[0] - before[-1])[:2], before[-1, 2], k in borders])
    *features, border = np.array(lifts).T
    border = border == 1
    assert border.mean() == pytest.approx(0.77, abs=0.01)
    for feature, most in zip(features, (0.91, 0.80, 0.80), strict=True):
        above = feature > np.quantile(feature, np.linspace(0, 1, 200))[:, None]
        right = np.mean(above == border, axis=1)
        assert max(right.max(), 1 - right.min()) < most


def test_the_data_are_the_same_on_every_machine(splits):
    assert identity.data_hash(splits) == "9cc54a5bd7137c2e"


def test_a_tiny_load_has_ten_whole_strings_in_each_split(load):
    tiny = load("pen_digits@size=tiny")
    assert [len(split) for split in tiny.values()] == [10, 10, 10]
    assert min(len(labels) for split in tiny.values() for labels in split.targets) >= 4
    assert find_task("pen_digits@size=full").name == "pen_digits"
