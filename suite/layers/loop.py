"""The loop over time."""

from keras import ops

from suite.backend import scan


def over_time(cell, x, mask):
    """Run a cell over sequences x (lanes, batch, steps, features); return h (lanes, batch, steps, units).

    The inputs of all steps are projected in one product before the loop. `mask`, (lanes, 1, units), is 1 for
    the units a lane has and 0 for those it is padded with, which stay at zero. Steps beyond the end of a
    sequence come after all of its own and change none of them; the readout leaves them out.
    """
    lanes, batch, steps, features = x.shape
    flat = ops.reshape(x, (lanes, batch * steps, features))
    projected = {}
    for group in cell.gates:
        a = ops.reshape(cell.project(group, flat), (lanes, batch, steps, -1))
        projected[group] = ops.transpose(a, (2, 0, 1, 3))

    def step(states, a):
        states = tuple(s * mask for s in cell.advance(a, states))
        return states, states[0]

    zero = ops.zeros((lanes, batch, cell.units), x.dtype)
    _, h = scan(step, (zero,) * len(cell.states), projected)
    return ops.transpose(h, (1, 2, 0, 3))
