"""The sentences and numbers of a report, against cases worked by hand."""

import math
from types import SimpleNamespace

import pandas as pd
import pytest

from suite.report import formatting
from suite.report.sections.best_tenths import overall_sentence, task_sentence


def table(**means):
    """Return a summary in which variants have these means, all with a standard deviation of 0.05."""
    frame = pd.DataFrame({"cell": list(means), "tenth_mean": list(means.values())}).astype(
        {"tenth_mean": float}
    )
    frame["tenth_sd"] = 0.05
    frame["difference"] = frame["tenth_mean"] - means.get("lstm", math.nan)
    return frame.assign(trials=20, tenth=2, tenth_scored=2)


def over(summaries):
    """Return the sentence over all tasks of summaries by task."""
    return overall_sentence(SimpleNamespace(summaries=summaries))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (8.55, "8.550"),
        (0.17, "0.1700"),
        (0.0, "0.000"),
        (-5.5, "−5.500"),
        (1234.4, "1234"),
        (1.2e-5, "1.200e−5"),
        (2e12, "2.000e12"),
        (math.nan, "–"),
        (math.inf, "no score"),
    ],
)
def test_scores_have_four_digits(value, text):
    assert formatting.format_score(value) == text


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [
        (8.55, 0.06, "8.550 ± 0.060"),
        (10.58, 0.5, "10.58 ± 0.50"),
        (8.55, 0.00012, "8.550 ± 0.0001"),
        (8.55, 0.0, "8.550 ± 0.000"),
        (1.2e-5, 3.4e-6, "1.200e−5 ± 3e−6"),
        (8.55, math.nan, "8.550"),
    ],
)
def test_a_standard_deviation_has_the_decimals_of_its_mean(mean, sd, text):
    assert formatting.format_mean_sd(mean, sd) == text


def test_a_difference_has_a_sign():
    assert [formatting.format_difference(gap, 8.55) for gap in (0.04, -0.04, 0, math.nan)] == [
        "+0.040",
        "−0.040",
        "0",
        "–",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5400, "5,400"),
        (64.0, "64"),
        (0.01234, "0.0123"),
        (1e-6, "1e−6"),
        (1234.5, "1,234"),
        (999_999_999, "999,999,999"),
        (1.5e30, "1.5e30"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_quantities_have_three_digits(value, text):
    assert formatting.format_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (1234, "1.23 k"),
        (1.2e12, "1.2 T"),
        (999_999, "1 M"),
        (5e20, "500 E"),
        (math.nan, "–"),
    ],
)
def test_operations_have_three_digits_and_a_prefix(value, text):
    assert formatting.format_si(value) == text


def test_names_are_listed_as_in_a_sentence():
    assert [formatting.join_names(names) for names in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]


def test_the_answer_says_which_is_lowest_and_how_far_vanilla_is():
    assert task_sentence(table(lstm=8.5, nfg=9.0, gru=8.4), "nats") == (
        "The best tenth of gru is lowest, 8.400 ± 0.050 nats (n = 2). "
        "Vanilla lstm is at 8.500 ± 0.050 (n = 2), 0.100 higher. Highest is nfg, 0.600 higher."
    )


def test_the_answer_says_who_is_next_to_vanilla():
    assert task_sentence(table(nfg=9.0, lstm=8.5, gru=8.6), "") == (
        "The best tenth of vanilla lstm is lowest, 8.500 ± 0.050 (n = 2). "
        "Next is gru, 0.100 higher. Highest is nfg, 0.500 higher."
    )


def test_the_answer_without_vanilla_says_so():
    assert "There is no scored trial of vanilla lstm to compare with." in task_sentence(
        table(gru=1, np=2), "nats"
    )
    assert task_sentence(table(gru=1), "nats").endswith("No other variant has a score yet.")
    assert task_sentence(table(lstm=math.nan), "nats") == "No trial has a score yet."


def test_equals_are_lowest_together():
    assert task_sentence(table(np=1, lstm=1), "") == (
        "The best tenths of np and vanilla lstm are lowest, equal at 1.000."
    )
    assert task_sentence(table(gru=1, np=1, lstm=2, nfg=3), "nats") == (
        "The best tenths of gru and np are lowest, equal at 1.000 nats. "
        "Vanilla lstm is at 2.000 ± 0.050 (n = 2), 1.000 higher. Highest is nfg, 2.000 higher."
    )
    assert task_sentence(table(gru=1, lstm=1, nfg=2), "").endswith(
        "equal at 1.000. Next is nfg, 1.000 higher."
    )
    same = table(np=1, lstm=1, gru=2)
    assert over({"a": same}) == ("The best tenths of np and vanilla lstm have the lowest mean test score.")
    assert over({"a": same, "b": same[:1]}).endswith(
        "over 2 tasks: np on 2 and vanilla lstm on 1. Equal ones are counted each."
    )


def test_equals_are_highest_together():
    assert task_sentence(table(gru=1, lstm=2, np=3, nfg=3), "").endswith(
        "Highest are np and nfg, 2.000 higher."
    )
    assert task_sentence(table(gru=1, lstm=3, np=2, nfg=3), "").endswith(" (n = 2), 2.000 higher.")


def test_the_answer_over_all_tasks_counts_who_is_lowest():
    summaries = {"a": table(lstm=2, np=1, nfg=3, gru=1.5), "b": table(lstm=2, np=3, nfg=3, gru=1.5)}
    text = "Best tenths with the lowest mean test score, over 2 tasks: np on 1 and gru on 1."
    assert over(summaries) == text


def test_the_answer_over_one_task_says_no_more_than_it_knows():
    text = over({"a": table(lstm=1, np=2, nfg=3), "b": table(lstm=math.nan)})
    assert text == "The best tenth of vanilla lstm has the lowest mean test score."


def test_hyphens_before_digits_are_minus_signs_and_others_stay():
    text = "Holm-adjusted p = 6.5e-19, by -0.031 (-1–2) in trial-2 of 2026-11"
    assert (
        formatting.typeset_minus(text) == "Holm-adjusted p = 6.5e−19, by −0.031 (−1–2) in trial-2 of 2026-11"
    )
