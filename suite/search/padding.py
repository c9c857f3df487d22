"""The sizes that networks are padded to: few programs to compile against little padding to train."""

from collections.abc import Callable

import numpy as np

from suite.space import Range

COMPILE_SECONDS = 10.0  # of a core, a program: 12 on TensorFlow and 6 on JAX
COMPILE_OPERATIONS = COMPILE_SECONDS * 2.5e10  # in the multiply–adds that this core could train meanwhile
IDLE_TRIALS = (
    0.5  # trials that the lanes of a program could train while they have none left and wait for the last
)
MAX_CANDIDATE_WIDTHS = 200  # sizes that are considered


def choose_widths(units: Range, trials: int, cost: Callable[[int], float]) -> np.ndarray:
    """Return the sizes, ascending, to which the networks of a search are padded, (widths,).

    A network is trained at the smallest that holds it, where a trial takes `cost(width)` multiply–adds. Each
    size is a program to compile, whose lanes run dry at the end. Of all divisions of the range, this one is
    the cheapest to expect of so many trials, found by dynamic programming: the best that reaches up to a size
    ends with one program, after the best that reaches up to where that begins. It is a property of what is
    asked, the same on any machine.
    """
    ends = np.unique(np.ceil(np.geomspace(units.low, units.high, MAX_CANDIDATE_WIDTHS) - 1e-9).astype(int))
    if len(ends) == 1:
        return ends
    below = np.concatenate([[0.0], units.position(ends)])  # share of trials up to each size
    least, starts = np.zeros(len(ends) + 1), np.zeros(len(ends) + 1, int)
    for end, width in enumerate(ends, 1):
        held = trials * (below[end] - below[:end])
        total = least[:end] + COMPILE_OPERATIONS + (held + IDLE_TRIALS) * cost(int(width))
        starts[end] = total.argmin()
        least[end] = total.min()
    chosen, end = [], len(ends)
    while end:
        chosen.append(ends[end - 1])
        end = starts[end]
    return np.array(chosen[::-1])
