"""Functions that Keras does not have, written once for each backend, with the same meaning in each.

- `value_and_grad(f)(weights, *args)`, where f returns (value, others) with a scalar value, returns
  ((value, others), gradient of the value by the weights).
- `vjp(f, *args)`, where f returns (value, others), returns (value, pull, others): `pull` takes the gradient
  by the value and returns the gradients by the arguments (the vector–Jacobian product).
- `scan(f, init, xs, like, unroll=1)` calls f(carry, x) → (carry, y) for each x along the
  leading axis of xs and returns the last carry and the stacked y, in the order of xs; `like` is any array or
  structure with the shapes and types of y. JAX writes out `unroll` calls in the body of its loop; TensorFlow
  always one.
- `compile(f)` returns f, a function of nested structures of arrays, as one compiled program.
- `trace(f, *args)` lets the compiler read f, a function of arrays that returns nothing, without compiling it.
- `evaluate(f, *args)` returns f(*args) and compiles as little as it can: for a function that is called once.
"""

import keras

from suite import Refusal

if keras.backend.backend() == "tensorflow":
    from suite.backend.tensorflow import compile, evaluate, scan, trace, value_and_grad, vjp
elif keras.backend.backend() == "jax":
    from suite.backend.jax import compile, evaluate, scan, trace, value_and_grad, vjp
else:
    raise Refusal(
        f"backend {keras.backend.backend()!r}: populations train on tensorflow or jax; "
        "set KERAS_BACKEND or --backend"
    )

__all__ = ["compile", "evaluate", "scan", "trace", "value_and_grad", "vjp"]
