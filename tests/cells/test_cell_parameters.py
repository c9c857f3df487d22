"""Numbers of parameters, with M inputs and N units: Greff et al. (2017), the simple network and the GRU."""

import math

import pytest

from suite.cells import CELLS


def vanilla(m, n):
    return 4 * n * (m + n) + 7 * n  # four maps, four biases, three peepholes


def without_a_gate(m, n):
    return vanilla(m, n) - n * (m + n + 2)


FORMULAS = {
    "rnn": lambda m, n: n * (m + n) + n,
    "lstm": vanilla,
    "nig": without_a_gate,
    "nfg": without_a_gate,
    "nog": without_a_gate,
    "niaf": vanilla,
    "noaf": vanilla,
    "np": lambda m, n: vanilla(m, n) - 3 * n,
    "cifg": without_a_gate,
    "fgr": lambda m, n: vanilla(m, n) + 9 * n**2,
    "gru": lambda m, n: 3 * n * (m + n) + 3 * n,
}


@pytest.mark.parametrize(("m", "n"), [(2, 3), (88, 100)])
@pytest.mark.parametrize("name", FORMULAS)
def test_a_cell_has_the_parameters_of_its_formula(name, m, n):
    assert sum(math.prod(shape) for shape in CELLS[name].shapes(m, n).values()) == FORMULAS[name](m, n)


def test_full_gate_recurrence_has_nine_matrices():
    assert CELLS["fgr"].shapes(features=2, units=4)["R/G"] == (12, 12)
