"""Whether a class keeps the promises of a cell, before any training is spent on it."""

import keras
from keras import ops

from suite import Refusal

UNITS, FEATURES, BATCH, LANES = 4, 5, 3, 2


def check(name: str, cell: type) -> None:
    """Refuse a cell whose step does not return its states, each (batch, units), with lanes and without."""
    for lanes in (None, LANES):
        outer = () if lanes is None else (lanes,)
        x = ops.ones((*outer, BATCH, FEATURES))
        zero = ops.zeros((*outer, BATCH, UNITS))
        try:
            instance = cell(UNITS, lanes=lanes)
            instance.build(x.shape)
            x = {group: instance.project(group, x) for group in instance.gates}  # as the time loop does
            new = instance.advance(x, [zero] * len(cell.states))
        except Exception as error:
            why = " ".join(str(error).split())
            raise Refusal(f"cell {name}: its step raised {type(error).__name__}: {why}") from error
        expected = f"{len(cell.states)} states ({', '.join(cell.states)}) of shape {zero.shape}"
        got = [tuple(s.shape) if keras.ops.is_tensor(s) else type(s).__name__ for s in new]
        if got != [tuple(zero.shape)] * len(cell.states):
            raise Refusal(f"cell {name}: expected its step to return {expected}, got {got}")
