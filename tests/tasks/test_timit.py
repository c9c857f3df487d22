"""TIMIT is read from the user's folder in all its forms, and a fault of a file is refused in one line.

The corpus is licensed; the folders here are small, generated, and in its format.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from speech_files import SAMPLES, riff, sphere, write_timit

from suite import Refusal, task_check
from tasks import find_task, timit

TASK = find_task("timit@size=tiny")
FORMS = {
    "lower case": {"case": str.lower},
    "upper case": {"case": str.upper},
    "RIFF": {"content": riff},
    "CRLF": {"line_end": "\r\n"},
}
SHORT = {  # PHN files that do not fit to the half second of audio, and what is refused
    "0 1200 h#\n1200 3000 zz\n": "line 2: expected one of 61 phones, got 'zz'",
    "0 1200\n": "line 1: expected 'start end phone', got '0 1200'",
    "0 1200 h# h#\n": "line 1: expected 'start end phone', got '0 1200 h# h#'",
    "0.0 0.2 h#\n": "line 1: expected 'start end phone', got '0.0 0.2 h#'",
    "2000 8000 h#\n": "line 1: expected a phone that begins at about the sample 0",
    "0 3000 h#\n7000 8000 sh\n": "line 2: expected a phone that begins at about the sample 3000",
    "0 3000 h#\n2000 2500 sh\n": "and ends after it, got one from 2000 to 2500",
    "0 3000 h#\n3000 2999 sh\n": "and ends after it, got one from 3000 to 2999",
    "0 9601 h#\n": "expected phones until about the end of the audio, sample 8000, got the last end at 9601",
}
UNCOVERED = "expected phones until about the end of the audio, sample 24000, got the last end at 7990"


def refusal(folder, name="timit@size=tiny"):
    with pytest.raises(Refusal) as caught:
        find_task(name).load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_timit(folder)
    return folder


@pytest.fixture(scope="module")
def splits(folder):
    return TASK.load(folder)


def test_the_splits_are_of_the_right_speakers_without_the_sentences_that_all_of_them_read(folder):
    found = timit.find_sentences(folder / "TIMIT")
    names = {
        split: [path.relative_to(folder).as_posix() for path, _ in pairs] for split, pairs in found.items()
    }
    assert names == {
        "train": [
            f"TIMIT/TRAIN/{name}.WAV" for name in ("DR1/FCJF0/SI1027", "DR1/FCJF0/SX37", "DR8/MTCS0/SX352")
        ],
        "valid": ["TIMIT/TEST/DR1/FAKS0/SI943.WAV"],
        "test": ["TIMIT/TEST/DR1/MDAB0/SI1039.WAV"],
    }


@pytest.mark.parametrize("form", FORMS)
def test_the_data_do_not_depend_on_the_form_of_the_files(form, splits, tmp_path):
    write_timit(tmp_path, **FORMS[form])
    for name, split in TASK.load(tmp_path).items():
        np.testing.assert_array_equal(split.inputs, splits[name].inputs)
        np.testing.assert_array_equal(split.targets, splits[name].targets)


def test_the_task_keeps_the_contract_of_every_task(splits):
    task_check.check_splits("timit", TASK, splits)
    assert (TASK.features, TASK.outputs, TASK.direction, TASK.metric) == (39, 61, "both", "error")
    assert len(set(timit.PHONES)) == 61


def test_a_window_has_the_phone_at_its_centre(tmp_path):
    path = tmp_path / "A.PHN"
    path.write_text("0 2400 h#\n2400 3000 sh\n3000 3500 iy\n")
    segments = timit.PHN.read(path)
    features, phones = timit.phone_frames.labelled_features(path, SAMPLES[:3700], segments, timit.HOP)
    assert [timit.PHONES[phone] for phone in phones] == ["h#"] * 14 + ["sh"] * 4 + ["iy"] * 3
    assert features.shape == (21, 39)


def test_windows_after_the_last_phone_are_left_out(tmp_path):
    path = tmp_path / "A.PHN"
    path.write_text("0 1000 h#\n")
    features, phones = timit.phone_frames.labelled_features(path, SAMPLES, timit.PHN.read(path), timit.HOP)
    assert len(features) == len(phones) == 5  # their centres are 200, 360 … 840


@pytest.mark.parametrize("phn", SHORT)
def test_phones_that_do_not_fit_are_refused(phn, tmp_path):
    write_timit(tmp_path)
    path = tmp_path / "TIMIT/TEST/DR1/FAKS0/SI943.PHN"
    path.write_text(phn)
    assert str(path) in refusal(tmp_path)
    assert SHORT[phn] in refusal(tmp_path)


def test_phones_that_do_not_cover_the_audio_are_refused(tmp_path):
    write_timit(tmp_path)
    (tmp_path / "TIMIT/TEST/DR1/FAKS0/SI943.WAV").write_bytes(sphere(np.tile(SAMPLES, 3)))
    assert UNCOVERED in refusal(tmp_path)


def test_audio_at_another_rate_is_refused(tmp_path):
    write_timit(tmp_path)
    (tmp_path / "TIMIT/TRAIN/DR1/FCJF0/SX37.WAV").write_bytes(sphere(sample_rate=8000))
    assert "SX37.WAV: expected 16000 Hz" in refusal(tmp_path)


@pytest.mark.parametrize(("removed", "kept"), [("WAV", "PHN"), ("PHN", "WAV")])
def test_a_sentence_with_one_file_of_two_is_refused(removed, kept, tmp_path):
    write_timit(tmp_path)
    sentence = tmp_path / "TIMIT/TRAIN/DR1/FCJF0/SX37.WAV"
    sentence.with_suffix(f".{removed}").unlink()
    assert f"{sentence.with_suffix(f'.{kept}')}: expected a .{removed} file beside it" in refusal(tmp_path)


def test_a_folder_without_all_sentences_is_refused_with_what_was_found(folder):
    text = refusal(folder, "timit")
    assert f"{folder / 'TIMIT'}: expected 3696 train, 400 valid, 192 test sentences" in text
    assert "found 3 train, 1 valid, 1 test" in text


@pytest.mark.parametrize("name", ["timit", "timit@size=tiny"])
def test_an_empty_and_a_missing_folder_are_refused(name, tmp_path, monkeypatch):
    assert f"the folder TIMIT is not in {tmp_path}: copy the corpus LDC93S1 there" in refusal(tmp_path, name)
    (tmp_path / "timit").mkdir()
    assert "found 0 train, 0 valid, 0 test" in refusal(tmp_path, name)
    monkeypatch.delenv("ODYSSEY_DATA", raising=False)
    assert "as no data folder is named" in refusal(None, name)


def test_the_speakers_are_those_of_the_lists_in_use():
    counts = {"valid": 50, "test": 24}
    speakers = {split: timit.TEST_SPEAKERS[split].split() for split in counts}
    assert {split: len(set(names)) for split, names in speakers.items()} == counts
    assert not set(speakers["valid"]) & set(speakers["test"])
    files = {"valid": "dev_speakers_kaldi.txt", "test": "core_test_speakers.txt"}
    folder = Path(os.environ.get("ODYSSEY_DATA", "none"))
    if not all((folder / file).is_file() for file in files.values()):
        pytest.skip("$ODYSSEY_DATA does not hold the lists of TIMIT's speakers")
    for split, file in files.items():
        assert set(speakers[split]) == set((folder / file).read_text().split())
