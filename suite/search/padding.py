"""Choose the widths that networks are padded to: few programs to compile, and little padding to train."""

from collections.abc import Callable

import numpy as np

from suite.space import Range

IDLE_TRIALS = 0.5  # cost, in trials, of the lanes of a program that are idle while its last trials end
MAX_CANDIDATE_WIDTHS = 200  # widths to choose from


def choose_widths(units: Range, trials: int, cost: Callable[[int], float], program_cost: float) -> np.ndarray:
    """Return the widths, ascending, that the networks of a search are padded to, shape (widths,).

    `units` is the range that numbers of units are drawn from; a trial padded to a width takes `cost(width)`
    multiply–adds. Every network is padded to the smallest width that holds it, and each width needs a program
    of its own, which costs `program_cost` multiply–adds. The widths returned minimise the expected cost of
    all trials. They are found by dynamic programming: the cheapest cover of the range up to a width is one
    program for its last part, after the cheapest cover of the rest. They depend on the arguments only, so
    they are the same on every machine with cores, and on every machine with GPUs.
    """
    candidates = np.unique(
        np.ceil(np.geomspace(units.low, units.high, MAX_CANDIDATE_WIDTHS) - 1e-9).astype(int)
    )
    if len(candidates) == 1:
        return candidates
    share_below = np.concatenate([[0.0], units.position(candidates)])  # of trials, up to each candidate
    lowest_cost, starts = np.zeros(len(candidates) + 1), np.zeros(len(candidates) + 1, int)
    for end, width in enumerate(candidates, 1):
        padded_trials = trials * (share_below[end] - share_below[:end])
        total = lowest_cost[:end] + program_cost + (padded_trials + IDLE_TRIALS) * cost(int(width))
        starts[end] = total.argmin()
        lowest_cost[end] = total.min()
    chosen, end = [], len(candidates)
    while end:
        chosen.append(candidates[end - 1])
        end = starts[end]
    return np.array(chosen[::-1])
