"""Arithmetic and XML: every drawn text keeps the rules, and what is random in it has its distribution."""

import itertools
import re

import numpy as np
import pytest

from suite import identity
from suite.task import NO_LABEL
from tasks import find_task
from tasks.synthetic_text import ARITHMETIC_ALPHABET, XML_ALPHABET


def texts(split, alphabet):
    """Return the texts of a split: the inputs, and the last target."""
    return [
        "".join(alphabet[symbol] for symbol in (*inputs, targets[-1]))
        for inputs, targets in zip(split.inputs, split.targets, strict=True)
    ]


@pytest.fixture(scope="module")
def arithmetic():
    return find_task("arithmetic@digits=3,sequences=300").load(None)


@pytest.fixture(scope="module")
def xml():
    return find_task("xml@sequences=100").load(None)


def test_a_calculation_is_right_and_its_letters_mean_nothing(arithmetic):
    longest = {"train": 3, "valid": 3, "test": 3, "test_2x": 6, "test_4x": 12, "test_8x": 24}
    for name, split in arithmetic.items():
        numbers = []
        for text in texts(split, ARITHMETIC_ALPHABET):
            question, result = re.fullmatch(r"((?:[0-9+-][a-z]{0,2})+)=(-?\d+)\.", text).groups()
            first, operator, second = re.split("([+-])", re.sub("[a-z]", "", question))
            assert int(result) == (int(first) + int(second) if operator == "+" else int(first) - int(second))
            numbers += [first, second]
        assert {len(number) for number in numbers} == set(range(1, longest[name] + 1))
        assert not any(number.startswith("0") and number != "0" for number in numbers)


def test_only_the_result_and_its_end_have_labels(arithmetic):
    equals = ARITHMETIC_ALPHABET.index("=")
    for inputs, targets in zip(arithmetic["train"].inputs, arithmetic["train"].targets, strict=True):
        [end] = np.flatnonzero(inputs == equals)
        assert (targets[:end] == NO_LABEL).all()
        np.testing.assert_array_equal(targets[end:-1], inputs[end + 1 :])
        assert ARITHMETIC_ALPHABET[targets[-1]] == "."


def test_sums_and_differences_and_numbers_of_distractors_are_equally_frequent(arithmetic):
    questions = [text.partition("=")[0] for text in texts(arithmetic["train"], ARITHMETIC_ALPHABET)]
    assert 0.4 < np.mean(["+" in question for question in questions]) < 0.6
    distractors = re.findall(r"[0-9+-]([a-z]*)", "".join(questions))
    assert np.bincount([*map(len, distractors)]) / len(distractors) == pytest.approx([1 / 3] * 3, abs=0.05)


def test_an_element_is_closed_by_its_own_name(xml):
    lengths = {"train": 200, "valid": 200, "test": 200, "test_2x": 400, "test_4x": 800, "test_8x": 1600}
    for name, split in xml.items():
        for text in texts(split, XML_ALPHABET):
            assert len(text) == lengths[name] + 1
            open_names = []
            for slash, tag in re.findall("<(/?)([a-z]{2,10})>", text):
                assert not slash or tag == open_names.pop()
                open_names += [] if slash else [tag]
            assert re.fullmatch("(</?[a-z]{2,10}>)*(</?[a-z]{0,10})?", text)


def test_who_knows_the_rules_of_xml_is_wrong_at_two_of_five_characters(xml):
    wrong = [a != b for text in texts(xml["train"], XML_ALPHABET) for a, b in guesses(text)]
    assert np.mean(wrong) == pytest.approx(0.41, abs=0.01)


def guesses(text):
    """Yield each character of a text from the second on, and the best guess of it from those before."""
    open_names, tag = [], ""
    for before, character in itertools.pairwise(text):
        tag = before if before == "<" else tag + before
        if before == ">":
            if tag.startswith("</"):
                open_names.pop()
            else:
                open_names.append(tag[1:-1])
            guess = "<"
        elif tag == "<":
            guess = "/" if open_names else "a"
        elif tag.startswith("</"):
            guess = f"</{open_names[-1]}>"[len(tag)]
        else:
            guess = ">" if len(tag) > 2 else "a"
        yield guess, character


@pytest.mark.parametrize(
    ("name", "expected"),
    [("arithmetic@sequences=20", "cac1c9afd137b0df"), ("xml@sequences=20", "3916d646fb0875b9")],
)
def test_the_data_are_those_of_earlier_versions(name, expected):
    assert identity.data_hash(find_task(name).load(None)) == expected
