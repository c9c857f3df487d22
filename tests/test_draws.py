import numpy as np
import pytest
from keras import ops
from scipy import stats

from suite.draws import cos_sin, lowbias32, normal_draws


def draw(*keys, shape=(50, 40, 11)):
    return ops.convert_to_numpy(normal_draws(ops.convert_to_tensor(np.array(keys, "uint32")), shape))


def test_draws_are_standard_normal():
    [x] = draw((7, 9)).reshape(1, -1)
    assert stats.kstest(x, "norm").pvalue > 0.01
    assert stats.kurtosis(x) == pytest.approx(0, abs=0.1)


def test_cosine_and_sine_are_exact_to_float_precision():
    t = np.linspace(0, 1, 100_001)
    result = cos_sin(ops.convert_to_tensor(t.astype("float32")))
    np.testing.assert_allclose(result, [np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)], atol=1e-6)


def test_draws_do_not_depend_on_each_other():
    """Neighbours, the two halves of a Box–Muller pair, and near keys are uncorrelated."""
    a, b = draw((7, 9), (7, 10)).reshape(2, -1)
    half = len(a) // 2
    pairs = [(a[1:], a[:-1]), (a[:half], a[half:]), (a, b), (a[:half] ** 2, a[half:] ** 2)]
    bound = 4 / np.sqrt(half)
    assert all(abs(np.corrcoef(x, y)[0, 1]) < bound for x, y in pairs)


def test_the_draws_of_a_lane_do_not_depend_on_other_lanes():
    np.testing.assert_array_equal(draw((1, 2), (3, 4))[1], draw((3, 4))[0])


def test_the_hash_equals_one_in_integers_of_python():
    """So its bits are the same on every backend."""

    def reference(x):
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            x = (x ^ (x >> shift)) * factor % 2**32
        return x ^ (x >> 16)

    words = [0, 1, 2, 0xDEADBEEF, 2**32 - 1]
    mixed = ops.convert_to_numpy(lowbias32(ops.convert_to_tensor(np.array(words, "uint32"))))
    assert mixed.tolist() == [reference(w) for w in words]


def test_an_odd_number_of_draws_has_the_right_shape():
    assert draw((1, 2), shape=(3, 3)).shape == (1, 3, 3)
