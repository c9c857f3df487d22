"""The Brown corpus: 500 texts of American English printed in 1961, a million words, each with its tag.

Three tasks: `brown_char` predicts the next character, `brown_word` the next word (`tasks.language_model`), and
`brown_tags` finds the tag of every word of a sentence. The corpus is as large as the Penn Treebank and free to
use. The first sentence, as it is in the file and as it is read:

    The/at Fulton/np-tl County/nn-tl Grand/jj-tl Jury/nn-tl said/vbd Friday/nr an/at investigation/nn of/in …
    the    fulton       county       grand       jury       said     friday    an    investigation    of    …
    at     np           nn           jj          nn         vbd      nr        at    nn               in    …

Letters are lower case, and every digit is 0, as in "$00,000": what is left are the 50 characters of
`ALPHABET`. Mikolov's Penn Treebank, which these tasks stand in for, goes further: it also leaves out
punctuation, writes N for a number, and <unk> for a rare word in the character model too.

The split is by text, within each of the 15 genres: of the texts a01, a02, … of genre a, those whose number
ends in 3 are valid, those whose number ends in 6 are test, all others train. So every genre is in every split:

    size    texts of train, valid, test    characters                      words, with sentence ends
    full    395, 54, 51                    4,748,210  645,606  610,170
    small   the texts 01 to 10 of each genre

The vocabulary of `brown_word` has 10,000 entries, as that of the Penn Treebank: the end of a sentence, the
unknown word, and the most frequent words of train. 

`brown_tags` reads the same words. Its 92 tags are those of the corpus without what is not a part of speech:
the mark of a foreign word (fw-), of a title, headline or cited word (-tl, -hl, -nc), the negation of a
contracted verb (do* in "don't"), and all but the first tag of a contraction (ppss+md in "I'll").
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
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
TAGS = (
    "' '' ( ) * , -- . : `` abl abn abx ap ap$ at be bed bedz beg bem ben ber bez cc cd cd$ cs do dod doz dt "
    "dt$ dti dts dtx ex hv hvd hvg hvn hvz in jj jj$ jjr jjs jjt md nil nn nn$ nns nns$ np np$ nps nps$ nr "
    "nr$ nrs od pn pn$ pp$ pp$$ ppl ppls ppo pps ppss ql qlp rb rb$ rbr rbt rn rp to uh vb vbd vbg vbn vbz "
    "wdt wp$ wpo wps wql wrb"
).split()

Size: TypeAlias = Literal["full", "small", "tiny"]
TaggedSentence: TypeAlias = list[tuple[str, str]]  # pairs of a word and its tag
LAST_TEXT = {"full": 99, "small": 10, "tiny": 6}  # the last text of a genre, by size
GENRES = {"full": "a-r", "small": "a-r", "tiny": "a"}  # a range of letters
SENTENCES_PER_TEXT = {"full": None, "small": None, "tiny": 5}
VOCABULARY = {"full": 10_000, "small": 5_000, "tiny": 50}


def brown_char(*, size: Size = "full", segment: Segment = 100) -> Task:
    """Return the character model of the Brown corpus, in updates of `segment` characters."""
    return language_model.language_task(
        "brown_char",
        "Brown corpus, next character",
        partial(load_characters, size=size),
        len(ALPHABET),
        "bits",
        segment,
        SOURCE,
    )


def brown_word(*, size: Size = "full", segment: Segment = 35) -> Task:
    """Return the word model of the Brown corpus, in updates of `segment` words."""
    return language_model.language_task(
        "brown_word",
        "Brown corpus, next word",
        partial(load_words, size=size),
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
        load=partial(load_tags, size=size),
        features=VOCABULARY[size],
        outputs=len(TAGS),
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
    """Return the three splits of the tagger, one sequence for each sentence: words and tags, both (steps,)."""
    texts = read_texts(folder, size)
    word_symbol = language_model.word_symbols(untagged(texts)["train"], VOCABULARY[size])
    tag_symbols = {tag: symbol for symbol, tag in enumerate(TAGS)}
    splits = {}
    for split, texts_of_split in texts.items():
        sentences = [sentence for text in texts_of_split for sentence in text]
        splits[split] = Split(
            [np.array([word_symbol(word) for word, _ in sentence], np.uint16) for sentence in sentences],
            [np.array([tag_symbols[tag] for _, tag in sentence], np.int8) for sentence in sentences],
        )
    return splits


def untagged(texts: Mapping[str, list[list[TaggedSentence]]]) -> language_model.Texts:
    """Return the texts of every split without tags."""
    return {
        split: [[[word for word, _ in sentence] for sentence in text] for text in texts_of_split]
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
    """Yield the sentences of a file: one to a line, between empty lines; words may contain a slash, tags not."""
    for line in re.sub(r"\d", "0", content.lower()).splitlines():
        if pairs := [token.rpartition("/") for token in line.split()]:
            yield [(word, part_of_speech(tag)) for word, _, tag in pairs]


def part_of_speech(tag: str) -> str:
    """Return a tag without its marks: "fw-in+at-tl" is "in", "np$-hl" is "np$", "do*" is "do", "*" itself."""
    first = tag.removeprefix("fw-").partition("+")[0]
    unmarked = re.sub(r"(?<=.)(-(tl|hl|nc))+$", "", first)
    return unmarked.removesuffix("*") or "*"
