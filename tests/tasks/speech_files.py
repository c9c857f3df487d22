"""Small files of speech in the formats of the real ones, and a small folder of TIMIT."""

import io
import wave

import numpy as np

SAMPLES = np.random.default_rng(0).integers(-9000, 9000, 8000).astype("<i2")  # half a second
PHN = ["0 1200 h#", "1200 3000 sh", "3000 5600 ix", "5600 7990 h#"]
SENTENCES = [  # of speakers of TRAIN, the development set, the core test, and TEST otherwise
    "TRAIN/DR1/FCJF0/SI1027",
    "TRAIN/DR1/FCJF0/SX37",
    "TRAIN/DR8/MTCS0/SX352",
    "TRAIN/DR1/FCJF0/SA1",
    "TEST/DR1/FAKS0/SI943",
    "TEST/DR1/MDAB0/SI1039",
    "TEST/DR1/MDAB0/SA2",
    "TEST/DR1/FJSP0/SI1434",
]


def sphere(samples=SAMPLES, **fields):
    """Return the content of a SPHERE file; `fields` replace those of its header, None leaves one out."""
    fields = {
        "channel_count": 1,
        "sample_count": len(samples),
        "sample_rate": 16000,
        "sample_n_bytes": 2,
        "sample_byte_format": "01",
    } | fields
    lines = [
        f"{name} -{'i' if isinstance(value, int) else f's{len(value)}'} {value}"
        for name, value in fields.items()
        if value is not None
    ]
    header = "\n".join(["NIST_1A", "   1024", *lines, "end_head", ""])
    return header.encode().ljust(1024) + samples.tobytes()


def riff(samples=SAMPLES, rate=16000, channels=1, width=2):
    """Return the content of a RIFF file."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return content.getvalue()


def write_timit(folder, content=sphere, case=str, line_end="\n"):
    """Write a small TIMIT into a folder: the content of the audio, the case of names, the ends of lines."""
    rng = np.random.default_rng(1)
    for sentence in SENTENCES:
        path = folder / case(f"TIMIT/{sentence}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(case(".WAV")).write_bytes(content(rng.integers(-9000, 9000, 8000).astype("<i2")))
        path.with_suffix(case(".PHN")).write_text(line_end.join([*PHN, ""]), newline="")
