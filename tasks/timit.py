"""Task `timit`: the phone of every frame of read American English (Garofolo et al., 1993).

An input is 39 MFCC features of a window of 25 ms (`tasks.mfcc`), every 10 ms, with mean 0 and variance 1 in
train; its target is one of 61 phones, the one at the centre of the window (`tasks.phone_frames`). The phones
of an utterance, from its .PHN file, in samples at 16 kHz:

    0 2400 h#          windows 0 to 13: their centres are 200, 360 … 2280
    2400 3000 sh       windows 14 to 17
    3000 3500 iy

The corpus is licensed (LDC93S1). Copy it as the folder `TIMIT` into the data folder; names may be in upper or
lower case, and the audio NIST SPHERE or RIFF:

    TIMIT/TRAIN/DR1/FCJF0/SI1027.WAV, SI1027.PHN, …
    TIMIT/TEST/DR1/FAKS0/…

The splits are the paper's: without the two sentences that all speakers read (SA), 3,696 of TRAIN to train on,
and of TEST, 400 of the 50 development speakers to validate and 192 of the 24 core speakers to test. The score
is the share of frames whose phone, of all 61, is wrong. Greff et al. (2017) report 29.6 % for the best of
their networks, which read each utterance in both directions, as here.
"""

import functools
import re
from collections.abc import Mapping
from pathlib import Path

from suite import Refusal
from suite.task import SPLITS, Split, Task
from tasks import data, mfcc, phone_frames, splits

PHONE_NAMES = (
    "b d g p t k dx q bcl dcl gcl pcl tcl kcl jh ch s sh z zh f th v dh m n ng em en eng nx l r w y hh hv el "
    "iy ih eh ey ae aa aw ay ah ao oy ow uh uw ux er ax ix axr ax-h pau epi h#"
)
PHONES = PHONE_NAMES.split()
TEST_SPEAKERS = {  # of TEST, as in Kaldi; its other speakers are not used
    "valid": (
        "faks0 fdac1 fjem0 mgwt0 mjar0 mmdb1 mmdm2 mpdf0 fcmh0 fkms0 mbdg0 mbwm0 mcsh0 fadg0 "
        "fdms0 fedw0 mgjf0 mglb0 mrtk0 mtaa0 mtdt0 mthc0 mwjg0 fnmr0 frew0 fsem0 mbns0 mmjr0 "
        "mdls0 mdlf0 mdvc0 mers0 fmah0 fdrw0 mrcs0 mrjm4 fcal1 mmwh0 fjsj0 majc0 mjsw0 mreb0 "
        "fgjd0 fjmg0 mroa0 mteb0 mjfc0 mrjr0 fmml0 mrws1"
    ),
    "test": (
        "mdab0 mwbt0 felc0 mtas1 mwew0 fpas0 mjmp0 mlnt0 fpkt0 mlll0 mtls0 fjlm0 mbpm0 mklt0 "
        "fnlp0 mcmj0 mjdh0 fmgd0 mgrt0 mnjm0 fdhc0 mjln0 mpam0 fmld0"
    ),
}
SENTENCES = {"train": 3696, "valid": 400, "test": 192}
TINY_SENTENCES = 4
HOP = mfcc.SAMPLE_RATE // 100
PHN = phone_frames.PhoneFile(PHONES, "start end phone", lambda words, _: (int(words[0]), int(words[1])))
SENTENCE = re.compile(r"(train|test)/dr[1-8]/(\w+)/(s[ix]\d+)\.(wav|phn)")  # SA sentences are left out


def timit_phones(*, size: data.Size = "full") -> Task:
    """Return TIMIT, all of it or a few short utterances for tests."""
    return Task(
        name="timit",
        title="TIMIT, phone of each frame",
        load=functools.partial(load, size=size),
        features=mfcc.FEATURES,
        outputs=len(PHONES),
        loss="categorical",
        metric="error",
        unit="frame error rate",
        answers="every step",
        source="Garofolo et al. (1993), TIMIT Acoustic-Phonetic Continuous Speech Corpus, LDC93S1",
        direction="both",
    )


def load(folder: Path | None = None, *, size: data.Size) -> Mapping[str, Split]:
    """Return the three splits: inputs (windows, 39), targets (windows,)."""
    root = data.find_data_folder("TIMIT", "the corpus LDC93S1", folder)
    utterances = find_sentences(root)
    found = {split: len(pairs) for split, pairs in utterances.items()}
    if found != SENTENCES and (size == "full" or 0 in found.values()):
        expected, got = (", ".join(f"{n} {split}" for split, n in c.items()) for c in (SENTENCES, found))
        raise Refusal(
            f"{root}: expected {expected} sentences, as TRAIN|TEST/DR1…DR8/SPEAKER/SENTENCE.WAV and .PHN "
            f"without SA sentences, found {got}; copy all of the corpus"
        )
    if size == "tiny":
        utterances = {split: pairs[:TINY_SENTENCES] for split, pairs in utterances.items()}
    result = {split: phone_frames.read_utterances(pairs, PHN, HOP) for split, pairs in utterances.items()}
    return splits.standardise_inputs(splits.tiny_splits(result) if size == "tiny" else result)


def find_sentences(root: Path) -> dict[str, list[tuple[Path, Path]]]:
    """Return the files of audio and phones of the sentences of each split, in the order of their names.

    Refused: a sentence that has only one of the two files.
    """
    files: dict[tuple[str, ...], dict[str, Path]] = {}
    for path in root.rglob("*"):
        if match := SENTENCE.fullmatch(path.relative_to(root).as_posix().lower()):
            files.setdefault(match.groups()[:3], {})[match[4]] = path
    found: dict[str, list[tuple[Path, Path]]] = {split: [] for split in SPLITS}
    for (part, speaker, _), pair in sorted(files.items()):
        if len(pair) < 2:
            [path] = pair.values()
            missing = "PHN" if "wav" in pair else "WAV"
            raise Refusal(f"{path}: expected a .{missing} file beside it, found none; copy all of the corpus")
        for split, speakers in TEST_SPEAKERS.items() if part == "test" else [("train", speaker)]:
            if speaker in speakers.split():
                found[split].append((pair["wav"], pair["phn"]))
    return found
