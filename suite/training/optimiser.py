"""Update rules whose settings differ from lane to lane; Keras's take one Python number for the momentum."""

from keras import ops


def nesterov(weights, velocity, gradient, rate, momentum):
    """Take a step of SGD with Nesterov's momentum, as `keras.optimizers.SGD(nesterov=True)` does.

    Weights, velocity and gradient are dicts of arrays (lanes, …), rate and momentum (lanes,). Returns the
    new weights and velocity.
    """

    def step(w, v, g):
        a, m = across(rate, w), across(momentum, w)
        v = m * v - a * g
        return w + m * v - a * g, v

    pairs = {name: step(weights[name], velocity[name], gradient[name]) for name in weights}
    return {n: w for n, (w, _) in pairs.items()}, {n: v for n, (_, v) in pairs.items()}


def across(setting, array):
    """Return a setting (lanes,) in a shape that broadcasts over an array (lanes, …)."""
    return ops.reshape(setting, (-1,) + (1,) * (len(array.shape) - 1))
