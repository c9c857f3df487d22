"""State tracking and recall: every answer against an oracle, and tests longer than what is trained on."""

import itertools
import re
from collections import deque

import numpy as np
import pytest

from suite import Refusal, identity
from suite.task import NO_LABEL, SPLITS
from tasks import associative_recall, dyck, find_task, regular_languages, symmetric_group

HASHES = {  # of the data with 120 sequences to train on
    "parity": "9f7f62ef9badde45",
    "even_pairs": "ef2a4313263c7196",
    "modular_arithmetic": "01c7db5b7ce4956d",
    "cycle_navigation": "6357865938610140",
    "s5": "5b559cceac7cc5b6",
    "dyck": "503b06aa0375ca29",
    "mqar": "96810fbcc187c3bb",
}
SHORTEST = dict.fromkeys(HASHES, 1) | {"even_pairs": 2, "dyck": 2, "mqar": 16}
ODD_OR_EVEN = {"modular_arithmetic": 1, "dyck": 0}  # the remainder of all lengths, divided by 2


class Scripted:
    """A random generator that returns the given arrays, one after the other."""

    def __init__(self, *draws):
        self.draws = deque(map(np.array, draws))

    def integers(self, *arguments, **options):
        return self.draws.popleft()

    permutation = integers


@pytest.fixture(scope="module", params=HASHES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def splits(name, load):
    return load(f"{name}@sequences=120")


def all_sequences(name, load):
    """Yield the inputs and targets of all splits of a task, as lists."""
    for split in load(name).values():
        for inputs, targets in zip(split.inputs, split.targets, strict=True):
            yield inputs.tolist(), targets.tolist()


def text_of(symbols, alphabet):
    return "".join(alphabet[symbol] for symbol in symbols)


def test_lengths_are_uniform_in_training_and_exactly_2_4_and_8_times_as_long_in_the_longer_tests(
    name, splits
):
    possible = [n for n in range(SHORTEST[name], 41) if n % 2 == ODD_OR_EVEN.get(name, n % 2)]
    counts = np.bincount(splits["train"].lengths, minlength=41)[possible]
    assert counts.sum() == 120
    share = 1 / len(possible)
    assert np.abs(counts / 120 - share).max() < 4 * (share / 120) ** 0.5
    assert max(splits["valid"].lengths) <= 40
    assert {split: set(splits[split].lengths) for split in splits if split not in SPLITS} == {
        f"test_{factor}x": {40 * factor - ODD_OR_EVEN.get(name, 0)} for factor in (2, 4, 8)
    }


def test_no_sequence_is_in_two_splits(splits):
    contents = [{x.tobytes() for x in split.inputs} for split in splits.values()]
    assert len(set.union(*contents)) == sum(map(len, contents))


def test_the_data_are_those_of_earlier_versions_on_every_platform(name, splits):
    assert identity.data_hash(splits) == HASHES[name]


@pytest.mark.parametrize("name", ["parity", "even_pairs", "s5", "mqar"])
def test_a_constant_answer_has_the_trivial_score(name, load):
    labels = np.concatenate(load(f"{name}@sequences=120")["train"].targets)
    labels, trivial = labels[labels != NO_LABEL], find_task(name).trivial
    wrong = [np.mean(labels != answer) for answer in range(find_task(name).outputs)]
    assert np.abs(np.subtract(wrong, trivial)).max() < 4 * (trivial * (1 - trivial) / len(labels)) ** 0.5


@pytest.mark.parametrize(
    ("name", "inputs", "target"),
    [
        ("parity", [1, 0, 1, 0, 1, 0, 0], 1),
        ("even_pairs", [0, 1, 0, 1, 0, 0, 1], 1),
        ("even_pairs", [0, 0, 1, 1, 1, 0], 0),
        ("cycle_navigation", [2, 0, 1, 0, 0], 3),
        ("cycle_navigation", [2, 2, 2, 0], 2),
    ],
)
def test_the_published_examples_of_regular_languages(name, inputs, target):
    draw = {
        "parity": regular_languages.draw_bits,
        "even_pairs": regular_languages.draw_changing_bits,
        "cycle_navigation": regular_languages.draw_walk,
    }[name]
    assert draw(Scripted(np.array(inputs, np.uint8)), len(inputs))[1].tolist() == [target]


@pytest.mark.parametrize(("text", "value"), [("1+2*3", 2), ("1-1-1", 4), ("0*1+4*3-2", 0), ("3", 3)])
def test_the_published_examples_of_modular_arithmetic(text, value):
    numbers = [int(digit) for digit in text[::2]]
    operators = ["+-*".index(operator) for operator in text[1::2]]
    draws = Scripted(numbers, np.array(operators, int))
    symbols, target = regular_languages.draw_expression(draws, len(text), modulus=5)
    assert text_of(symbols, "01234+-*") == text
    assert target.tolist() == [value]


def test_parity_is_even_where_a_regular_expression_matches(load):
    for bits, [odd] in all_sequences("parity@sequences=120", load):
        assert odd == (re.fullmatch("0*(10*10*)*", text_of(bits, "01")) is None)


def test_pairs_are_even_where_both_kinds_together_are_and_the_ends_are_equal(load):
    for bits, [odd] in all_sequences("even_pairs@sequences=120", load):
        text = text_of(bits, "01")
        assert odd == (text.count("01") + text.count("10")) % 2 == (bits[0] != bits[-1])


@pytest.mark.parametrize("modulus", [5, 12])
def test_an_expression_has_the_value_that_python_computes(modulus, load):
    alphabet = [*map(str, range(modulus)), *"+-*"]
    for symbols, [value] in all_sequences(f"modular_arithmetic@modulus={modulus},sequences=100", load):
        assert value == eval(text_of(symbols, alphabet)) % modulus


def test_a_walk_ends_where_a_rotated_ring_does(load):
    for moves, [position] in all_sequences("cycle_navigation@sequences=120", load):
        ring = deque(range(5))
        for move in moves:
            ring.rotate(1 - move)  # 2, to the right, moves the next position to the front
        assert position == ring[0]


@pytest.mark.parametrize("letters", ["all", "generators"])
def test_a_product_of_permutations_is_that_of_their_matrices(letters, load):
    matrix_of = {
        permutation: np.eye(5, dtype=int)[:, permutation] for permutation in itertools.permutations(range(5))
    }
    for word, products in all_sequences(f"s5@length=10,letters={letters},sequences=50", load):
        matrix = np.eye(5, dtype=int)  # column i is the unit vector of the image of i
        for letter, product in zip(word, products, strict=True):
            matrix = matrix @ matrix_of[symmetric_group.LETTERS[letters][letter]]
            assert (matrix == matrix_of[symmetric_group.PERMUTATIONS[product]]).all()


def test_the_two_generators_reach_all_permutations(load):
    split = load("s5@length=10,letters=generators,sequences=50")["test_8x"]
    assert set(np.concatenate(split.targets)) == set(range(120))
    assert set(np.concatenate(split.inputs)) == {0, 1}


@pytest.mark.parametrize("letters", ["all", "generators"])
def test_the_example_of_the_symmetric_group(letters):
    numbers = {text_of(p, "01234"): number for number, p in enumerate(symmetric_group.LETTERS[letters])}
    word = np.array([numbers[text] for text in ("10234", "12340", "10234")], np.uint8)
    _, products = symmetric_group.draw_product(Scripted(word), 3, letters=letters)
    texts = [text_of(symmetric_group.PERMUTATIONS[product], "01234") for product in products]
    assert texts == ["10234", "02341", "20341"]
    assert text_of(symmetric_group.PERMUTATIONS[0], "01234") == "01234"


def test_the_example_of_brackets():
    draws = Scripted([1, 1, 0, 0, 1, 0], np.array([0, 1, 0, 0, 1, 0], np.uint8))
    brackets, legal = dyck.draw_brackets(draws, 7, depth=2, kinds=2)
    assert text_of(brackets, "([)]") == "([])[]"
    assert [text_of(np.flatnonzero(row), "([)]") for row in legal] == ["([)", "]", "([)", "([", "([]", "(["]


@pytest.mark.parametrize("options", ["kinds=2,depth=4", "kinds=1,depth=70", "kinds=3,depth=2"])
def test_brackets_are_balanced_and_legal_ones_are_those_that_do_not_break_the_rules(options, load):
    name = f"dyck@{options},length=16,sequences=30"
    kinds = find_task(name).outputs // 2
    depth = int(options.rpartition("=")[2])
    opening, closing = "([{<"[:kinds], ")]}>"[:kinds]
    pair = re.compile("|".join(map(re.escape, map("".join, zip(opening, closing, strict=True)))))

    def unmatched(text):
        while (shorter := pair.sub("", text)) != text:
            text = shorter
        return text

    depths = set()
    for brackets, legal in all_sequences(name, load):
        text, rest = text_of(brackets, opening + closing), ""
        for bracket, row in zip(text, legal, strict=True):
            rest = unmatched(rest + bracket)
            depths.add(len(rest))
            nexts = [unmatched(rest + other) for other in opening + closing]
            assert row == [set(n) <= set(opening) and len(n) <= depth for n in nexts]
        assert rest == ""
    assert max(depths) == depth or max(depths) > 16 / 2  # deeper than in training, where no depth is a limit


def test_the_example_of_recall():
    draws = Scripted([2, 0, 1, 3], [1, 3, 0, 2], [3, 1, 0, 2])
    inputs, targets = associative_recall.draw_pairs(draws, 12, keys=4, pairs=2)
    assert inputs.tolist() == [3, 6, 1, 8, 0, 0, 1, 0, 0, 0, 3, 0]
    assert targets.tolist() == [NO_LABEL] * 6 + [3] + [NO_LABEL] * 3 + [1, NO_LABEL]


def test_each_key_is_asked_for_once_after_all_pairs_and_answered_with_its_value(load):
    for symbols, targets in all_sequences("mqar@sequences=100", load):
        values = {key: value - 17 for key, value in zip(symbols[:8:2], symbols[1:8:2], strict=True)}
        assert (len(values), len(set(values.values()))) == (4, 4)
        queries = [step for step in range(8, len(symbols)) if symbols[step]]
        assert sorted(symbols[step] for step in queries) == sorted(values)
        assert targets == [
            values[symbol] if step in queries else NO_LABEL for step, symbol in enumerate(symbols)
        ]


@pytest.mark.parametrize(
    ("options", "most"), [("pairs=11", 10), ("keys=4,pairs=5", 4), ("length=15,pairs=4", 3)]
)
def test_pairs_that_do_not_fit_are_refused_with_the_most_that_do(options, most):
    with pytest.raises(Refusal, match=f"at most {most} pairs for"):
        find_task(f"mqar@{options}")


def test_a_task_with_too_few_different_sequences_is_refused():
    with pytest.raises(Refusal, match="give fewer sequences, or longer ones"):
        find_task("parity@length=2,sequences=100").load(None)
