"""The loop over time: it contains only what depends on the state; gradients of matrices follow after it.

A recurrent network spends its time in many small matrix products, one after the other. Two kinds of them need
not be in the loop, because they can be done for all steps in one large product:

- *The input projections* W x + b do not depend on the state: they are computed before the loop.
- *The gradient of a recurrent matrix* R is the sum over all steps of mᵀ da, where m is what the step
  multiplies by R, and da the gradient of that product. So the loop records m at every step
  (`RecordedStep`). In the backward pass R is held constant, da of every step is kept, and the sum is one
  product after the loop (`sum_outer_products`).

How da is obtained: if the step only adds the product to the projection of the same gates, as `Cell.affine`
does, da equals the gradient of the projection, which the backward pass gives anyway. Elsewhere the loop adds
a *probe* to the product: an array of zeros whose gradient is da. A matrix that a step uses more than once is
left to automatic differentiation.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from keras import ops, tree

from suite import machine
from suite.axis import Axis
from suite.backend import scan, vjp
from suite.cells.base import Cell, LinearCell
from suite.draws import keys_of_steps
from suite.tensor import Tensor

# Steps in the body of the loop on a GPU: a step is a few kernels of about 2 µs each, and the loop itself adds
# more than as many, for its counter and its arrays. On a CPU, unrolling gains nothing.
GPU_UNROLL = 8


def run_over_time(
    cell: Cell,
    weights: Mapping[str, Tensor],
    x: Tensor,
    mask: Tensor,
    start: tuple[Tensor, ...] | None = None,
    settings: Mapping[str, Tensor] = MappingProxyType({}),
    keys: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a cell with lanes over x (lanes, batch, steps, features), from the states `start`.

    Returns h (lanes, batch, steps, units) and the states after the last step, (lanes, batch, …) each; without
    `start`, they are zero before the first step. `weights` holds the arrays of the cell's weights by name,
    (lanes, …); others in it are not used. `mask` (lanes, 1, units) is 1 for the units that a lane has and 0
    for its padding, which stays at zero. Steps beyond the end of a sequence come after all of its own steps,
    so they change none of their outputs; the head leaves them out. `settings` holds the cell's
    hyperparameters by name, (lanes,), and `keys` those of its random draws, (lanes, 2); without keys, nothing
    is random.
    """
    lanes, batch, steps, features = ops.shape(x)  # batch and steps may be tensors: `suite.backend.scan`
    weights = {name: weights[name] for name in cell.shapes(features, cell.units)}
    all_steps = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (lanes, -1, features))
    projected = {}  # W x + b by group, (steps, lanes, batch, gates · units)
    for group in cell.groups():
        a = cell.with_weights(weights).project(group, all_steps)
        projected[group] = ops.transpose(ops.reshape(a, (lanes, steps, -1, a.shape[-1])), (1, 0, 2, 3))
    if start is None:
        start = cell.start_states(lanes, batch, dtype=x.dtype)
    rates = {name: settings[name][:, None, None] for name in cell.hyperparameters if name in settings}
    cell = cell.with_weights({}, settings={**cell.settings, **rates})
    if isinstance(cell, LinearCell) and machine.gpu_ids() and x.shape[2] is not None:
        all_keys = None if keys is None else keys_of_steps(keys, steps)
        h = run_linear(cell.with_weights(weights, unit_mask=mask, keys=all_keys), projected, start[0])
        return ops.transpose(h, (1, 2, 0, 3)), (h[-1],)

    traced = RecordedStep(cell, weights, mask, keys)  # this step is traced, and never run
    traced.advance({group: a[0] for group, a in projected.items()}, start)
    step_keys = (keys_of_steps(keys, steps),) if traced.cell.draws else ()
    single_use = [name for name, factors in traced.factors.items() if len(factors) == 1]
    constant_matrices = {f"R/{name}": weights.pop(f"R/{name}") for name in single_use}
    probes = {
        name: ops.zeros((steps, lanes, batch, constant_matrices[f"R/{name}"].shape[-1]), x.dtype)
        for name in single_use
        if not traced.is_only_added(name)
    }
    like = start[0], {name: traced.factors[name][0] for name in single_use}

    @ops.custom_gradient
    def loop(projected, weights, constant_matrices, start, mask):
        # the gradient by m is a product with Rᵀ: faster with a transposed copy, except for a single vector
        transposed = (
            {name: ops.transpose(constant_matrices[f"R/{name}"], (0, 2, 1)) for name in single_use}
            if x.shape[1] != 1
            else {}
        )
        masks = state_masks(cell, mask)

        def run(projected, weights, start, probes):
            def step(states, inputs):
                projections, step_probes, *step_keys = inputs
                key = step_keys[0] if step_keys else None
                arrays = weights | constant_matrices
                recorded = RecordedStep(cell, arrays, mask, key, step_probes, transposed)
                new_states = recorded.advance(projections, states)
                states = tuple(s * m for s, m in zip(new_states, masks, strict=True))
                return states, (states[0], {name: recorded.factors[name][0] for name in single_use})

            unroll = GPU_UNROLL if machine.gpu_ids() else 1
            end, (h, factors) = scan(step, start, (projected, probes, *step_keys), like, unroll=unroll)
            return (h, end), factors

        (h, end), pull, factors = vjp(run, projected, weights, start, probes)

        def gradient(*upstream):
            d_h, *d_end = tree.flatten(upstream)  # JAX passes one nested argument, TensorFlow the arrays
            d_projected, d_weights, d_start, d_probes = pull((d_h, tuple(d_end)))
            da = d_projected | d_probes
            d_held = {f"R/{name}": sum_outer_products(factors[name], da[name]) for name in single_use}
            return d_projected, d_weights, d_held, d_start, ops.zeros_like(mask)

        return (h, end), gradient

    h, end = loop(projected, weights, constant_matrices, start, mask)
    return ops.transpose(h, (1, 2, 0, 3)), end


def state_masks(cell: Cell, mask: Tensor) -> list[Tensor]:
    """Return, for each state of a cell, an array that is 0 in the padding of the state, and else 1.

    `mask` is (lanes, 1, units); the result for a state is (lanes, 1, …).
    """

    def mask_of(axes: tuple[Axis, ...]) -> Tensor:
        product = ops.ones_like(mask[:, :, 0])
        for axis in axes:
            parts = [mask] * axis.units + [ops.ones((*mask.shape[:2], axis.fixed), mask.dtype)]
            line = ops.concatenate(parts, axis=-1)
            ones = (1,) * (len(product.shape) - 2)
            product = product[..., None] * ops.reshape(line, (*mask.shape[:2], *ones, -1))
        return product

    return [mask_of(cell.state_axes[name]) if name in cell.state_axes else mask for name in cell.states]


def run_linear(cell: LinearCell, projected: Mapping[str, Tensor], start: Tensor) -> Tensor:
    """Return h (steps, lanes, batch, units) of a linear recurrence, all steps in parallel.

    Two steps h → a h + b, one after the other, are again such a step: a₂ (a₁ h + b₁) + b₂. So each step is
    joined with the one that is 1, 2, 4, … steps before it, in rounds, until it holds all of its past (Hillis
    and Steele, 1986; Martin and Cundy, 2018).
    """
    a, b = cell.coefficients(projected)
    a = a * cell.unit_mask
    b = ops.concatenate([b[:1] + a[:1] * start, b[1:]], axis=0) * cell.unit_mask
    distance, steps = 1, b.shape[0]
    while distance < steps:
        before_a = ops.concatenate([ops.ones_like(a[:distance]), a[:-distance]], axis=0)
        before_b = ops.concatenate([ops.zeros_like(b[:distance]), b[:-distance]], axis=0)
        a, b, distance = a * before_a, a * before_b + b, 2 * distance
    return b


class RecordedStep:
    """A step of a cell that records what the cell multiplies by each recurrent matrix.

    - `weights`: the arrays of the cell's weights by name.
    - `mask`: the cell's `unit_mask`, (lanes, 1, units).
    - `keys`: those of the step's random draws, (lanes, 2); None if nothing is random.
    - `probes`: zeros by the name of a matrix, added to its product: their gradient is that of the product.
    - `transposed`: transposed matrices by name; a matrix that is in it is held constant.

    After `advance`, `factors` holds the factor m of each use of a matrix, {name: [m, …]}.
    """

    def __init__(
        self,
        cell: Cell,
        weights: Mapping[str, Tensor],
        mask: Tensor,
        keys: Tensor | None,
        probes: Mapping[str, Tensor] = MappingProxyType({}),
        transposed: Mapping[str, Tensor] = MappingProxyType({}),
    ) -> None:
        self.factors: dict[str, list[Tensor]] = {}
        self.affine_uses: list[str] = []
        self.projection_uses: list[str] = []
        self.probes, self.transposed = probes, transposed
        methods = {"product": self.product, "affine": self.affine, "project": self.project}
        self.cell = cell.with_weights(weights, unit_mask=mask, keys=keys, **methods)

    def advance(self, x: Mapping[str, Tensor], states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the states after the step; x holds the projection of each group of gates."""
        return self.cell.advance(x, states)

    def is_only_added(self, name: str) -> bool:
        """Whether every product by this matrix is only added to the projection of its gates."""
        uses = len(self.factors[name])
        return self.affine_uses.count(name) == self.projection_uses.count(name) == uses

    def product(self, name: str, m: Tensor) -> Tensor:
        """Do what `Cell.product` does, and record m."""
        self.factors.setdefault(name, []).append(m)
        if name in self.transposed:
            y = held_matmul(m, self.cell.R[name], self.transposed[name])
        else:
            y = Cell.product(self.cell, name, m)
        return y + self.probes[name] if name in self.probes else y

    def affine(self, group: str, x: Tensor, h: Tensor) -> list[Tensor]:
        """Do what `Cell.affine` does, and record the use of the matrix."""
        self.affine_uses.append(group)
        return Cell.affine(self.cell, group, x, h)

    def project(self, group: str, x: Tensor) -> Tensor:
        """Do what `Cell.project` does, and record the use of the projection."""
        self.projection_uses.append(group)
        return Cell.project(self.cell, group, x)


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
        _, lanes, _, n = a.shape
        return ops.reshape(ops.transpose(a, (1, 0, 2, 3)), (lanes, -1, n))

    return ops.einsum("lkm,lkn->lmn", flatten_steps(m), flatten_steps(da))
