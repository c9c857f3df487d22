"""Copy, memorization and delayed echo: the layout of a sequence, and what is read again."""

import numpy as np
import pytest

from suite import Refusal, identity
from suite.task import NO_LABEL
from tasks import copying, find_task

HASHES = {
    "copy": "dd921d38d97305d7",
    "memorization": "f8ed5b375ec7522a",
    "memorization@bits=5": "4526cc983c876745",
    "delayed_echo": "4cdf257d17e0c82e",
}
# count of symbols, their alphabet, and the delays of train
COPIES = {"copy": (10, 8, {100}), "memorization": (10, 5, range(50, 101))}
COPIES |= {"memorization@bits=5": (5, 2, range(50, 101)), "copy@delay=3,length=20": (20, 8, {3})}


@pytest.mark.parametrize("name", COPIES)
def test_symbols_are_read_kept_and_asked_for_after_the_cue(name, load):
    count, alphabet, delays = COPIES[name]
    found = set()
    for split, factor in zip(load(name).values(), (1, 1, 1, 2, 4, 8), strict=True):
        for inputs, targets in zip(split.inputs, split.targets, strict=True):
            assert (inputs.sum(axis=1) == 1).all()
            read, delay = inputs.argmax(axis=1), len(inputs) - 2 * count
            assert min(delays) * factor <= delay <= max(delays) * factor
            found |= {delay} if factor == 1 else set()
            assert read[:count].max() < alphabet
            assert np.flatnonzero(read == alphabet + 1).tolist() == [count + delay - 1]
            assert (read[count:] == alphabet).sum() == delay - 1 + count
            assert (targets[: count + delay] == NO_LABEL).all()
            assert (targets[count + delay :] == read[:count]).all()
    assert found == set(delays)


def test_a_copy_of_three_symbols_is_laid_out_as_in_the_docstring():
    inputs, targets = copying.draw_copy(np.random.default_rng(1), 5, count=3, alphabet=8)
    first, second, third = targets[-3:]
    assert inputs.argmax(axis=1).tolist() == [first, second, third, 8, 8, 8, 8, 9, 8, 8, 8]
    assert targets.tolist() == [NO_LABEL] * 8 + [first, second, third]


@pytest.mark.parametrize(("name", "length", "delay"), [("", 50, 10), ("@delay=6,length=7", 7, 6)])
def test_bits_come_again_after_the_delay_which_longer_tests_share(name, length, delay):
    options = f"{name},sequences=10" if name else "@sequences=10"
    splits = find_task(f"delayed_echo{options}").load(None)
    for split, factor in zip(splits.values(), (1, 1, 1, 2, 4, 8), strict=True):
        for inputs, targets in zip(split.inputs, split.targets, strict=True):
            assert len(inputs) == len(targets) == length * factor
            assert (targets[:delay] == NO_LABEL).all()
            assert (targets[delay:] == inputs.argmax(axis=1)[:-delay]).all()


def test_a_delay_as_long_as_the_sequence_is_refused():
    with pytest.raises(Refusal, match=r"^delayed_echo: expected a delay below the length, 50, got 50; give"):
        find_task("delayed_echo@delay=50")


def test_more_sequences_of_5_bits_than_there_are_are_refused():
    with pytest.raises(Refusal, match=r"^memorization: expected 100 distinct sequences .* got 96"):
        find_task("memorization@bits=5,delay=4,sequences=100").load(None)


@pytest.mark.parametrize("name", HASHES)
def test_the_data_of_the_default_options_are_the_same_in_every_version(name, load):
    assert identity.data_hash(load(name)) == HASHES[name]


@pytest.mark.parametrize("name", HASHES)
def test_the_trivial_score_is_that_of_equally_frequent_classes(name):
    task = find_task(name)
    chance = np.log(task.outputs) if task.metric == "nats" else 1 - 1 / task.outputs
    assert task.trivial == pytest.approx(chance)
    assert task.success_tolerance == 0
