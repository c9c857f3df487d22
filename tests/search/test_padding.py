import itertools

import numpy as np
import pytest

from suite.search.padding import COMPILE_OPERATIONS, IDLE_TRIALS, choose_widths
from suite.space import Range


def expected(sizes, units, trials, cost):
    """Return what a search is expected to cost: each program, and each trial at the size that holds it."""
    upto = [0.0, *units.position(np.array(sizes))]
    shares = np.diff(upto)
    held = zip(trials * shares, sizes, strict=True)
    return sum(COMPILE_OPERATIONS + (count + IDLE_TRIALS) * cost(size) for count, size in held)


@pytest.mark.parametrize("trials", [1, 20, 300])
@pytest.mark.parametrize("power", [1, 2])
def test_no_other_division_of_the_range_costs_less(trials, power):
    units, cost = Range(3, 9, "log", whole=True), lambda n: 1e9 * n**power
    divisions = [[*inner, 9] for count in range(7) for inner in itertools.combinations(range(3, 9), count)]
    best = min(expected(sizes, units, trials, cost) for sizes in divisions)
    assert expected(choose_widths(units, trials, cost), units, trials, cost) == pytest.approx(best, rel=1e-12)


def test_a_fixed_size_is_a_single_program():
    assert choose_widths(Range(48, 48, "log", whole=True), 200, float).tolist() == [48]


def test_trials_that_cost_next_to_nothing_share_one_program():
    assert choose_widths(Range(20, 200, "log", whole=True), 200, float).tolist() == [200]


def test_sixty_trials_of_the_paper_are_not_all_padded_to_the_largest():
    lstm = lambda n: 4 * n * (88 + n) + 88 * n  # noqa: E731
    sizes = choose_widths(
        Range(20, 200, "log", whole=True), 60, lambda n: lstm(n) * 150 * (3 * 13_807 + 4_602)
    )
    assert len(sizes) >= 6
    assert sizes[-1] == 200
