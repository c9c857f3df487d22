"""What Keras has no word for, a small file a backend; the word means the same in each.

- `value_and_grad(f)(weights, *rest)` returns f's value and its gradient by the weights; f returns a scalar
  and a structure of further results.
- `vjp(f, *args)` returns f's value, a function from its gradient to those of the arguments, and what else f
  returns; f returns a value and a structure of further results.
- `scan(f, init, xs, like, reverse=False)` folds f(carry, x) → (carry, y) over the leading axis of xs and
  returns the last carry and the stacked y, in the order of xs; `like` is any y, of which shapes and types
  are read.
- `compile(f)` makes one program of a function of nested structures of arrays.
- `trace(f, *args)` has the compiler read f, a function of arrays that returns nothing, and compiles nothing.
- `evaluate(f, *args)` returns what f returns for arrays this once, so it compiles as little as it can.
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
