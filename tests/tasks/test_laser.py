"""The laser series and the waveforms cut from it: windows, splits and scale."""

import numpy as np
import pytest

from tasks import find_task, laser


@pytest.fixture(scope="module")
def series(load):
    load("laser")  # skips if the file is missing
    return laser.read_laser(None)


def test_the_series_is_that_of_the_competition(series):
    assert series.shape == (10_093,)
    assert series[:5].tolist() == [86, 141, 95, 41, 22]
    assert (series.min(), series.max()) == (0, 255)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("laser", [29, 9, 10]),
        ("laser@steps_ahead=50", [29, 90, 95]),
        ("laser@size=tiny", [10, 9, 10]),
    ],
)
def test_windows_are_of_200_steps(load, name, sizes):
    splits = load(name)
    assert [len(split) for split in splits.values()] == sizes
    for split in splits.values():
        assert set(split.lengths) == {200}
        np.testing.assert_array_equal(np.array(split.inputs)[:, 1:], np.array(split.targets)[:, :-1])


def test_splits_are_parts_of_the_series_scaled_as_train_is(load, series):
    splits = load("laser")
    mean, deviation = series[:6000].mean(), series[:6000].std()
    for split, start in (("train", 0), ("valid", 6000), ("test", 8000)):
        np.testing.assert_allclose(
            splits[split].inputs[1][:, 0] * deviation + mean, series[start + 200 : start + 400], atol=1e-4
        )


def test_one_step_ahead_all_steps_are_scored():
    assert [find_task(f"laser@steps_ahead={n}").steps_ahead for n in (1, 2, 100)] == [0, 2, 100]


@pytest.mark.parametrize("piece", [1, 5])
def test_a_waveform_is_a_piece_of_the_series_without_an_input(load, series, piece):
    splits = load(f"waveform@piece={piece}")
    inputs, targets = splits["train"].inputs[0], splits["train"].targets[0]
    assert inputs.shape == targets.shape == (320, 1)
    assert not inputs.any()
    assert (targets.mean(), targets.std()) == (pytest.approx(0, abs=1e-6), pytest.approx(1))
    samples = series[(piece - 1) * 2000 :][:320]
    assert np.corrcoef(targets[:, 0], samples)[0, 1] == pytest.approx(1)
    np.testing.assert_array_equal(splits["test"].targets[0], targets)
