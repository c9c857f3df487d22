"""The Brown corpus: how its files are read, what they hold, and that every genre is in every split."""

import numpy as np
import pytest

from suite import Refusal
from tasks import brown, find_task, language_model

FILE = """

\tThe/at jury/nn said/vbd Friday/nr $12,000/cd and/or/cc ``/`` I'll/ppss+md ''/'' ./.


\tOui/fw-rb
"""
# texts, sentences, words with sentence ends, characters of train, valid and test
COUNTS = {
    "train": (395, 45_373, 962_840, 4_849_480),
    "valid": (54, 6_121, 131_426, 656_779),
    "test": (51, 5_846, 124_266, 620_815),
}


@pytest.fixture(scope="module")
def texts(load):
    load("brown_tags@size=tiny")  # skips without the file
    return brown.read_texts(None, "full")


def test_a_file_is_read_as_sentences_of_words_with_tags():
    first, second = brown.tagged_sentences(FILE)
    assert " ".join(first[0]) == "the jury said friday $00,000 and/or `` i'll '' ."
    assert " ".join(first[1]) == "at nn vbd nr cd cc `` ppss '' ."
    assert second == (["oui"], ["rb"])


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("np-tl", "np"),
        ("nn-tl-hl", "nn"),
        ("fw-in+at-tl", "in"),
        ("np$-hl", "np$"),
        ("do*", "do"),
        ("ppss+ber-n", "ppss"),
        ("*", "*"),
        ("*-hl", "*"),
        ("--", "--"),
        ("---hl", "--"),
        ("pp$$", "pp$$"),
        (",-hl", ","),
    ],
)
def test_a_tag_is_read_without_its_marks(tag, expected):
    assert brown.part_of_speech(tag) == expected


@pytest.mark.parametrize(
    ("number", "split"), [(1, "train"), (3, "valid"), (6, "test"), (13, "valid"), (76, "test"), (80, "train")]
)
def test_the_number_of_a_text_says_its_split(number, split):
    assert brown.split_of_text(number) == split


def test_the_corpus_has_the_documented_sizes_and_exactly_the_listed_characters_and_tags(texts):
    counts, alphabet, tags = {}, set(), set()
    for split, words in brown.untagged(texts).items():
        characters = [language_model.characters(text) for text in words]
        sentences = sum(map(len, words))
        steps = sum(len(sentence) for text in words for sentence in text) + sentences
        counts[split] = len(words), sentences, steps, sum(map(len, characters))
        alphabet.update(*characters)
        tags.update(*(sentence_tags for text in texts[split] for _, sentence_tags in text))
    assert counts == COUNTS
    assert alphabet == set(brown.ALPHABET)
    assert tags == set(brown.TAGS.split())
    assert (len(brown.ALPHABET), len(brown.TAGS.split())) == (50, 92)


def test_small_has_one_valid_and_one_test_text_of_each_of_the_15_genres(texts):
    small = brown.read_texts(None, "small")
    assert [len(small[split]) for split in ("train", "valid", "test")] == [115, 15, 15]
    assert all(text in texts[split] for split in ("valid", "test") for text in small[split])


def test_a_tagger_reads_the_words_of_the_word_model_and_reads_both_ways(load):
    words, tags = load("brown_word@size=tiny"), load("brown_tags@size=tiny")
    for split in ("train", "valid", "test"):
        read = np.concatenate([np.append(sentence, 0) for sentence in tags[split].inputs])
        np.testing.assert_array_equal(read, np.concatenate(words[split].targets))
    assert find_task("brown_tags").direction == "both"


def test_characters_are_scored_in_bits_and_words_in_perplexity_in_updates_of_a_segment():
    characters, words = find_task("brown_char"), find_task("brown_word@segment=20,size=small")
    assert (characters.metric, characters.unit, characters.segment) == ("bits", "bits per character", 100)
    assert (words.metric, words.unit, words.segment) == ("perplexity", "perplexity per word", 20)


def test_another_file_is_refused(tmp_path):
    (tmp_path / brown.FILE).write_bytes(b"PK")
    with pytest.raises(Refusal, match=r"brown\.zip: expected the SHA-256"):
        find_task("brown_char").load(tmp_path)
