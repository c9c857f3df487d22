"""Deep transitions: hidden layers between the state of one step and that of the next."""

from typing import Any

from keras import ops

from suite import Refusal
from suite.cells.base import Cell, LinearCell


def deep_transition(cell: type[Cell], layers: int, shortcut: bool = False) -> type[Cell]:
    """Return a cell whose h passes through hidden layers after each step: Pascanu et al. (2014), section 3.1.

    h ← tanh(R_k h + v_k) for each of the layers k; with `shortcut`, h is added to each result (section 3.1,
    last paragraph). The other states are those of `cell`.
    """
    if issubclass(cell, LinearCell):
        raise Refusal(
            f"{cell.__name__} is a linear recurrence, which has no transition to deepen: leave it out"
        )
    names = [f"transition{k + 1}" for k in range(layers)]

    class DeepTransition(cell):  # type: ignore[misc, valid-type]
        recurrent = cell.recurrent | dict.fromkeys(names, (1, 1))
        vectors = cell.vectors | dict.fromkeys(names, 1)

        def step(self, x: Any, *states: Any) -> Any:
            new_states = cell.step(self, x, *states)
            h, *others = new_states if isinstance(new_states, tuple) else (new_states,)
            h = self.masked(h)  # a cell may return padding that is not zero, and the loop masks it later
            for name in names:
                y = ops.tanh(self.product(name, h) + self.v[name])
                h = h + y if shortcut else y
            return h, *others

    return DeepTransition
