"""The question of a sweep, and that of a sweep asked before a setting was there."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from suite import Refusal, store
from suite.search.asked import OPTIMISERS, about, from_table, preset
from suite.training.optimiser import OPTIMISERS as RULES
from suite.training.trial import Protocol

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
QUICK = preset("quick")


def asks(optimiser):
    return replace(QUICK, name="reference", protocol=replace(QUICK.protocol, optimiser=optimiser))


def test_the_optimisers_that_can_be_asked_are_those_there_are():
    assert tuple(RULES) == OPTIMISERS


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_question_comes_back_from_its_table(optimiser):
    table = asks(optimiser).to_table()
    assert table["optimiser"] == optimiser
    assert from_table(table) == asks(optimiser)


def test_a_question_without_an_optimiser_asks_for_nesterov(tmp_path):
    """The reference sweep was asked before there was a choice; it can go on, but not by another rule."""
    old = shutil.copy(REFERENCE / "sweep.toml", tmp_path)
    before = Path(old).read_bytes()
    assert b"optimiser" not in before
    assert from_table(store.read_asked(tmp_path)) == asks("nesterov")
    store.create(tmp_path, asks("nesterov").to_table(), implied=asdict(Protocol()))
    with pytest.raises(Refusal, match="another sweep, with another optimiser;"):
        store.create(tmp_path, asks("adam").to_table(), implied=asdict(Protocol()))
    assert Path(old).read_bytes() == before


def test_hyperband_decides_by_itself_how_many_trials_a_search_holds():
    asked = replace(QUICK, oracle="hyperband", trials=5, protocol=replace(QUICK.protocol, epochs=9))
    assert (asked.trials_a_search, asked.epochs_a_search) == (23, 87)
    assert (QUICK.trials_a_search, QUICK.epochs_a_search) == (12, 12 * 30)
    of_nothing = replace(asked, tasks=(), cells=())
    assert store.trials_a_search(of_nothing.to_table() | {"about": about(of_nothing, None)}) == 23
    assert store.trials_a_search(of_nothing.to_table()) == 5  # a folder of before


def test_a_preset_may_clip(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'tasks = ["jsb"]\ncells = ["np"]\noptimiser = "rmsprop"\n[space.clip_norm]\nlow = 1\nhigh = 9'
    )
    asked = preset(str(mine))
    asked.check()
    assert asked.protocol.optimiser == "rmsprop"
    assert (asked.space["clip_norm"].low, asked.space["clip_norm"].scale) == (1.0, "log")
    assert "clip_value" not in asked.space
