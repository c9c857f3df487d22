"""Russian phones: what the package holds, how it is split, and that a folder without files is refused."""

import sys

import numpy as np
import pytest
from speech_files import SAMPLES, riff

from suite import Refusal
from tasks import audio, find_task, mfcc, phone_frames, russian_phones

phones = sys.modules[russian_phones.__module__]
LAB = "#\n0.1 125 pau\n0.2 125 kk\n0.49 125 pau\n"


@pytest.fixture(scope="module")
def voice():
    try:
        return phones.find_voice()
    except Refusal as refusal:
        pytest.skip(str(refusal))


@pytest.fixture
def small_voice(tmp_path, monkeypatch):
    """A folder of 40 utterances in place of 620; those of the tiny size have half a second of noise."""
    monkeypatch.setattr(phones, "UTTERANCES", 40)
    for kind in ("wav", "lab"):
        (tmp_path / phones.VOICE / kind).mkdir(parents=True)
        for number in range(phones.UTTERANCES):
            (tmp_path / phones.VOICE / kind / f"ru_{number:04}.{kind}").touch()
    for pairs in phones.find_utterances(tmp_path / phones.VOICE, "tiny").values():
        for wav, lab in pairs:
            wav.write_bytes(riff(np.roll(SAMPLES, int(wav.stem[3:]))))
            lab.write_text(LAB)
    return tmp_path / phones.VOICE


def refusal(folder):
    with pytest.raises(Refusal) as caught:
        find_task("phones@size=tiny").load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_package_holds_620_utterances_and_54372_segments_of_51_phones(voice):
    found = phones.find_utterances(voice, "full")
    assert {split: len(pairs) for split, pairs in found.items()} == {"train": 496, "valid": 62, "test": 62}
    segments = [phones.LAB.read(lab) for pairs in found.values() for _, lab in pairs]
    assert sum(len(segment.phones) for segment in segments) == 54_372
    assert set().union(*(segment.phones for segment in segments)) == set(range(51))


def test_the_first_phones_of_the_first_utterance_are_those_of_the_docstring(voice):
    path = voice / "lab" / "ru_0001.lab"
    samples = audio.read_speech(voice / "wav" / "ru_0001.wav")
    _, targets = phone_frames.labelled_features(path, samples, phones.LAB.read(path), 160)
    assert [phones.PHONES[phone] for phone in targets[:41]] == ["pau"] * 33 + ["k"] * 5 + ["ay"] * 3


def test_of_ten_utterances_eight_are_train_one_valid_and_one_test(small_voice):
    found = phones.find_utterances(small_voice, "full")
    numbers = {split: [int(wav.stem[3:]) for wav, _ in pairs] for split, pairs in found.items()}
    assert {split: len(pairs) for split, pairs in numbers.items()} == {"train": 32, "valid": 4, "test": 4}
    assert {split: {k % 10 for k in numbers[split]} for split in numbers} == {
        "train": set(range(8)),
        "valid": {8},
        "test": {9},
    }


def test_an_eighth_has_the_same_valid_and_test(small_voice):
    full, eighth = (phones.find_utterances(small_voice, size) for size in ("full", "eighth"))
    assert (full["valid"], full["test"]) == (eighth["valid"], eighth["test"])
    assert len(eighth["train"]) == 4
    assert set(eighth["train"]) < set(full["train"])


def test_the_hop_is_in_milliseconds(small_voice, monkeypatch):
    monkeypatch.setattr(phones.splits, "tiny_splits", lambda splits: splits)
    for hop, steps in ((10, 48), (25, 20)):
        task = find_task(f"phones@hop={hop},size=tiny")
        inputs = task.load(small_voice.parent)["valid"].inputs[0]
        assert inputs.shape == (steps, mfcc.FEATURES)


def test_networks_read_39_features_in_both_directions_and_tell_51_phones_apart():
    task = find_task("phones")
    assert (task.features, task.outputs, task.direction, task.metric) == (39, 51, "both", "error")


@pytest.mark.parametrize("file", ["wav/ru_0007.wav", "lab/ru_0033.lab"])
def test_a_folder_without_a_file_is_refused(file, small_voice):
    (small_voice / file).unlink()
    assert f"{small_voice}: expected 40 utterances" in refusal(small_voice.parent)
    assert "found 39 with both" in refusal(small_voice.parent)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("0.2 125 zzz", "line 3: expected one of 51 phones, got 'zzz'"),
        ("inf 125 kk", "line 3: expected 'end 125 phone', got 'inf 125 kk'"),
        ("0.2 kk", "line 3: expected 'end 125 phone', got '0.2 kk'"),
        ("0.05 125 kk", "line 3: expected a phone that begins at about the sample 1600"),
    ],
)
def test_a_line_that_is_no_phone_is_refused(line, text, small_voice):
    (small_voice / "lab" / "ru_0008.lab").write_text(LAB.replace("0.2 125 kk", line))
    assert f"ru_0008.lab, {text}" in refusal(small_voice.parent)


def test_without_the_package_the_refusal_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(phones, "SYSTEM_FOLDER", tmp_path / "none")
    assert "apt-get install festvox-ru" in refusal(tmp_path)
