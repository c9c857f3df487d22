"""The widths that networks are padded to have the lowest expected cost."""

import itertools

import numpy as np
import pytest

from suite.search.padding import IDLE_TRIALS, choose_widths
from suite.space import Range

PROGRAM_COST = 2.5e11  # of a core: 10 s at 2.5e10 multiply–adds a second


def expected_cost(widths, units, trials, cost):
    """Return the expected cost of a search: of each program, and of each trial at its padded width."""
    shares = np.diff([0.0, *units.position(np.array(widths))])
    trials_by_width = zip(trials * shares, widths, strict=True)
    return sum(PROGRAM_COST + (count + IDLE_TRIALS) * cost(width) for count, width in trials_by_width)


@pytest.mark.parametrize("trials", [1, 20, 300])
@pytest.mark.parametrize("power", [1, 2])
def test_no_other_choice_of_widths_costs_less(trials, power):
    units, cost = Range(3, 9, "log", whole=True), lambda n: 1e9 * n**power
    choices = [[*inner, 9] for count in range(7) for inner in itertools.combinations(range(3, 9), count)]
    best = min(expected_cost(widths, units, trials, cost) for widths in choices)
    widths = choose_widths(units, trials, cost, PROGRAM_COST)
    assert expected_cost(widths, units, trials, cost) == pytest.approx(best, rel=1e-12)


def test_a_fixed_number_of_units_needs_a_single_width():
    assert choose_widths(Range(48, 48, "log", whole=True), 200, float, PROGRAM_COST).tolist() == [48]


def test_trials_of_little_cost_share_one_width():
    assert choose_widths(Range(20, 200, "log", whole=True), 200, float, PROGRAM_COST).tolist() == [200]


def test_sixty_trials_of_the_paper_get_several_widths():

    def cost(
        units,
    ):  # of an LSTM with 88 inputs and outputs, 150 epochs, 13,807 steps to train and 4,602 to score
        return (4 * units * (88 + units) + 88 * units) * 150 * (3 * 13_807 + 4_602)

    widths = choose_widths(Range(20, 200, "log", whole=True), 60, cost, PROGRAM_COST)
    assert len(widths) >= 6
    assert widths[-1] == 200
