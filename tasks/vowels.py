"""Task `vowels`: which of nine men says the two vowels "ae" (Japanese Vowels; Kudo et al., 1999).

An input is 12 coefficients (LPC cepstrum) of each of 7 to 29 frames, with mean 0 and variance 1 in train; its
target is the speaker. The shapes of an utterance of 20 frames of the first speaker:

    input    (20, 12)
    target   [0]        after the last step

The test set is the published one, 370 utterances, 24 to 88 of a speaker. Of the published training set, 30
utterances of each speaker, every fifth of a speaker is valid: 216 are train and 54 valid. The score is the
share of utterances that are classified wrongly. All speakers are equally frequent in train, so a guess scores
8/9; always the third speaker, the most frequent in test, scores 1 − 88/370 = 0.76.
"""

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from suite.task import Split, Task
from tasks import data, splits

URL_TEMPLATE = "https://raw.githubusercontent.com/aeon-toolkit/aeon/main/aeon/datasets/data/JapaneseVowels/{}"
SHA256 = {
    "JapaneseVowels_TRAIN.ts": "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
    "JapaneseVowels_TEST.ts": "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
}


def japanese_vowels(*, size: data.Size = "full") -> Task:
    """Return the task, with all utterances or the beginnings of a few for tests."""
    return Task(
        name="vowels",
        title="Japanese vowels, speaker",
        load=functools.partial(load, size=size),
        features=12,
        outputs=9,
        loss="categorical",
        metric="error",
        unit="error rate",
        answers="last step",
        source="Kudo et al. (1999), Multidimensional Curve Classification Using Passing-Through Regions; UCI",
    )


def load(folder: Path | None = None, *, size: data.Size) -> Mapping[str, Split]:
    """Return the three splits: inputs (frames, 12), targets (1,)."""
    published, test = (
        read_ts(data.find_data_file(name, sha256, URL_TEMPLATE.format(name), folder))
        for name, sha256 in SHA256.items()
    )
    members = splits.stratify(np.concatenate(published.targets), {"train": 4, "valid": 1})
    result = {
        split: Split([published.inputs[k] for k in chosen], [published.targets[k] for k in chosen])
        for split, chosen in members.items()
    }
    result["test"] = test
    return splits.standardise_inputs(splits.tiny_splits(result) if size == "tiny" else result)


def read_ts(path: Path) -> Split:
    """Return the sequences of a file of the UEA archive: its values, feature by feature, then the class.

    A line of two features, three steps and class 1 is `0.1,0.2,0.3:7.1,7.2,7.3:1`.
    """
    _, _, lines = path.read_text(encoding="utf-8").partition("@data\n")
    inputs, targets = [], []
    for line in lines.splitlines():
        *features, speaker = line.split(":")
        inputs.append(np.array([feature.split(",") for feature in features], np.float32).T)
        targets.append(np.array([int(speaker) - 1], np.int32))
    return Split(inputs, targets)
