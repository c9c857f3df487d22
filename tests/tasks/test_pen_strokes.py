"""The features of pen strokes."""

import numpy as np

from tasks import pen_strokes


def test_the_movements_are_those_of_the_docstring():
    points = [[(0, 0), (1, 2), (2, 4)], [(6, 4), (6, 2), (6, 0), (7, 0)]]
    strokes = [np.array([(x, y, 500 + 10 * k) for k, (x, y) in enumerate(stroke)]) for stroke in points]
    expected = [[0, 0, 0, 0], [2, 4, 20, 1], [4, 0, 0, 0], [0, -4, 20, 1]]
    np.testing.assert_array_equal(pen_strokes.pen_movements(strokes), expected)


def test_a_stroke_of_one_point_is_one_step():
    dot = np.array([[3.0, 4.0, 0.5]])
    np.testing.assert_array_equal(pen_strokes.pen_movements([dot, dot + 1]), [[0, 0, 0, 1], [1, 1, 0, 1]])
