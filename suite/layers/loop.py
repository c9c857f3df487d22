"""The loop over time: it contains only what depends on the state; gradients of matrices follow after it.

A recurrent network spends its time in many small matrix products, one after the other. Two kinds of them need
not be in the loop, because they can be done for all steps in one large product:

- *The input projections* W x + b do not depend on the state: they are computed before the loop.
- *The gradient of a recurrent matrix* R is the sum over all steps of mᵀ da, where m is what the step
  multiplies by R, and da the gradient of that product. So the loop records m at every step
  (`record_products`). In the backward pass R is held constant, da of every step is kept, and the sum is one
  product after the loop (`sum_outer_products`).

How da is obtained: if the step only adds the product to the projection of the same gates, as `Cell.affine`
does, da equals the gradient of the projection, which the backward pass gives anyway. Elsewhere the loop adds
a *probe* to the product: an array of zeros whose gradient is da. A matrix that a step uses more than once is
left to automatic differentiation.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import keras
from keras import ops

from suite import machine
from suite.backend import scan, vjp
from suite.cells.base import Cell
from suite.tensor import Tensor

# Steps in the body of the loop on a GPU: a step is a few kernels of about 2 µs each, and the loop itself adds
# more than as many, for its counter and its arrays. On a CPU, unrolling gains nothing.
GPU_UNROLL = 8


def run_over_time(cell: Cell, x: Tensor, mask: Tensor, reverse: bool = False) -> Tensor:
    """Run a cell with lanes over x (lanes, batch, steps, features); return h (lanes, batch, steps, units).

    `mask` (lanes, 1, units) is 1 for the units that a lane has and 0 for its padding, which stays at zero.
    Steps beyond the end of a sequence come after all of its own steps, so they change none of them (unless
    the sequence is read in `reverse`); the readout leaves them out.
    """
    lanes, batch, steps, features = x.shape
    all_steps = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (lanes, steps * batch, features))
    projected = {}  # W x + b by group, (steps, lanes, batch, gates · units)
    for group in cell.gates:
        a = ops.reshape(cell.project(group, all_steps), (lanes, steps, batch, -1))
        projected[group] = ops.transpose(a, (1, 0, 2, 3))
    weights = {name: ops.convert_to_tensor(weight.value) for name, weight in cell.weights_by_name.items()}
    start = (ops.zeros((lanes, batch, cell.units), x.dtype),) * len(cell.states)

    with record_products(cell, mask) as (recorded, only_added):  # this step is traced, and never run
        cell.advance({group: a[0] for group, a in projected.items()}, start)
    single_use = [name for name, factors in recorded.items() if len(factors) == 1]
    constant_matrices = {f"R/{name}": weights.pop(f"R/{name}") for name in single_use}
    probes = {
        name: ops.zeros((steps, lanes, batch, constant_matrices[f"R/{name}"].shape[-1]), x.dtype)
        for name in single_use
        if not only_added(name)
    }

    @ops.custom_gradient
    def loop(projected, weights, constant_matrices, mask):
        # the gradient by m is a product with Rᵀ: faster with a transposed copy, except for a single vector
        transposed = (
            {name: ops.transpose(constant_matrices[f"R/{name}"], (0, 2, 1)) for name in single_use}
            if batch > 1
            else {}
        )

        def run(projected, weights, probes):
            def step(states, inputs):
                projections, step_probes = inputs
                with record_products(cell, mask, step_probes, transposed) as (factors, _):
                    states = tuple(s * mask for s in cell.advance(projections, states))
                return states, (states[0], {name: factors[name][0] for name in single_use})

            mapping = [
                (cell.weights_by_name[name], weight) for name, weight in (weights | constant_matrices).items()
            ]
            with keras.StatelessScope(state_mapping=mapping):
                like = start[0], {name: recorded[name][0] for name in single_use}
                unroll = GPU_UNROLL if machine.gpu_ids() else 1
                return scan(step, start, (projected, probes), like, reverse=reverse, unroll=unroll)[1]

        h, pull, factors = vjp(run, projected, weights, probes)

        def gradient(dh):
            d_projected, d_weights, d_probes = pull(dh)
            da = d_projected | d_probes
            d_held = {f"R/{name}": sum_outer_products(factors[name], da[name]) for name in single_use}
            return d_projected, d_weights, d_held, ops.zeros_like(mask)

        return h, gradient

    return ops.transpose(loop(projected, weights, constant_matrices, mask), (1, 2, 0, 3))


@contextlib.contextmanager
def record_products(
    cell: Cell,
    mask: Tensor,
    probes: Mapping[str, Tensor] = MappingProxyType({}),
    transposed: Mapping[str, Tensor] = MappingProxyType({}),
) -> Iterator[tuple[dict[str, list[Tensor]], Callable[[str], bool]]]:
    """Record what a cell multiplies by each recurrent matrix while the block runs.

    Yields {name of the matrix: [factor m of each use]}, filled as the cell steps, and a function of a name
    that says whether every product by this matrix is only added to the projection of its gates. A probe,
    zeros like a product, is added to the product: its gradient is that of the product. A matrix that is in
    `transposed` too, by name, is held constant. In the block the cell has `mask` (lanes, 1, units) as its
    `unit_mask`.
    """
    factors: dict[str, list[Tensor]] = {}
    affine_uses: list[str] = []
    projection_uses: list[str] = []

    def product(name, m):
        factors.setdefault(name, []).append(m)
        y = (
            held_matmul(m, cell.R[name], transposed[name])
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

    def only_added(name):
        return affine_uses.count(name) == projection_uses.count(name) == len(factors[name])

    recording = {"product": product, "affine": affine, "project": project, "unit_mask": mask}
    for name, value in recording.items():
        setattr(cell, name, value)
    try:
        yield factors, only_added
    finally:
        for name in recording:
            delattr(cell, name)


@ops.custom_gradient
def held_matmul(m: Tensor, matrix: Tensor, transposed: Tensor) -> tuple[Tensor, Callable]:
    """Return m times a matrix that is held constant, and the gradient by m: a product with `transposed`."""

    def gradient(*args, upstream=None):
        (da,) = args or (upstream,)  # JAX passes it as the positional argument, TensorFlow as the keyword
        return ops.matmul(da, transposed), ops.zeros_like(matrix), ops.zeros_like(transposed)

    return ops.matmul(m, matrix), gradient


def sum_outer_products(m: Tensor, da: Tensor) -> Tensor:
    """Return the sum over steps and batch of mᵀ da, (lanes, rows, columns).

    m is (steps, lanes, batch, rows), da (steps, lanes, batch, columns).
    """

    def flatten_steps(a):
        steps, lanes, batch, n = a.shape
        return ops.reshape(ops.transpose(a, (1, 0, 2, 3)), (lanes, steps * batch, n))

    return ops.einsum("lkm,lkn->lmn", flatten_steps(m), flatten_steps(da))
