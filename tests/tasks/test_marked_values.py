"""Adding, multiplication and XOR: two markers, one in each half, and what the marked values give."""

import numpy as np
import pytest

from suite import Refusal, identity
from tasks import find_task, marked_values

RULES = {
    "adding": lambda first, second: first + second,
    "multiplication": lambda first, second: first * second,
    "xor": lambda first, second: int(first != second),
}
DRAWS = {
    "adding": marked_values.draw_sum,
    "multiplication": marked_values.draw_product,
    "xor": marked_values.draw_xor,
}
HASHES = {"adding": "9e445bf3339793f7", "multiplication": "62c115ff445a20cd", "xor": "20fddd64df90b7e0"}


@pytest.fixture(params=RULES)
def name(request):
    return request.param


@pytest.mark.parametrize("length", [7, 50])
def test_one_step_is_marked_in_each_half(name, length):
    splits = find_task(f"{name}@length={length},sequences=200").load(None)
    for split in splits.values():
        markers = np.array(split.inputs)[:, :, 1]
        half = markers.shape[1] // 2
        assert set(np.unique(markers)) == {0, 1}
        assert (markers[:, :half].sum(axis=1) == 1).all()
        assert (markers[:, half:].sum(axis=1) == 1).all()
    assert np.array(splits["train"].inputs)[:, :, 1].any(axis=0).all()


def test_the_target_is_that_of_the_marked_values(name, load):
    for split in load(name).values():
        for inputs, target in zip(split.inputs, split.targets, strict=True):
            expected = RULES[name](*inputs[inputs[:, 1] == 1, 0])
            assert target.ravel().tolist() == [pytest.approx(expected, abs=1e-6)]


def test_sequences_are_drawn_as_in_the_docstring(name):
    """Its examples: the sum of the values marked there, and two bits that differ."""
    drawn = {"adding": [0.71, 0.9], "multiplication": [0.5, 0.5], "xor": [0, 1]}[name]
    answer = {"adding": 1.61, "multiplication": 0.25, "xor": 1}[name]

    class Drawn:
        def random(self, length, dtype):
            return np.array([0, drawn[0], 0, 0, drawn[1], 0], dtype)

        def integers(self, low, high=None, size=None):
            if size:
                return np.array([0, drawn[0], 0, 0, drawn[1], 0])
            return 1 if high is None else 4

    inputs, target = DRAWS[name](Drawn(), 6)
    assert inputs[:, 1].tolist() == [0, 1, 0, 0, 1, 0]
    assert target.ravel().tolist() == [pytest.approx(answer)]


def test_the_trivial_score_is_that_of_a_constant_answer(name):
    task = find_task(name)
    a, b = np.meshgrid(np.linspace(0, 1, 1001), np.linspace(0, 1, 1001))
    exact = {"adding": np.var(a + b), "multiplication": np.var(a * b), "xor": 1 / 2}[name]
    assert task.trivial == pytest.approx(exact, rel=0.005)


def test_the_options_are_in_the_name_and_the_length_in_the_title():
    longer = find_task("adding@length=750,sequences=5000")
    assert (longer.name, longer.title) == ("adding@length=750,sequences=5000", "Adding problem, 750 steps")
    assert find_task("adding@length=50").name == "adding"
    assert identity.task_hash(longer) == identity.task_hash(find_task("adding"))


def test_a_sequence_is_solved_within_the_published_tolerance(name):
    assert find_task(name).success_tolerance == {"xor": 0}.get(name, 0.04)


def test_the_data_of_the_default_options_are_the_same_in_every_version(name, load):
    """Rows of a sweep hold this hash, and a sweep with other data is not continued."""
    assert identity.data_hash(load(name)) == HASHES[name]


def test_bits_too_few_for_distinct_sequences_are_refused():
    with pytest.raises(Refusal, match=r"^xor: expected 10 distinct sequences .* got 16"):
        find_task("xor@length=3,sequences=10").load(None)
