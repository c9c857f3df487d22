"""Audio in SPHERE and RIFF files is the same, and each fault of a file is refused in one line."""

import numpy as np
import pytest
from speech_files import SAMPLES, riff, sphere

from suite import Refusal
from tasks import audio

CONTENTS = {
    "sphere": sphere(),
    "sphere, high byte first": sphere(SAMPLES.astype(">i2"), sample_byte_format="10"),
    "sphere, coding named": sphere(sample_coding="pcm"),
    "riff": riff(),
}
FAULTS = {
    "expected a SPHERE or RIFF file, got one that begins with b''": b"",
    "expected a SPHERE or RIFF file, got one that begins with b'ID3": b"ID3 tagged",
    "expected 16000 Hz, 1 channel and 16 bits, got 8000 Hz, 1 and 16": sphere(sample_rate=8000),
    "expected 16000 Hz, 1 channel and 16 bits, got 16000 Hz, 2 and 16": sphere(channel_count=2),
    "expected 16000 Hz, 1 channel and 16 bits, got 16000 Hz, 1 and 8": sphere(sample_n_bytes=1),
    "expected 16000 Hz, 1 channel and 16 bits, got 44100 Hz, 1 and 16": riff(rate=44100),
    "expected 16000 Hz, 1 channel and 16 bits, got 16000 Hz, 2 and 8": riff(channels=2, width=1),
    "expected samples that are not compressed (pcm), got pcm,embedded-shorten-v2.00": sphere(
        sample_coding="pcm,embedded-shorten-v2.00"
    ),
    "expected the sample_byte_format 01 or 10, got 1": sphere(sample_byte_format="1"),
    "expected 8000 samples, as its header says, got 7500": sphere()[:-1000],
    "expected 8000 samples, as its header says, got 7999": sphere()[:-1],
    "expected 8000 samples, as its header says, got 7998": riff()[:-3],
    "expected 8000 samples, as its header says, got 0": sphere()[:1024],
    "its SPHERE header cannot be read (KeyError('sample_rate'))": sphere(sample_rate=None),
    "its SPHERE header cannot be read (ValueError": sphere(sample_count="many"),
    "its SPHERE header cannot be read (IndexError": b"NIST_1A\n",
    "expected a RIFF file with PCM samples, got": riff()[:20],
    "expected at least 400 samples (25 ms), got 399": riff(SAMPLES[:399]),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_samples_are_read_from_every_format(kind, tmp_path):
    (tmp_path / "a.wav").write_bytes(CONTENTS[kind])
    samples = audio.read_speech(tmp_path / "a.wav")
    assert samples.dtype == np.int16
    np.testing.assert_array_equal(samples, SAMPLES)


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_is_refused_in_one_line_with_the_path(text, tmp_path):
    (tmp_path / "a.wav").write_bytes(FAULTS[text])
    with pytest.raises(Refusal) as caught:
        audio.read_speech(tmp_path / "a.wav")
    assert f"{tmp_path / 'a.wav'}: {text}" in str(caught.value)
    assert "\n" not in str(caught.value)
