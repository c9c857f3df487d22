"""Language models: predict every character, or every word, of a text from those before it.

A text is a list of sentences, and a sentence a list of words. Each sentence ends in a line break, which is a
symbol like the others and is predicted too. The text of the sentences "no ." and "yes !", with ⏎ for the line
break:

    characters   input     ⏎  n  o     .  ⏎  y  e  s     !
                 target    n  o     .  ⏎  y  e  s     !  ⏎
    words        input     ⏎   no  .  ⏎    yes  !
                 target    no  .   ⏎  yes  !    ⏎

All texts of a split are one stream, through which the state is carried (`suite.training.batches`). The first
input of a text is the line break that ends the text before it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import numpy as np

from suite.options import Between
from suite.task import Split, Task

Sentence: TypeAlias = Sequence[str]  # words
Text: TypeAlias = Sequence[Sentence]
Texts: TypeAlias = Mapping[str, Sequence[Text]]  # the texts of every split

SENTENCE_END = "\n"  # symbol 0 of every model
UNKNOWN_WORD = "<unk>"

# an option of a task: the number of steps of an update
Segment: TypeAlias = Annotated[int, Between(1, 1000)]


def language_task(
    name: str,
    title: str,
    load: Callable[[Path | None], Mapping[str, Split]],
    symbols: int,
    metric: Literal["bits", "perplexity"],
    segment: int,
    source: str,
) -> Task:
    """Return the task of predicting the next of `symbols` symbols, with an update every `segment` steps."""
    return Task(
        name=name,
        title=title,
        load=load,
        features=symbols,
        outputs=symbols,
        loss="categorical",
        metric=metric,
        unit={"bits": "bits per character", "perplexity": "perplexity per word"}[metric],
        answers="every step",
        source=source,
        inputs="symbols",
        segment=segment,
    )


def character_splits(texts: Texts, alphabet: str) -> Mapping[str, Split]:
    """Return the splits of a character model; the symbol of a character is its place in the alphabet.

    Raises KeyError for a character that the alphabet lacks.
    """
    symbols = {character: symbol for symbol, character in enumerate(alphabet)}
    return next_symbol_splits(texts, characters, symbols.__getitem__)


def word_splits(texts: Texts, size: int) -> Mapping[str, Split]:
    """Return the splits of a word model with a vocabulary of `size` (`word_symbols`)."""
    return next_symbol_splits(texts, words, word_symbols(texts["train"], size))


def characters(text: Text) -> str:
    """Return a text as characters: a space between words, a line break at the end of every sentence."""
    return "".join(" ".join(sentence) + SENTENCE_END for sentence in text)


def words(text: Text) -> Iterator[str]:
    """Return the words of a text, with a line break as one more word at the end of every sentence."""
    return chain.from_iterable((*sentence, SENTENCE_END) for sentence in text)


def word_symbols(texts: Iterable[Text], size: int) -> Callable[[str], int]:
    """Return a function from a word to its symbol: its place in the vocabulary of texts.

    The vocabulary is `SENTENCE_END`, `UNKNOWN_WORD`, which all words that are not in it count as, and the
    most frequent words; `size` entries, or as many as there are. Words that occur equally often are in
    alphabetical order.
    """
    counts = Counter(word for text in texts for sentence in text for word in sentence)
    del counts[UNKNOWN_WORD]
    by_frequency = sorted(counts, key=lambda word: (-counts[word], word))
    vocabulary = [SENTENCE_END, UNKNOWN_WORD, *by_frequency][:size]
    symbols = {word: symbol for symbol, word in enumerate(vocabulary)}
    return lambda word: symbols.get(word, symbols[UNKNOWN_WORD])


def next_symbol_splits(
    texts: Texts, units: Callable[[Text], Iterable[str]], symbol: Callable[[str], int]
) -> Mapping[str, Split]:
    """Return splits in which every symbol of a text is a target, and the symbol before it is the input.

    `units` returns the characters or words of a text; `symbol` maps each to an integer, the line break to 0.
    """
    splits = {}
    for split, texts_of_split in texts.items():
        targets = [np.fromiter(map(symbol, units(text)), np.int16) for text in texts_of_split]
        splits[split] = Split([previous_symbols(target) for target in targets], targets)
    return splits


def previous_symbols(targets: np.ndarray) -> np.ndarray:
    """Return the symbol before each of a text, (steps,): 0, the line break, and all but the last."""
    return np.concatenate([[0], targets[:-1]]).astype(np.uint16)
