"""Gaussian noise from counters: the same bits on every backend, whatever else is trained beside it."""

import math

from keras import ops


def normal(keys, shape):
    """Return standard normal draws of a shape for each lane, (lanes, *shape), float32.

    `keys` is (lanes, 2), uint32. Draw j of a lane is a function of its key and j alone: a hash of the counter
    (Wellons' lowbias32, keyed twice) gives two uniforms, Box and Muller (1958) make two normals of them.
    """
    size = math.prod(shape)
    half = (size + 1) // 2
    counter = ops.expand_dims(ops.cast(ops.arange(2 * half, dtype="int32"), "uint32"), 0)
    bits = mix(mix(counter ^ keys[:, :1]) + keys[:, 1:])
    # 24 bits each, what float32 holds: u in (0, 1], never 0, for the logarithm
    u = (ops.cast(ops.right_shift(bits, uint32(8)), "float32") + 1) * 2.0**-24
    radius, angle = ops.sqrt(-2 * ops.log(u[:, :half])), 2 * math.pi * u[:, half:]
    draws = ops.concatenate([radius * ops.cos(angle), radius * ops.sin(angle)], axis=1)
    return ops.reshape(draws[:, :size], (-1, *shape))


def mix(x):
    """Return a bijective hash of 32-bit words in which every bit of the input changes half of the output."""
    x = (x ^ ops.right_shift(x, uint32(16))) * uint32(0x7FEB352D)
    x = (x ^ ops.right_shift(x, uint32(15))) * uint32(0x846CA68B)
    return x ^ ops.right_shift(x, uint32(16))


def uint32(value):
    """Return a scalar of 32 bits."""
    return ops.convert_to_tensor(value, dtype="uint32")
