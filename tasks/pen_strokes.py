"""Handwriting as a sequence of pen movements: the four features of a step in the handwriting tasks.

A sequence is made of strokes, from pen-down to pen-up. Every second point of a stroke is dropped. Two
strokes, with a point every 10 ms; the points in brackets are dropped:

    x, y         0, 0  (1, 2)  2, 4      6, 4  (6, 2)   6, 0  (7, 0)
    Δx, Δy       0, 0          2, 4      4, 0           0, -4
    time         0             20        0              20            since the beginning of the stroke
    pen-lift     0             1         0              1             the last point of its stroke

Each stroke keeps its first point. The Δx, Δy of that point is the movement from the stroke before it, with
the pen in the air. These are the inputs of Greff et al. (2017) on IAM-OnDB.
"""

from collections.abc import Sequence

import numpy as np

PEN_FEATURES = 4


def pen_movements(strokes: Sequence[np.ndarray]) -> np.ndarray:
    """Return the features (steps, 4) of strokes, each (points, 3): x, y and time, at least one point."""
    kept = [stroke[::2] for stroke in strokes]
    points = np.concatenate(kept)
    movements = np.zeros((len(points), PEN_FEATURES), np.float32)
    movements[1:, :2] = np.diff(points[:, :2], axis=0)
    movements[:, 2] = np.concatenate([stroke[:, 2] - stroke[0, 2] for stroke in kept])
    movements[np.cumsum([len(stroke) for stroke in kept]) - 1, 3] = 1
    return movements
