"""Read speech: 16-bit mono audio at 16 kHz, from NIST SPHERE or RIFF files.

A SPHERE file begins with a header of text, here shortened, and its length in bytes; samples follow:

    NIST_1A
       1024
    sample_count -i 46797
    sample_rate -i 16000
    sample_byte_format -s2 01
    end_head
"""

import wave
from pathlib import Path

import numpy as np

from suite import Refusal
from tasks import mfcc

SPHERE_MAGIC, RIFF_MAGIC = b"NIST_1A\n", b"RIFF"
SPHERE_DEFAULTS = {"channel_count": "1", "sample_n_bytes": "2", "sample_coding": "pcm"}
SAMPLE_TYPES = {"01": "<i2", "10": ">i2"}  # by sample_byte_format: the low byte first, or the high one


def read_speech(path: Path) -> np.ndarray:
    """Return the samples of a file, (samples,) int16.

    Refused: a file that is not SPHERE or RIFF, is compressed or truncated, has another rate, more channels or
    other samples, or is shorter than a window of 25 ms.
    """
    content = path.read_bytes()
    if content.startswith(SPHERE_MAGIC):
        samples = read_sphere(path, content)
    elif content.startswith(RIFF_MAGIC):
        samples = read_riff(path)
    else:
        raise Refusal(f"{path}: expected a SPHERE or RIFF file, got one that begins with {content[:8]!r}")
    if len(samples) < mfcc.WINDOW:
        raise Refusal(f"{path}: expected at least {mfcc.WINDOW} samples (25 ms), got {len(samples)}")
    return samples


def read_sphere(path: Path, content: bytes) -> np.ndarray:
    """Return the samples of a SPHERE file from its content."""
    try:
        length = int(content[len(SPHERE_MAGIC) :].split(maxsplit=1)[0])
        lines = content[:length].decode("ascii").partition("end_head")[0].splitlines()[2:]
        # name, type, value
        fields = SPHERE_DEFAULTS | {line.split()[0]: line.split()[2] for line in lines if line.strip()}
        count, rate, channels, width = (
            int(fields[name]) for name in ("sample_count", "sample_rate", "channel_count", "sample_n_bytes")
        )
        byte_format = fields["sample_byte_format"]
    except (ValueError, IndexError, KeyError) as error:
        raise Refusal(f"{path}: its SPHERE header cannot be read ({error!r}); copy the file again") from error
    if (coding := fields["sample_coding"]) != "pcm":
        raise Refusal(
            f"{path}: expected samples that are not compressed (pcm), got {coding}; convert the file with "
            f"the command w_decode or sph2pipe"
        )
    check_format(path, rate, channels, width)
    if byte_format not in SAMPLE_TYPES:
        raise Refusal(f"{path}: expected the sample_byte_format 01 or 10, got {byte_format}")
    check_length(path, count, (len(content) - length) // 2)
    return np.frombuffer(content, SAMPLE_TYPES[byte_format], count, offset=length).astype(np.int16)


def read_riff(path: Path) -> np.ndarray:
    """Return the samples of a RIFF file (WAVE, PCM)."""
    try:
        with wave.open(str(path)) as file:
            check_format(path, file.getframerate(), file.getnchannels(), file.getsampwidth())
            count = file.getnframes()
            content = file.readframes(count)
    except (wave.Error, EOFError) as error:
        raise Refusal(
            f"{path}: expected a RIFF file with PCM samples, got {str(error) or 'too few bytes'}"
        ) from error
    check_length(path, count, len(content) // 2)
    return np.frombuffer(content, "<i2").astype(np.int16)


def check_format(path: Path, rate: int, channels: int, width: int) -> None:
    """Refuse audio that is not 16 kHz, mono, 16 bits."""
    if (rate, channels, width) != (mfcc.SAMPLE_RATE, 1, 2):
        raise Refusal(
            f"{path}: expected {mfcc.SAMPLE_RATE} Hz, 1 channel and 16 bits, got {rate} Hz, {channels} "
            f"and {8 * width}; convert the file"
        )


def check_length(path: Path, expected: int, count: int) -> None:
    """Refuse a file that has fewer samples than its header says."""
    if count < expected:
        raise Refusal(
            f"{path}: expected {expected} samples, as its header says, got {count}; copy the file again"
        )
