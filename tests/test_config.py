"""The question of a sweep, and that of a sweep asked before a setting was there."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from suite import Refusal, store
from suite.config import (
    Protocol,
    config_from_table,
    load_preset,
    record_from_table,
)
from suite.search.sweep import sweep_metadata
from suite.setting_checks import OPTIMISER_CHOICES, SETTING_CHECKS
from suite.task import SPLITS, Split
from suite.training.optimiser import OPTIMISERS as RULES
from tasks import TASKS, find_task

OLDER_SWEEP = Path(__file__).parent / "older_sweep"
QUICK = load_preset("quick")


def asks(optimiser):
    """Return the configuration of the older sweep, but for its optimiser."""
    protocol = replace(QUICK.protocol, optimiser=optimiser)
    return replace(QUICK, name="older_sweep", trials=12, protocol=protocol)


def test_every_setting_is_checked():
    protocol = replace(QUICK.protocol, initial_weights={"*": "normal(0.1)"})
    full = replace(QUICK, baseline="gru", protocol=protocol, variant_spaces={"gru": QUICK.space})
    assert SETTING_CHECKS.keys() - {"about"} == full.to_table().keys()


def test_the_optimisers_that_can_be_asked_are_those_there_are():
    assert tuple(RULES) == OPTIMISER_CHOICES


@pytest.mark.parametrize("optimiser", OPTIMISER_CHOICES)
def test_a_question_comes_back_from_its_table(optimiser):
    table = asks(optimiser).to_table()
    assert table["optimiser"] == optimiser
    assert config_from_table(table) == asks(optimiser)


def test_a_question_without_an_optimiser_asks_for_nesterov(tmp_path):
    """An older sweep was configured before there was a choice; it can go on, but not by another rule."""
    old = shutil.copy(OLDER_SWEEP / "sweep.toml", tmp_path)
    before = Path(old).read_bytes()
    assert b"optimiser" not in before
    assert config_from_table(store.read_config(tmp_path)) == replace(asks("nesterov"), name=tmp_path.name)
    store.create_results_folder(tmp_path, asks("nesterov").to_table(), default_settings=asdict(Protocol()))
    with pytest.raises(Refusal, match="another sweep, which differs in optimiser;"):
        store.create_results_folder(tmp_path, asks("adam").to_table(), default_settings=asdict(Protocol()))
    assert Path(old).read_bytes() == before


@pytest.mark.parametrize(
    ("cells", "baseline", "expected"),
    [
        (("rnn", "lstm", "gru"), "", "lstm"),
        (("rnn", "lstm", "gru"), "gru", "gru"),
        (("rnn", "gru"), "", "rnn"),
    ],
)
def test_the_baseline_is_the_one_named_else_vanilla_else_the_first_variant(cells, baseline, expected):
    assert replace(QUICK, cells=cells, baseline=baseline).baseline_variant == expected


def test_a_baseline_is_read_from_a_table_and_an_empty_one_is_left_out_of_it():
    assert "baseline" not in QUICK.to_table()
    config = replace(QUICK, baseline="gru")
    assert config.to_table()["baseline"] == "gru"
    assert config_from_table(config.to_table()) == config


def test_another_baseline_is_no_other_sweep(tmp_path):
    folder = tmp_path / "sweep"
    store.create_results_folder(folder, QUICK.to_table())
    before = (folder / "sweep.toml").read_bytes()
    store.create_results_folder(folder, replace(QUICK, baseline="gru").to_table())
    assert (folder / "sweep.toml").read_bytes() == before


def test_hyperband_decides_by_itself_how_many_trials_a_search_holds():
    config = replace(QUICK, oracle="hyperband", trials=5, protocol=replace(QUICK.protocol, epochs=9))
    assert (config.trials_per_search, config.epochs_per_search) == (23, 87)
    assert (QUICK.trials_per_search, QUICK.epochs_per_search) == (24, 24 * 30)
    of_nothing = replace(config, tasks=(), cells=())
    assert store.trials_per_search(of_nothing.to_table() | {"about": sweep_metadata(of_nothing, None)}) == 23
    assert store.trials_per_search(of_nothing.to_table()) == 5  # a folder of before


def test_a_preset_may_clip(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'tasks = ["jsb"]\ncells = ["np"]\noptimiser = "rmsprop"\n[space.clip_norm]\nlow = 1\nhigh = 9'
    )
    config = load_preset(str(mine))
    config.validate()
    assert config.protocol.optimiser == "rmsprop"
    assert (config.space["clip_norm"].low, config.space["clip_norm"].scale) == (1.0, "log")
    assert "clip_value" not in config.space


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trials = '3'", "trials: expected a whole number, got '3'"),
        ("trials = 2.0", "trials: expected a whole number, got 2.0"),
        ("trials = true", "trials: expected a whole number, got True"),
        ("trials = [3]", "trials: expected a whole number, got [3]"),
        ("trials = 0", "trials: expected at least 1, got 0"),
        ("epochs = 1.5", "epochs: expected a whole number, got 1.5"),
        ("epochs = -1", "epochs: expected at least 1, got -1"),
        ("patience = inf", "patience: expected a whole number, got inf"),
        ("batch = 2026-01-01", "batch: expected a whole number, got datetime.date(2026, 1, 1)"),
        ("seed = 'one'", "seed: expected a whole number, got 'one'"),
        ("name = 5", "name: expected text, got 5"),
        ("title = ['a']", "title: expected text, got ['a']"),
        ("tasks = 'jsb'", "tasks: expected a list of names, got 'jsb'"),
        ("cells = [1]", "cells: expected a list of names, got [1]"),
        ("cells = ['np', 'np']", "cells: expected distinct names, got np, np"),
        ("[tasks]\na = 1", "tasks: expected a list of names, got {'a': 1}"),
        ("oracle = 1", "oracle: expected text, got 1"),
        ("oracle = 'randon'", "unknown oracle 'randon'. Did you mean 'random'?"),
        ("optimiser = ['adam']", "optimiser: expected text, got ['adam']"),
        ("baseline = 5", "baseline: expected text, got 5"),
        (
            "cells = ['lstm', 'np']\nbaseline = 'mp'",
            "baseline: no variant 'mp' in this sweep. Did you mean 'np'? It has: lstm, np",
        ),
        ("optimiser = 'adams'", "unknown optimiser 'adams'. Did you mean 'adam'?"),
        ("trails = 3", "unknown setting 'trails'. Did you mean 'trials'?"),
        (
            "[protocol]\nepochs = 3",
            "unknown setting 'protocol'. Known: about, baseline, batch, cells,",
        ),
        ("about = 3", "about: expected a table, got 3"),
        ("space = 3", "space: expected a table, got 3"),
        ("space.units = 3", "space.units: expected a table of low and high, got 3"),
        ("space.unit.low = 3", "unknown hyperparameter 'unit'. Did you mean 'units'?"),
        ("space.units.low = 30", "space.units: expected low and high, got low alone"),
        ("space.units.high = 30", "space.units: expected low and high, got high alone"),
        ("space.units = {}", "space.units: expected low and high, got neither"),
        ("space.units = {low = '2', high = 3}", "space.units: expected low to be a number, got '2'"),
        ("space.units = {low = 2, high = true}", "space.units: expected high to be a number, got True"),
        ("space.units = {low = 2, high = 3, step = 4}", "space.units: unknown key 'step'. Known: low, high"),
        (
            "space.units = {low = 2, high = 3, scale = 'linear'}",
            "space.units: scale is always 'log', got 'linear'; leave it out",
        ),
        (
            "space.momentum = {low = 0, high = 0.5, whole = true}",
            "space.momentum: whole is always False, got True; leave it out",
        ),
        ("space.units = {low = 3, high = 2}", "units: the range 3:2 is invalid: low must be at most high"),
        ("space.units = {low = 2.5, high = 3}", "units: the range 2.5:3 is invalid: its values are whole"),
        ("space.input_noise = {low = nan, high = 3}", "input_noise: the range nan:3 is invalid"),
        ("trials = ", "expected TOML in UTF-8, cannot read it (Invalid value (at"),
        ("title = 'é'".encode("latin-1"), "cannot read it ('utf-8' codec can't decode byte 0xe9"),
        (b"title = '\0'", "(at line 1, column 10)"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_file_and_key(tmp_path, text, said):
    mine = tmp_path / "mine.toml"
    mine.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Refusal) as caught:
        load_preset(str(mine))
    assert str(caught.value).startswith(f"{mine}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("made", [Path.mkdir, lambda path: None])
def test_a_folder_or_nothing_in_place_of_a_preset_is_refused(tmp_path, made):
    made(mine := tmp_path / "mine.toml")
    with pytest.raises(Refusal, match=r"mine\.toml: expected TOML in UTF-8, cannot read it \(.*\)$"):
        load_preset(str(mine))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trials": 1.5}, "trials: expected a whole number, got 1.5"),
        ({"protocol": Protocol(epochs=1.5)}, "epochs: expected a whole number, got 1.5"),
        ({"protocol": Protocol(batch=0)}, "batch: expected at least 1, got 0"),
        ({"tasks": "jsb"}, "tasks: expected a list of names, got 'jsb'"),
        ({"cells": ()}, "cells: expected distinct names, got none"),
        ({"oracle": None}, "oracle: expected text, got None"),
        ({"cells": ("np",), "baseline": "lstm"}, "baseline: no variant 'lstm' in this sweep. It has: np"),
    ],
    ids=str,
)
def test_the_same_holds_for_a_question_from_elsewhere(wrong, said):
    QUICK.validate()
    with pytest.raises(Refusal) as caught:
        replace(QUICK, **wrong).validate()
    assert str(caught.value) == said


def test_the_sweep_toml_of_an_older_version_is_a_preset(tmp_path):
    """It has a scale and a whole for every range, and what a report says of tasks and cells."""
    text = (OLDER_SWEEP / "sweep.toml").read_text()
    assert "scale" in text
    assert "whole" in text
    assert "[about" in text
    assert load_preset(str(OLDER_SWEEP / "sweep.toml")) == replace(asks("nesterov"), name="reference")


def test_what_a_report_says_of_a_task_comes_from_the_data_that_is_there(monkeypatch):
    split = Split([np.ones((3, 1)), np.ones((4, 1))], [np.array([0]), np.array([1])])
    loads = []
    monkeypatch.setitem(TASKS, "mine", replace(find_task("adding"), load=loads.append))
    text = sweep_metadata(replace(QUICK, tasks=("mine",)), {"mine": dict.fromkeys(SPLITS, split)})
    assert text["tasks"]["mine"] == {
        "title": "Adding problem, 50 steps",
        "unit": "mean squared error",
        "source": "Hochreiter & Schmidhuber (1997), Long Short-Term Memory",
        "train": 2,
        "valid": 2,
        "test": 2,
        "steps": 7,
        "trivial": 1 / 6,
    }
    assert not loads


def test_the_trivial_score_of_a_task_is_read_from_the_record_of_its_sweep():
    """Sweeps made before a record said it had two tasks whose score is known."""
    names = ["adding", "adding@length=100", "jsb", "sequential_digits"]
    table = QUICK.to_table() | {"tasks": names}
    known = {"adding": 1 / 6, "adding@length=100": 1 / 6, "sequential_digits": 0.9}
    assert record_from_table(table).trivial_scores == known
    table["about"] = {"tasks": {"jsb": {"trivial": 12.5}, "sequential_digits": {"trivial": 0.8}}}
    changed = {"jsb": 12.5, "sequential_digits": 0.8}
    assert record_from_table(table).trivial_scores == known | changed
