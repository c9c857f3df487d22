import pytest

from suite.variants import find_network

STEPS = {"train": 10, "valid": 4, "test": 2}


@pytest.mark.parametrize(
    ("cell", "entries"),
    [
        ("rnn", 3 * 5 + 5 * 5 + 5 * 3),  # W, R, readout
        ("lstm", 4 * (3 * 5 + 5 * 5) + 5 * 3),  # peepholes and biases are elementwise
        ("fgr", 4 * (3 * 5 + 5 * 5) + 9 * 5 * 5 + 5 * 3),
    ],
)
def test_the_operations_of_a_trial_are_those_of_its_matrix_products(task, cell, entries):
    counted = find_network(cell, task).trial_operations(units=5, steps=STEPS, epochs=3)
    assert counted == entries * (3 * (3 * 10 + 4) + 2)
