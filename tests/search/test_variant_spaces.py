"""Variants with ranges and hyperparameters of their own, and rules of initial weights, in a sweep."""

import pytest

from suite import Refusal, store
from suite.config import config_from_table, load_preset
from suite.growth import grown_config
from suite.space import Range

PRESET = """
tasks = ["tiny:PARITY"]
cells = ["rnn", "rnn@layers=1,output=deep", "tiny:Sticky"]
trials = 3
epochs = 2
patience = 1

[initial_weights]
"R/*" = "orthogonal"
"b/*" = "constant(0)"

[space.units]
low = 3
high = 3

[variant_spaces."rnn@output=deep".learning_rate]
low = 0.1
high = 0.2
"""


@pytest.fixture
def preset(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(PRESET.replace('"rnn@layers=1,output=deep"', '"rnn@output=deep"'))
    return path


def test_each_variant_draws_from_its_own_space_and_the_record_holds_it(odyssey, preset, tmp_path):
    arguments = ["sweep", str(preset), "--workers=0", "--lanes=1", f"--results={tmp_path / 'mine'}"]
    assert odyssey(*arguments)[0] == 0
    rows, config = store.load(tmp_path / "mine"), store.read_sweep(tmp_path / "mine").config
    rates = rows[rows["cell"] == "rnn@output=deep"]["learning_rate"]
    assert rates.between(0.1, 0.2).all()
    assert rows[rows["cell"] == "rnn"]["learning_rate"].max() < 0.01
    assert rows[rows["cell"] == "tiny:Sticky"]["zoneout"].between(0.0, 0.5).all()
    assert rows[rows["cell"] == "rnn"]["zoneout"].isna().all()
    assert config.variant_spaces["tiny:Sticky"] == {"zoneout": Range(0.0, 0.5)}
    assert config.protocol.initial_weights == {"R/*": "orthogonal", "b/*": "constant(0)"}
    code, _, err = odyssey(*arguments)  # the ranges that the cell declares are no other sweep
    assert (code, err) == (0, "")
    code, out, err = odyssey("train", tmp_path / "mine", "tiny:Sticky", 0)
    assert (code, err) == (0, "")
    assert "new minus stored: valid +0, test +0" in out
    page = (tmp_path / "reports" / "mine" / "report.md").read_text(encoding="utf-8")
    assert "orthogonal" in page
    assert "rnn@output=deep | learning rate | 0.1 | 0.2" in page
    assert "all others | learning rate |" in page
    assert "all | momentum |" in page
    assert "| input noise | zoneout | parameters |" in page


def test_an_option_can_be_a_hyperparameter_that_separates_populations(odyssey, preset, tmp_path):
    """A trial with two layers is the trial of the variant with two layers."""
    text = preset.read_text().partition("[variant_spaces")[0]
    text = text.replace('"rnn", "rnn@output=deep", "tiny:Sticky"', '"rnn"')
    layers = "[variant_spaces.rnn.layers]\nlow = 1\nhigh = 2\nwhole = true\n"
    preset.write_text(text.replace("trials = 3", "trials = 6") + layers)
    folder = tmp_path / "mine"
    arguments = ["sweep", str(preset), "--workers=0", "--lanes=2", f"--results={folder}"]
    assert odyssey(*arguments)[0] == 0
    rows = store.load(folder)
    assert set(rows["layers"]) == {1, 2}
    deep = rows["layers"] == 2
    assert (rows[deep]["parameters"] == rows[~deep]["parameters"].iloc[0] + 3 * 3 + 3 * 3 + 3).all()
    again = int(rows[deep]["trial"].iloc[0])
    code, out, err = odyssey("train", str(folder), "rnn", str(again))
    assert (code, err) == (0, "")
    assert "new minus stored: valid +0, test +0" in out


@pytest.mark.parametrize(
    ("line", "text"),
    [
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
    preset.write_text(preset.read_text().replace("constant(0)", "orthogonal"))
    code, _, err = odyssey("sweep", str(preset), "--workers=0", f"--results={tmp_path / 'mine'}")
    assert code == 2
    assert "orthogonal is a rule for matrices, and recurrent/b/z is a vector" in err
    assert not (tmp_path / "mine").exists()


def table(**changes):
    base = {"name": "mine", "tasks": ["adding"], "cells": ["rnn", "gru"]}
    return base | changes


def test_a_space_of_a_variant_changes_only_what_it_names():
    config = config_from_table(table(variant_spaces={"gru": {"learning_rate": {"low": 1e-3, "high": 1e-1}}}))
    assert config.space_of("gru") == {**config.space, "learning_rate": Range(1e-3, 1e-1, "log")}
    assert config.space_of("rnn") == config.space
    assert config_from_table(config.to_table()) == config


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
            ".learning_rate]",
            ".learning_rat]",
            "unknown hyperparameter of rnn@output=deep 'learning_rat'.",
        ),
        ('"R/*"', '"Q/*"', "initial weights: 'Q/*' matches no weight of rnn, rnn@output=deep, tiny:Sticky"),
        ('"constant(0)"', '"identity"', "initial weights: identity is a rule for matrices, and "),
    ],
)
def test_a_range_or_rule_that_changes_nothing_is_refused(odyssey, preset, name, misspelt, text):
    preset.write_text(preset.read_text().replace(name, misspelt))
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
