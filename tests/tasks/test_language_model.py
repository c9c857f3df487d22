"""Language models: streams of characters and words; and the n-gram model that they are compared with."""

import os
import subprocess
import sys

import numpy as np
import pytest
from kneser_ney import KneserNey

from tasks import language_model

TEXTS = {
    "train": [[["no", "."], ["yes", "!"]], [["no", "no", "<unk>"]]],
    "valid": [[["yes", "sir"]]],
    "test": [[["no"]]],
}
ALPHABET = "\n !.<>eknosuy"


def decode(symbols, units):
    return [units[symbol] for symbol in symbols]


def test_a_character_is_predicted_from_those_before_it():
    splits = language_model.character_splits(TEXTS | {"valid": []}, ALPHABET)
    for name, text, expected in (("train", 0, "no .\nyes !\n"), ("train", 1, "no no <unk>\n")):
        split = splits[name]
        assert "".join(decode(split.targets[text], ALPHABET)) == expected
        assert "".join(decode(split.inputs[text], ALPHABET)) == "\n" + expected[:-1]


def test_a_character_outside_of_the_alphabet_is_an_error():
    with pytest.raises(KeyError, match="i"):
        language_model.character_splits(TEXTS, ALPHABET)


@pytest.mark.parametrize("size", [4, 100])
def test_the_vocabulary_has_the_most_frequent_words_of_train(size):
    """The word "no" occurs three times; the others once, and are in alphabetical order."""
    units = ["\n", "<unk>", "no", "!", ".", "yes"][:size]
    splits = language_model.word_splits(TEXTS, size)
    read = [decode(target, units) for split in splits.values() for target in split.targets]
    expected = [["no", ".", "\n", "yes", "!", "\n"], ["no", "no", "<unk>", "\n"]]
    expected += [["yes", "<unk>", "\n"], ["no", "\n"]]
    assert read == [[word if word in units else "<unk>" for word in text] for text in expected]


def test_kneser_ney_gives_the_probabilities_computed_by_hand():
    """The bigrams of 1 1 0 1, after a 0, are 01 twice, 11 and 10: D is 1/2, and 1/3 for single symbols.

    p(1) = (2 − 1/3) / 3 + (1/3 · 2) / 3 · 1/2 = 2/3
    p(1 | 0) = (2 − 1/2) / 2 + (1/2 · 1) / 2 · 2/3 = 11/12
    """
    stream = np.array([1, 1, 0, 1])
    model = KneserNey(stream, order=2, symbols=2)
    np.testing.assert_allclose(model.probabilities(np.arange(4)), np.array([1, 11, 5, 7]) / 12)
    assert model.bits(stream) == pytest.approx(-np.log2([11 / 12, 7 / 12, 5 / 12, 11 / 12]).mean())


def test_kneser_ney_probabilities_sum_to_one_after_every_context():
    stream = np.random.default_rng(1).choice(4, size=60, p=[0.6, 0.2, 0.15, 0.05])
    model = KneserNey(stream, order=3, symbols=4)
    p = model.probabilities(np.arange(4**3)).reshape(-1, 4)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert p.min() > 0


@pytest.mark.skipif(not os.environ.get("ODYSSEY_LONG"), reason="takes ten seconds: set ODYSSEY_LONG=1")
def test_five_grams_need_the_documented_bits_on_brown_char(load):
    load("brown_char@size=tiny")  # skips without the file
    command = [sys.executable, f"{os.path.dirname(__file__)}/kneser_ney.py", "brown_char", "5"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output == "brown_char: 2.0479 bits per symbol of test, order 5, Kneser–Ney\n"
