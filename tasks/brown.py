"""The Brown corpus: 500 texts of American English printed in 1961, a million words, each with its tag.

Three tasks: `brown_char` predicts the next character, `brown_word` the next word (`tasks.language_model`),
and `brown_tags` finds the tag of every word of a sentence. The corpus is as large as the Penn Treebank, and
free to use. The first words of the file ca01, and what the tasks read:

    The/at Fulton/np-tl County/nn-tl Grand/jj-tl Jury/nn-tl said/vbd Friday/nr an/at investigation/nn …
    the    fulton       county       grand       jury       said     friday    an    investigation    …
    at     np           nn           jj          nn         vbd      nr        at    nn               …

Letters are lower case, and every digit is 0, as in "$00,000"; with the space and the line break, 50
characters are left (`ALPHABET`). In Mikolov's Penn Treebank, which these tasks stand in for, punctuation is
left out too, a number is N, and rare words are <unk>, also for the characters.

The split is by text, within each of the 15 genres: of the texts 01, 02, … of a genre, those whose number ends
in 3 are valid, those whose number ends in 6 are test, and the others train. So every genre is in every split.
The size `small` has the first ten texts of each genre:

                    texts   sentences   words, with sentence ends   characters
    full    train     395      45,373                     962,840    4,849,480
            valid      54       6,121                     131,426      656,779
            test       51       5,846                     124,266      620,815
    small   train     115      14,009                     282,448    1,401,884
            valid      15       1,788                      36,800      181,766
            test       15       1,867                      37,229      183,515

- `brown_char`, bits per character of test: frequencies of characters 4.304, 5-gram model with Kneser–Ney
  smoothing 2.048 (`tests/tasks/kneser_ney.py`), LSTM 2.027 (`odyssey train brown_char@segment=50 lstm
  --units 200 --learning-rate 0.003 --input-noise 0 --batch 32 --optimiser adam --epochs 4`, on JAX).
- `brown_word`, perplexity per word of test: frequencies of words 411. The vocabulary has 10,000 entries, as
  that of the Penn Treebank: the end of a sentence, the unknown word, and the most frequent words of train.
  Of the words of test, 9 % are unknown.
- `brown_tags`, share of wrong tags: the most frequent tag 0.855, the most frequent tag of each word in train
  0.130. It reads the words of `brown_word`. Its 92 tags are those of the corpus without what does not belong
  to the part of speech: the marks of foreign words (fw-), titles, headlines and cited words (-tl, -hl, -nc),
  the negation of a contracted verb (do* in "don't"), and the second part of a contraction (ppss+md in
  "I'll"). A few short sentences are in two splits.
"""

import functools
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from suite.task import SPLITS, Split, Task
from tasks import data, language_model
from tasks.language_model import Segment

FILE = "brown.zip"
SHA256 = "9b275f9b3b95d7bd66ccfb7cd259f445a13bbe5d1f4107aba09fd3e8364bafa6"
URL = "https://raw.githubusercontent.com/nltk/nltk_data/gh-pages/packages/corpora/brown.zip"
SOURCE = "Francis & Kučera (1964), Brown Corpus, as packaged for NLTK"

ALPHABET = "\n !$%&'()*+,-./0:;?[]`abcdefghijklmnopqrstuvwxyz{}"
TAGS = (  # between spaces
    "' '' ( ) * , -- . : `` abl abn abx ap ap$ at be bed bedz beg bem ben ber bez cc cd cd$ cs do dod doz dt "
    "dt$ dti dts dtx ex hv hvd hvg hvn hvz in jj jj$ jjr jjs jjt md nil nn nn$ nns nns$ np np$ nps nps$ nr "
    "nr$ nrs od pn pn$ pp$ pp$$ ppl ppls ppo pps ppss ql qlp rb rb$ rbr rbt rn rp to uh vb vbd vbg vbn vbz "
    "wdt wp$ wpo wps wql wrb"
)

Size: TypeAlias = Literal["full", "small", "tiny"]
TaggedSentence: TypeAlias = tuple[list[str], list[str]]  # words, and their tags
LAST_TEXT = {"full": 99, "small": 10, "tiny": 6}  # the last text of a genre, by size
GENRES = {"full": "a-r", "small": "a-r", "tiny": "a"}  # a range of letters
SENTENCES_PER_TEXT = {"full": None, "small": None, "tiny": 5}
VOCABULARY = {"full": 10_000, "small": 5_000, "tiny": 50}


def brown_char(*, size: Size = "full", segment: Segment = 100) -> Task:
    """Return the character model of the Brown corpus, with an update every `segment` characters."""
    return language_model.language_task(
        "brown_char",
        "Brown corpus, next character",
        functools.partial(load_characters, size=size),
        len(ALPHABET),
        "bits",
        segment,
        SOURCE,
    )


def brown_word(*, size: Size = "full", segment: Segment = 35) -> Task:
    """Return the word model of the Brown corpus, with an update every `segment` words."""
    return language_model.language_task(
        "brown_word",
        "Brown corpus, next word",
        functools.partial(load_words, size=size),
        VOCABULARY[size],
        "perplexity",
        segment,
        SOURCE,
    )


def brown_tags(*, size: Size = "full") -> Task:
    """Return the tagging of the sentences of the Brown corpus; layers read both ways."""
    return Task(
        name="brown_tags",
        title="Brown corpus, tag of every word",
        load=functools.partial(load_tags, size=size),
        features=VOCABULARY[size],
        outputs=len(TAGS.split()),
        loss="categorical",
        metric="error",
        unit="error rate",
        answers="every step",
        source=SOURCE,
        inputs="symbols",
        direction="both",
    )


def load_characters(folder: Path | None = None, *, size: Size) -> Mapping[str, Split]:
    """Return the three splits of the character model, one sequence for each text."""
    return language_model.character_splits(untagged(read_texts(folder, size)), ALPHABET)


def load_words(folder: Path | None = None, *, size: Size) -> Mapping[str, Split]:
    """Return the three splits of the word model, one sequence for each text."""
    return language_model.word_splits(untagged(read_texts(folder, size)), VOCABULARY[size])


def load_tags(folder: Path | None = None, *, size: Size) -> Mapping[str, Split]:
    """Return the three splits of the tagger, one sequence for each sentence: words, tags, both (steps,)."""
    texts = read_texts(folder, size)
    word_symbol = language_model.word_symbols(untagged(texts)["train"], VOCABULARY[size])
    tag_symbols = {tag: symbol for symbol, tag in enumerate(TAGS.split())}
    splits = {}
    for split, texts_of_split in texts.items():
        sentences = [sentence for text in texts_of_split for sentence in text]
        splits[split] = Split(
            [np.array([word_symbol(word) for word in words], np.uint16) for words, _ in sentences],
            [np.array([tag_symbols[tag] for tag in tags], np.int8) for _, tags in sentences],
        )
    return splits


def untagged(texts: Mapping[str, list[list[TaggedSentence]]]) -> language_model.Texts:
    """Return the texts of every split without tags."""
    return {
        split: [[words for words, _ in text] for text in texts_of_split]
        for split, texts_of_split in texts.items()
    }


def read_texts(folder: Path | None, size: Size) -> dict[str, list[list[TaggedSentence]]]:
    """Return the tagged sentences of every text, by split, in the order of the corpus."""
    texts: dict[str, list[list[TaggedSentence]]] = {split: [] for split in SPLITS}
    with zipfile.ZipFile(data.find_data_file(FILE, SHA256, URL, folder)) as archive:
        for member in sorted(archive.namelist()):
            named = re.fullmatch(rf"brown/c[{GENRES[size]}](\d\d)", member)
            if named and int(named[1]) <= LAST_TEXT[size]:
                text = list(tagged_sentences(archive.read(member).decode("ascii")))
                texts[split_of_text(int(named[1]))].append(text[: SENTENCES_PER_TEXT[size]])
    return texts


def split_of_text(number: int) -> str:
    """Return the split of a text by its number in its genre."""
    return {3: "valid", 6: "test"}.get(number % 10, "train")


def tagged_sentences(content: str) -> Iterator[TaggedSentence]:
    """Yield the sentences of a file: one in a line; a tag comes after the last slash of a word."""
    for line in re.sub(r"\d", "0", content.lower()).splitlines():
        if pairs := [token.rpartition("/") for token in line.split()]:
            yield [word for word, _, _ in pairs], [part_of_speech(tag) for _, _, tag in pairs]


@functools.cache
def part_of_speech(tag: str) -> str:
    """Return a tag without its marks: "fw-in+at-tl" is "in", "np$-hl" is "np$", "do*" is "do", "*" itself."""
    first = tag.removeprefix("fw-").partition("+")[0]
    unmarked = re.sub(r"(?<=.)(-(tl|hl|nc))+$", "", first)
    return unmarked.removesuffix("*") or "*"
