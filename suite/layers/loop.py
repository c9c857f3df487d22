"""The loop over time. What needs no state is done for all steps at once, before the loop or after it."""

import contextlib

import keras
from keras import ops

from suite.backend import scan, vjp


def run_over_time(cell, x, mask, reverse=False):
    """Run a cell with lanes over x (lanes, batch, steps, features); return h (lanes, batch, steps, units).

    `mask` (lanes, 1, units) is 1 for the units a lane has and 0 for those it is padded with, which stay at
    zero. Steps beyond the end of a sequence come after all of its own and change none of them (unless it is
    read in `reverse`); the readout leaves them out.

    The inputs of all steps are projected in one product before the loop. The gradient of a recurrent matrix
    that a step uses once, a sum of mᵀ da over the steps, is one product after it: m is what the matrix
    multiplies, and da the gradient of the product, which the backward loop gives, the matrices held fixed.
    Where `affine` adds the product to a projection that has no other use, da is that of the projection;
    elsewhere it is that of a probe, zeros which are added to the product.
    """
    lanes, batch, steps, features = x.shape
    flat = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (lanes, steps * batch, features))
    projected = {}
    for group in cell.gates:
        a = ops.reshape(cell.project(group, flat), (lanes, steps, batch, -1))
        projected[group] = ops.transpose(a, (1, 0, 2, 3))
    weights = {name: ops.convert_to_tensor(weight.value) for name, weight in cell.weights_by_name.items()}
    start = (ops.zeros((lanes, batch, cell.units), x.dtype),) * len(cell.states)

    with record_products(cell, mask) as (seen, added):  # a step that is traced and never run
        cell.advance({group: a[0] for group, a in projected.items()}, start)
    once = [name for name, factors in seen.items() if len(factors) == 1]  # of others, autodiff adds up
    fixed = {f"R/{name}": weights.pop(f"R/{name}") for name in once}
    probes = {
        name: ops.zeros((steps, lanes, batch, fixed[f"R/{name}"].shape[-1]), x.dtype)
        for name in once
        if not added(name)
    }

    @ops.custom_gradient
    def loop(projected, weights, fixed, mask):
        # the gradient by m is a product with Rᵀ, faster where that lies ready; vectors gain nothing from it
        turned = {name: ops.transpose(fixed[f"R/{name}"], (0, 2, 1)) for name in once} if batch > 1 else {}

        def run(projected, weights, probes):
            def step(states, now):
                projections, probes = now
                with record_products(cell, mask, probes, turned) as (factors, _):
                    states = tuple(s * mask for s in cell.advance(projections, states))
                return states, (states[0], {name: factors[name][0] for name in once})

            mapping = [(cell.weights_by_name[name], weight) for name, weight in (weights | fixed).items()]
            with keras.StatelessScope(state_mapping=mapping):
                like = start[0], {name: seen[name][0] for name in once}
                return scan(step, start, (projected, probes), like, reverse=reverse)[1]

        h, pull, factors = vjp(run, projected, weights, probes)

        def gradient(dh):
            d_projected, d_weights, d_probes = pull(dh)
            da = d_projected | d_probes
            d_fixed = {f"R/{name}": sum_outer_products(factors[name], da[name]) for name in once}
            return d_projected, d_weights, d_fixed, ops.zeros_like(mask)

        return h, gradient

    return ops.transpose(loop(projected, weights, fixed, mask), (1, 2, 0, 3))


@contextlib.contextmanager
def record_products(cell, mask, probes=(), transposed=()):
    """Note what a cell multiplies by each recurrent matrix, {name: [factor of each use]}.

    The second thing yielded says whether the products by a matrix are just added to the projection of its
    gates. A probe, zeros like a product, is added to it: its gradient is that of the product. A matrix that
    is also there `transposed`, by name, is held fixed. Meanwhile the cell knows the `mask` of its units.
    """
    factors, affine_uses, projection_uses = {}, [], []

    def product(name, m):
        factors.setdefault(name, []).append(m)
        y = (
            fixed_matmul(m, cell.R[name], transposed[name])
            if name in transposed
            else type(cell).product(cell, name, m)
        )
        return y + probes[name] if name in probes else y

    def affine(group, x, h):
        affine_uses.append(group)
        return type(cell).affine(cell, group, x, h)

    def project(group, x):
        projection_uses.append(group)
        return type(cell).project(cell, group, x)

    def added(name):
        return affine_uses.count(name) == projection_uses.count(name) == len(factors[name])

    cell.product, cell.affine, cell.project, cell.unit_mask = product, affine, project, mask
    try:
        yield factors, added
    finally:
        del cell.product, cell.affine, cell.project, cell.unit_mask


@ops.custom_gradient
def fixed_matmul(m, matrix, transposed):
    """Return m times a matrix that is held fixed; the gradient by m is a product with the matrix turned."""

    def gradient(*args, upstream=None):
        (da,) = args or (upstream,)  # JAX hands it in as the one, TensorFlow as the other
        return ops.matmul(da, transposed), ops.zeros_like(matrix), ops.zeros_like(transposed)

    return ops.matmul(m, matrix), gradient


def sum_outer_products(m, da):
    """Return the sum over steps and batch of mᵀ da, (lanes, rows, columns), of (steps, lanes, batch, …)."""

    def flat(a):
        steps, lanes, batch, n = a.shape
        return ops.reshape(ops.transpose(a, (1, 0, 2, 3)), (lanes, steps * batch, n))

    return ops.einsum("lkm,lkn->lmn", flat(m), flat(da))
