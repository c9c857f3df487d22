"""Gaussian noise computed from counters: the same values on every backend, independent of other lanes.

With a stateful generator, the noise of a trial would depend on earlier draws, and each backend has a
different generator. Here draw j of a lane is a function of the lane's key and of j alone.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from keras import ops
from numpy.polynomial import Chebyshev, Polynomial

from suite.tensor import Tensor


def normal_draws(keys: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return standard normal draws of a shape for each lane, (lanes, *shape), float32.

    `keys` is (lanes, 2), uint32. A hash of the counter (Wellons' lowbias32, keyed twice) gives two uniform
    draws, from which the method of Box and Muller (1958) computes two normal ones.
    """
    size = math.prod(shape)
    half = (size + 1) // 2
    counter = ops.expand_dims(ops.cast(ops.arange(2 * half, dtype="int32"), "uint32"), 0)
    bits = lowbias32(lowbias32(counter ^ keys[:, :1]) + keys[:, 1:])
    # 24 bits each, what float32 holds: u in (0, 1], never 0, for the logarithm
    u = (ops.cast(ops.right_shift(bits, uint32(8)), "float32") + 1) * 2.0**-24
    radius = ops.sqrt(-2 * ops.log(u[:, :half]))
    draws = ops.concatenate([radius * part for part in cos_sin(u[:, half:])], axis=1)
    return ops.reshape(draws[:, :size], (keys.shape[0], *shape))


def uniform_draws(keys: Tensor, rows: tuple[int, ...], columns: np.ndarray) -> Tensor:
    """Return uniform draws on [0, 1) for each lane, (lanes, *rows, len(columns)), float32.

    `keys` is (lanes, 2), uint32. A draw is a function of the key, of its row, and of the number in `columns`,
    and not of how many columns there are: a unit draws the same, whatever its lane is padded to.
    """
    row = ops.expand_dims(ops.cast(ops.arange(math.prod(rows), dtype="int32"), "uint32"), 0)
    column = lowbias32(ops.convert_to_tensor(np.asarray(columns, "uint32")))
    bits = lowbias32(lowbias32(lowbias32(row ^ keys[:, :1]) + keys[:, 1:])[..., None] ^ column)
    u = ops.cast(ops.right_shift(bits, uint32(8)), "float32") * 2.0**-24
    return ops.reshape(u, (-1, *rows, len(columns)))


def unit_normal_draws(keys: Tensor, rows: tuple[int, ...], columns: np.ndarray) -> Tensor:
    """Return standard normal draws for each lane, (lanes, *rows, len(columns)), as `uniform_draws` does.

    By the method of Box and Muller (1958).
    """
    u = 1 - uniform_draws(derive_keys(keys, 1), rows, columns)  # in (0, 1], never 0, for the logarithm
    return ops.sqrt(-2 * ops.log(u)) * cos_sin(uniform_draws(derive_keys(keys, 2), rows, columns))[0]


def derive_keys(keys: Tensor, number: int) -> Tensor:
    """Return other keys of the same shape (lanes, 2), for the draws with this number."""
    return lowbias32(keys ^ uint32(number * 0x9E3779B9 % 2**32))


def keys_of_steps(keys: Tensor, steps: int) -> Tensor:
    """Return the keys of each step, (steps, lanes, 2), from those of each lane, (lanes, 2)."""
    step = ops.cast(ops.arange(steps, dtype="int32"), "uint32")[:, None, None]
    return lowbias32(keys[None] ^ lowbias32(step + uint32(1)))


def cos_sin(turns: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosine and sine of an angle in turns, 0 to 1, with an error below 1e-6.

    On a CPU, XLA computes its own cosine and sine one number at a time, 9 ns each: nine tenths of a draw's
    time.
    """
    x = turns - 0.5  # cos 2πt = −cos 2πx, and the polynomials are in x²
    return evaluate_polynomial(COS_COEFFICIENTS, x * x), x * evaluate_polynomial(SIN_COEFFICIENTS, x * x)


def fit_polynomial(f: Callable[[np.ndarray], np.ndarray], degree: int = 6) -> list[float]:
    """Return the coefficients of a polynomial that approximates f on [0, 1/4], lowest power first."""
    return Chebyshev.interpolate(f, degree, domain=[0, 0.25]).convert(kind=Polynomial).coef.tolist()


COS_COEFFICIENTS = fit_polynomial(lambda square: -np.cos(2 * np.pi * np.sqrt(square)))
SIN_COEFFICIENTS = fit_polynomial(lambda square: -np.sin(2 * np.pi * np.sqrt(square)) / np.sqrt(square))


def evaluate_polynomial(coefficients: Sequence[float], x: Tensor) -> Tensor:
    """Return the value of a polynomial at x, by Horner's rule."""
    value: Tensor = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value


def lowbias32(x: Tensor) -> Tensor:
    """Return a bijective hash of 32-bit words: one changed input bit changes about half of the output."""
    x = (x ^ ops.right_shift(x, uint32(16))) * uint32(0x7FEB352D)
    x = (x ^ ops.right_shift(x, uint32(15))) * uint32(0x846CA68B)
    return x ^ ops.right_shift(x, uint32(16))


def uint32(value: int) -> Tensor:
    """Return a number as an unsigned scalar of 32 bits."""
    return ops.convert_to_tensor(value, dtype="uint32")
