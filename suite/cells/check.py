"""Whether a class keeps the promises of a cell, before any training is spent on it."""

import numpy as np
from keras import ops

from suite import Refusal

UNITS, FEATURES, BATCH, LANES = 4, 5, 3, 2


def check(name: str, cell: type) -> None:
    """Refuse a cell whose step does not return its states, each (batch, units), with lanes and without.

    What it returns for one sequence in one lane may not depend on another.
    """
    for lanes in (None, LANES):
        outer = (BATCH,) if lanes is None else (lanes, BATCH)
        zero, shape = ops.zeros((*outer, UNITS)), (*outer, UNITS)
        x = np.random.default_rng(0).normal(size=(*outer, FEATURES)).astype("float32")
        others = x.copy().reshape(-1, FEATURES)
        others[1:] += 1
        try:
            instance = cell(UNITS, lanes=lanes)
            instance.build(x.shape)

            def step(x, instance=instance, zero=zero):
                projected = {
                    group: instance.project(group, x) for group in instance.gates
                }  # as in the time loop
                return instance.advance(projected, [zero] * len(cell.states))

            new, beside = step(x), step(others.reshape(x.shape))
        except Exception as error:
            why = " ".join(str(error).split())
            raise Refusal(f"cell {name}: its step raised {type(error).__name__}: {why}") from error
        expected = f"{len(cell.states)} states ({', '.join(cell.states)}) of shape {shape}"
        got = [tuple(s.shape) if ops.is_tensor(s) else type(s).__name__ for s in new]
        if got != [shape] * len(cell.states):
            raise Refusal(f"cell {name}: expected its step to return {expected}, got {got}")
        for before, after in zip(new, beside, strict=True):
            first, again = (ops.convert_to_numpy(s).reshape(-1, UNITS)[0] for s in (before, after))
            if not np.allclose(first, again, atol=1e-6):
                raise Refusal(
                    f"cell {name}: its step mixes sequences or lanes; work elementwise or on the last axis"
                )
