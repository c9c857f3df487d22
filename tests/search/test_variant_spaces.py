"""Variants with ranges and hyperparameters of their own, and rules of initial weights, in a sweep."""

import contextlib
import sqlite3
import sys

import pandas as pd
import pytest

from suite import Refusal, cli, store
from suite.analysis.agreement import matched_trials
from suite.cli.common import check_own_settings
from suite.config import config_from_table, load_preset
from suite.growth import grown_config
from suite.initial_weights import rules_of_trial
from suite.space import Choice, Range

PRESET = """
tasks = ["tiny:PARITY"]
cells = ["rnn", "rnn@output=deep", "tiny:Sticky"]
trials = 4
seed = 2
epochs = 1

[initial_weights]
"R/*" = "orthogonal"
"b/*" = "constant(0)"

[space.units]
low = 3
high = 3

[variant_spaces."rnn@output=deep"]
learning_rate = { low = 0.1, high = 0.2 }
layers = { low = 1, high = 2, whole = true }

[variant_spaces.rnn]
direction = { values = ["forward", "both"] }
"R/*" = { values = ["orthogonal", "constant(0)"] }
"""
SWEEP = ["sweep", "mine.toml", "--workers=0", "--lanes=2", "--results=mine"]


@pytest.fixture
def preset(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(PRESET)
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder that holds the preset, its results and its report, after a sweep."""
    home = tmp_path_factory.mktemp("finished")
    (home / "mine.toml").write_text(PRESET)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(sys, "argv", ["odyssey", *SWEEP, "--range=zoneout=0.1:0.2"])
        with pytest.raises(SystemExit) as end:
            cli.main()
    assert end.value.code == 0
    return home


@pytest.fixture(scope="module")
def rows(finished):
    return store.load(finished / "mine")


def test_each_variant_draws_from_its_own_space_and_the_record_holds_it(rows, finished):
    config = store.read_sweep(finished / "mine").config
    assert rows[rows["cell"] == "rnn@output=deep"]["learning_rate"].between(0.1, 0.2).all()
    assert rows[rows["cell"] == "rnn"]["learning_rate"].max() < 0.01
    assert rows[rows["cell"] == "tiny:Sticky"]["zoneout"].between(0.1, 0.2).all()  # as on the command line
    assert rows[rows["cell"] == "rnn"]["zoneout"].isna().all()
    assert config.variant_spaces["tiny:Sticky"] == {"zoneout": Range(0.1, 0.2)}
    assert config.protocol.initial_weights == {"R/*": "orthogonal", "b/*": "constant(0)"}
    page = (finished / "reports" / "mine" / "report.md").read_text(encoding="utf-8")
    assert "orthogonal" in page
    assert "rnn@output=deep | learning rate | 0.1 | 0.2" in page
    assert "all others | learning rate |" in page
    assert "all | momentum |" in page
    assert "rnn | direction | – | – | one of forward, both |" in page
    assert "| input noise | learning rate |" not in page  # the hyperparameters of all variants come first
    assert "| zoneout | parameters |" in page


def test_options_that_are_hyperparameters_separate_populations(rows):
    """A trial with two layers is the trial of the variant with two layers."""
    deep = rows[rows["cell"] == "rnn@output=deep"].groupby("layers")["parameters"].unique()
    assert deep[2] == deep[1] + 3 * 3 + 3 * 3 + 3
    rows = rows[rows["cell"] == "rnn"]
    both = rows.groupby("direction")["parameters"].unique()
    assert both["both"] > both["forward"]
    assert set(rows["R/*"]) == {"orthogonal", "constant(0)"}


def test_a_trial_with_chosen_texts_is_trained_again_from_its_row(odyssey, rows, finished):
    trial = int(rows[rows["direction"] == "both"]["trial"].iloc[0])
    code, out, err = odyssey("train", finished / "mine", "rnn", trial)
    assert (code, err) == (0, "")
    assert "new minus stored: valid +0, test +0" in out


def test_chosen_texts_can_be_read_with_sql(rows, finished):
    with contextlib.closing(sqlite3.connect(finished / "mine" / "trials.sqlite")) as database:
        query = 'SELECT direction, "R/*" FROM trials_wide WHERE cell = ? ORDER BY trial'
        texts = database.execute(query, ["rnn"]).fetchall()
    expected = rows[rows["cell"] == "rnn"][["direction", "R/*"]]
    assert texts == list(expected.itertuples(index=False, name=None))


def test_the_table_of_best_trials_shows_chosen_texts(rows, finished):
    [table] = (finished / "reports" / "mine").rglob("*-best.csv")
    best = pd.read_csv(table).set_index("cell").loc["rnn"]
    row = rows[(rows["cell"] == "rnn") & (rows["trial"] == best["trial"])].iloc[0]
    assert (best["direction"], best["R/*"]) == (row["direction"], row["R/*"])


def test_trials_with_chosen_texts_are_matched_with_themselves(rows):
    without = rows.drop(columns=["direction"])
    assert len(matched_trials(rows, rows)) == 12
    assert len(matched_trials(rows, without)) == 8  # those that have no direction


def test_the_same_preset_continues_the_sweep_and_another_range_of_a_cell_does_not(odyssey, finished):
    current = store.read_config(finished / "mine")
    table = load_preset(str(finished / "mine.toml")).to_table()  # without the range of zoneout
    assert grown_config(finished, current, table)["variant_spaces"] == current["variant_spaces"]
    command = ["sweep", finished / "mine.toml", f"--results={finished / 'mine'}"]
    code, _, err = odyssey(*command, "--range=zoneout=0:1")
    assert code == 2
    assert "differs in variant_spaces.tiny:Sticky.zoneout;" in err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("zoneot=0:1", "unknown hyperparameter 'zoneot'. Did you mean 'zoneout'?"),
        ("zoneout=1:0", "zoneout: the range 1:0 is invalid: low must be at most high"),
        ("zoneout=0:inf", "zoneout: the range 0:inf is invalid: its values must be finite"),
        ("direction=both", "--range direction=both: expected NAME=LOW:HIGH"),
    ],
)
def test_a_wrong_range_on_the_command_line_is_refused(odyssey, preset, name, text):
    code, out, err = odyssey("sweep", preset, "--dry-run", f"--range={name}")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert text in err


def test_initial_weights_can_be_drawn_for_each_trial():
    rules = {"b/*": "constant(0)", "R/*": "constant(1)"}
    drawn = {"units": 3, "R/*": "orthogonal", "direction": "both"}
    assert list(rules_of_trial(rules, drawn).items()) == [("b/*", "constant(0)"), ("R/*", "orthogonal")]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('direction]\nvalues = ["both", "back"]', "expected task or forward or both, got 'back'"),
        ("skip]\nlow = 0\nhigh = 1\nwhole = true", "skip: expected no or yes, got '0'"),
        ('"R/*"]\nvalues = ["ortogonal"]', "Did you mean 'orthogonal'?"),
        ('"b/*"]\nvalues = ["orthogonal"]', "a rule for matrices, and recurrent/b/z is a vector"),
        ('"Q/*"]\nvalues = ["orthogonal"]', "initial weights: 'Q/*' matches no weight of rnn"),
        ('"R/*"]\nlow = 0\nhigh = 1', "unknown rule of initial weights '0'"),
        ("layers]\nlow = 1\nhigh = 2", "variant_spaces.rnn.layers: expected whole numbers; add whole = true"),
        ("layers]\nlow = 0\nhigh = 2\nwhole = true", "layers: expected a whole number, 1 to 16, got '0'"),
        ("layerz]\nlow = 1\nhigh = 2", "unknown hyperparameter of rnn 'layerz'. Did you mean 'layers'?"),
    ],
)
def test_a_wrong_range_of_a_variant_is_refused(odyssey, tmp_path, line, text):
    path = tmp_path / "mine.toml"
    path.write_text(f'tasks = ["tiny:PARITY"]\ncells = ["rnn"]\n[variant_spaces.rnn.{line}\n')
    code, _, err = odyssey("sweep", str(path), "--workers=0", f"--results={tmp_path / 'mine'}")
    assert code == 2
    assert text in err
    assert not (tmp_path / "mine").exists()


def test_a_rule_that_fits_no_vector_is_refused_before_a_folder_is_created(odyssey, preset, tmp_path):
    preset.write_text(preset.read_text().replace("constant(0)", "orthogonal", 1))
    code, _, err = odyssey("sweep", str(preset), "--workers=0", f"--results={tmp_path / 'mine'}")
    assert code == 2
    assert "orthogonal is a rule for matrices, and recurrent/b/z is a vector" in err
    assert not (tmp_path / "mine").exists()


def table(**changes):
    base = {"name": "mine", "tasks": ["adding"], "cells": ["rnn", "gru"]}
    return base | changes


def skip(values, **others):
    return {"variant_spaces": {"gru": {"skip": {"values": values, **others}}}}


def test_a_space_of_a_variant_changes_only_what_it_names():
    config = config_from_table(table(variant_spaces={"gru": {"learning_rate": {"low": 1e-3, "high": 1e-1}}}))
    assert config.space_of("gru") == {**config.space, "learning_rate": Range(1e-3, 1e-1, "log")}
    assert config.space_of("rnn") == config.space
    assert config_from_table(config.to_table()) == config


def test_a_choice_is_recreated_from_its_table():
    config = config_from_table(table(**skip(["no", "yes"])))
    assert config.variant_spaces["gru"] == {"skip": Choice(("no", "yes"))}
    assert config.to_table()["variant_spaces"] == skip(["no", "yes"])["variant_spaces"]
    assert config_from_table(config.to_table()) == config


def test_a_drawn_direction_that_cannot_carry_a_state_is_refused_before_training():
    both = {"rnn": {"direction": {"values": ["forward", "both"]}}}
    with pytest.raises(Refusal, match="direction=both reads sequences from their end"):
        check_own_settings(config_from_table(table(tasks=["mackey_glass"], variant_spaces=both)))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"variant_spaces": {"lstm": {}}}, "unknown variant in variant_spaces 'lstm'"),
        ({"variant_spaces": {"gru": 3}}, "variant_spaces.gru: expected a table, got 3"),
        ({"variant_spaces": {"gru": {"learning_rate": {"low": 1}}}}, "expected low and high, got low alone"),
        (
            {"variant_spaces": {"gru": {"mine": {"low": 1}}}},
            "variant_spaces.gru.mine: expected high to be a number, got None",
        ),
        (
            {"variant_spaces": {"gru": {"mine": {"low": 1, "high": 2, "scale": "lin"}}}},
            "Did you mean 'linear'?",
        ),
        (skip([False, True]), "variant_spaces.gru.skip: expected values to be a list of distinct texts"),
        (skip([]), 'such as ["no", "yes"], got []'),
        (skip(["no", "no"]), "got ['no', 'no']"),
        (skip(["no"], low=1), "variant_spaces.gru.skip: expected values alone, got low as well"),
        ({"variant_spaces": {"gru": {"units": {"values": ["3"]}}}}, "variant_spaces.gru.units: unknown key"),
        ({"initial_weights": {"R/*": "ortogonal"}}, "Did you mean 'orthogonal'?"),
        ({"initial_weights": {"R/*": 1}}, "initial_weights, 'R/*': expected text, got 1"),
        ({"initial_weights": "orthogonal"}, "initial_weights: expected a table, got 'orthogonal'"),
    ],
)
def test_wrong_spaces_and_rules_are_refused(changes, text):
    with pytest.raises(Refusal) as refusal:
        config_from_table(table(**changes))
    assert text in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "misspelt", "text"),
    [
        (
            "learning_rate =",
            "learning_rat =",
            "unknown hyperparameter of rnn@output=deep 'learning_rat'.",
        ),
        ('"R/*"', '"Q/*"', "initial weights: 'Q/*' matches no weight of rnn, rnn@direction=forward, "),
        ('"constant(0)"', '"identity"', "initial weights: identity is a rule for matrices, and "),
    ],
)
def test_a_range_or_rule_that_changes_nothing_is_refused(odyssey, preset, name, misspelt, text):
    preset.write_text(preset.read_text().replace(name, misspelt, 1))
    code, out, err = odyssey("sweep", preset, "--dry-run")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert text in err


def test_a_sweep_with_another_range_of_a_variant_is_another_sweep(tmp_path):
    rate = {"learning_rate": {"low": 1e-3, "high": 1e-1}}
    old, new = (config_from_table(table(variant_spaces=s)).to_table() for s in ({"gru": rate}, {}))
    for current, config in ((old, new), (new, old)):
        with pytest.raises(Refusal, match=r"differs in variant_spaces\.gru\.learning_rate"):
            grown_config(tmp_path, current, config)


def test_rules_in_another_order_are_another_sweep(tmp_path):
    """Of several that match, the last one counts."""
    rules = {"*": "normal(0.1)", "b/*": "constant(0)"}
    old, new = (
        config_from_table(table(initial_weights=dict(items))).to_table()
        for items in (rules.items(), reversed(rules.items()))
    )
    with pytest.raises(Refusal, match="differs in initial_weights"):
        grown_config(tmp_path, old, new)


def test_presets_are_as_before():
    assert load_preset("jsb").to_table().keys().isdisjoint({"variant_spaces", "initial_weights"})
