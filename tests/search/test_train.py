"""`odyssey train`: one trial, of options or of a stored row again."""

import math
import re

import pandas as pd
import pytest

from suite import Refusal, store
from suite.cli import single_trial


def test_the_trial_of_a_row_is_trained_again_as_it_was(odyssey, undisturbed_folder, undisturbed, tmp_path):
    """In the sweep it was padded to 6 units, here it is not: its curve agrees up to rounding."""
    code, out, err = odyssey("train", undisturbed_folder, "gru", 3, "--csv=curve.csv")
    assert (code, err) == (0, "")
    [row] = undisturbed[(undisturbed["cell"] == "gru") & (undisturbed["trial"] == 3)].to_dict("records")
    assert out.count("\nepoch ") == row["epochs"]
    assert re.search(r"^epoch   1  loss 0\.\d+ +valid 0\.\d+ +best so far$", out, re.MULTILINE)
    assert f"stored row: done after {row['epochs']} epochs; best epoch {row['best_epoch']}: valid " in out
    assert "new minus stored: valid +0, test +0 error rate" in out
    assert "changed since" not in out
    expected = store.load_curves(undisturbed_folder, [("tiny:PARITY", "gru", 3)])
    columns = ["epoch", "train", "valid"]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "curve.csv"), expected[columns], rtol=1e-4)


def test_the_hyperparameters_of_a_cell_are_options(odyssey, monkeypatch):
    trials = []
    monkeypatch.setattr(single_trial, "train_trial", lambda config, trial, splits: trials.append(trial))
    command = "train", "tiny:PARITY", "tiny:Sticky"
    assert odyssey(*command, "--hyperparameter=zoneout=0.25") == (0, "", "")
    assert trials[0].hyperparameters["zoneout"] == 0.25
    code, out, err = odyssey(*command)
    assert (code, out) == (2, "")
    expected = "tiny:Sticky: the cell has hyperparameters of its own; add --hyperparameter zoneout=VALUE"
    assert err == f"odyssey: {expected}\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("zoneot=1", "no hyperparameter 'zoneot' of tiny:Sticky. Did you mean 'zoneout'? Known: zoneout"),
        ("zoneout", "--hyperparameter zoneout: expected NAME=VALUE, such as zoneout=0.1"),
        ("zoneout=nan", "zoneout: the range nan:nan is invalid"),
    ],
)
def test_a_wrong_hyperparameter_of_a_cell_is_refused(text, reason):
    with pytest.raises(Refusal, match=re.escape(reason)):
        single_trial.own_hyperparameters("tiny:Sticky", [text])


def test_one_epoch_is_in_the_singular():
    result = {"status": "done", "epochs": 1, "best_epoch": 1, "valid": 0.5, "test": 0.25}
    text = single_trial.outcome_text(result, "nats")
    assert text == "done after 1 epoch; best epoch 1: valid 0.5, test 0.25 nats"


def test_the_share_of_solved_test_sequences_is_printed_where_there_is_one():
    result = {"status": "done", "epochs": 2, "best_epoch": 1, "valid": 0.5, "test": 0.25}
    text = single_trial.outcome_text(result | {"success": 0.995}, "nats")
    assert text.endswith("test 0.25 nats, 99.5% of the test sequences solved")
    assert single_trial.outcome_text(result | {"success": math.nan}, "nats").endswith("nats")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["gru"], "gru: expected the number of a trial as well, got none"),
        (["gru", 6], "holds no trial 6 of gru on tiny:PARITY, but trials 0 to 5; odyssey status"),
        (["lstm", 1], "holds no trial of lstm on tiny:PARITY; odyssey status"),
        (["gru", 1, "--task=jsb"], "holds no trial of gru on jsb"),
        (["gru", 1, "--units=3", "--seed=1"], "the stored row sets units, seed; leave out these options"),
        (["gru", 1, "--csv=."], "--csv .: expected a file, got a folder"),
        (["gru", 1, "--csv=no/c.csv"], "--csv no/c.csv: expected a file in a folder that can be written"),
    ],
    ids=str,
)
def test_what_names_no_row_is_refused_in_one_line(odyssey, undisturbed_folder, words, reason):
    code, out, err = odyssey("train", undisturbed_folder, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert reason in err


def test_a_folder_of_several_tasks_needs_the_name_of_one(odyssey, tmp_path):
    store.create_results_folder(tmp_path / "two", {"tasks": ["a", "b"]})
    err = odyssey("train", "two", "gru", 0)[2]
    assert err == "odyssey: two holds several tasks: expected --task, one of a, b, got none\n"
