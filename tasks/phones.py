"""Task `phones`: the phone of every frame of read Russian, from the Debian package `festvox-ru`.

This is `timit` with data that everybody may install: `apt-get install festvox-ru`. Elsewhere, copy the folder
`msu_ru_nsh_clunits` of that package into the data folder. An input is 39 features of a window of 25 ms
(`tasks.mfcc`), every `hop` ms, with mean 0 and variance 1 in train; its target is the phone at the centre of
the window, one of 51 (`tasks.phone_frames`). The first phones of the first utterance, with where they end in
seconds, and the first windows:

    0.342 125 pau    windows 0 to 32: their centres are 0.0125, 0.0225 … 0.3325
    0.392 125 k      windows 33 to 37
    0.422 125 ay     windows 38 to 40

The 620 utterances (1.66 hours, 54,372 phones) are those of one male speaker; the labels were aligned by a
machine. Of every ten successive utterances, the first eight are train, then one is valid and one test:
496, 62 and 62. `size=eighth` trains on every eighth utterance of train, 62, and has the same valid and test.

The score is the share of frames whose phone is wrong. Always the most frequent phone, `pau` (silence), scores
0.783. Single networks score 0.156 on test (an LSTM in both directions) and 0.428 (`linear`, which sees one
window), and with `size=eighth` 0.232 and 0.427. The command for 0.156 is

    odyssey train phones lstm --units 64 --optimiser adam --learning-rate 0.005 --batch 8 --epochs 8
            --input-noise 0.3

For the others, `linear` was trained without noise, and with `size=eighth` both had `--batch 2`, the LSTM 20
epochs and `linear` 30.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from suite import Refusal
from suite.options import Between
from suite.task import SPLITS, Split, Task
from tasks import data, mfcc, phone_frames, splits

VOICE = "msu_ru_nsh_clunits"  # the folder that has the data
SYSTEM_FOLDER = Path("/usr/share/festival/voices/russian")  # where the package puts it
UTTERANCES = 620
SPLIT_BY_RANK = ("train",) * 8 + ("valid", "test")
TINY_UTTERANCES = 4
PHONE_NAMES = (
    "a aa ae ay b bb c ch d dd e ee f ff g gg h hh i ii j k kk l ll m mm n nn oo p pau pp r rr s sch sh ss t "
    "tt u ur uu v vv y yy z zh zz"
)
PHONES = PHONE_NAMES.split()
LAB = phone_frames.PhoneFile(
    PHONES,
    "end 125 phone",
    lambda words, previous: (previous, round(float(words[0]) * mfcc.SAMPLE_RATE)),
    header_lines=1,
)


def russian_phones(
    *, hop: Annotated[int, Between(5, 40)] = 10, size: Literal["full", "eighth", "tiny"] = "full"
) -> Task:
    """Return the task with this many milliseconds from window to window, and a part of the utterances."""
    return Task(
        name="phones",
        title="Russian speech, phone of each frame",
        load=functools.partial(load, hop=hop, size=size),
        features=mfcc.FEATURES,
        outputs=len(PHONES),
        loss="categorical",
        metric="error",
        unit="frame error rate",
        answers="every step",
        source="Shmyrev (2005), msu_ru_nsh_clunits, Debian package festvox-ru",
        direction="both",
    )


def load(folder: Path | None = None, *, hop: int, size: str) -> Mapping[str, Split]:
    """Return the three splits: inputs (windows, 39), targets (windows,)."""
    utterances = find_utterances(find_voice(folder), size)
    hop_samples = hop * mfcc.SAMPLE_RATE // 1000
    result = {
        split: phone_frames.read_utterances(pairs, LAB, hop_samples) for split, pairs in utterances.items()
    }
    return splits.standardise_inputs(splits.tiny_splits(result) if size == "tiny" else result)


def find_voice(folder: Path | None = None) -> Path:
    """Return the folder of the data: in the user's data folder, or where the package puts it."""
    home = data.user_data_folder(folder)
    for parent in (home, SYSTEM_FOLDER):
        if parent and (parent / VOICE).is_dir():
            return parent / VOICE
    raise Refusal(
        f"{SYSTEM_FOLDER / VOICE} is not there: install it, with apt-get install festvox-ru, or copy the "
        f"folder {VOICE} of that package into the data folder, and name that with --data or $ODYSSEY_DATA"
    )


def find_utterances(voice: Path, size: str) -> dict[str, list[tuple[Path, Path]]]:
    """Return the files of audio and phones of the utterances of each split, in the order of their names.

    Refused: a folder that does not have all of them.
    """
    names = {kind: {path.stem for path in (voice / kind).glob(f"ru_*.{kind}")} for kind in ("wav", "lab")}
    complete = sorted(names["wav"] & names["lab"])
    if len(complete) != UTTERANCES:
        raise Refusal(
            f"{voice}: expected {UTTERANCES} utterances with wav/ru_*.wav and lab/ru_*.lab, found "
            f"{len(complete)} with both; install the package festvox-ru again"
        )
    found: dict[str, list[tuple[Path, Path]]] = {split: [] for split in SPLITS}
    for rank, name in enumerate(complete):
        split = SPLIT_BY_RANK[rank % len(SPLIT_BY_RANK)]
        found[split].append((voice / "wav" / f"{name}.wav", voice / "lab" / f"{name}.lab"))
    if size == "tiny":
        return {split: pairs[:TINY_UTTERANCES] for split, pairs in found.items()}
    return found | {"train": found["train"][:: {"full": 1, "eighth": 8}[size]]}
