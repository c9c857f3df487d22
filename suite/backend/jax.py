"""The backend's verbs on JAX."""

import functools
import warnings

import jax

from suite import program_cache

trace = jax.eval_shape
value_and_grad = functools.partial(jax.value_and_grad, has_aux=True)
vjp = functools.partial(jax.vjp, has_aux=True)

RECOMPUTED_PRIMITIVES = {  # primitives that cost less to do again than to keep what they made
    *("add", "add_any", "sub", "mul", "neg", "max", "min", "integer_pow", "select_n", "convert_element_type"),
    *("reshape", "squeeze", "expand_dims", "broadcast_in_dim", "transpose", "split", "slice", "concatenate"),
}


def compile(f):
    """Return f as one program.

    Where a program on disk is damaged or cannot be written, JAX compiles anew and says so, in every process,
    as it never replaces a file: here all are removed instead.
    """
    program, works = jax.jit(f), False

    @functools.wraps(f)
    def call(*args):
        nonlocal works
        if works:
            return program(*args)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = program(*args)
        for warning in caught:
            if "persistent compilation cache" in str(warning.message):
                program_cache.clear_cache()
            else:
                warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        works = True
        return result

    return call


def scan(f, init, xs, like, reverse=False):
    """Fold f over the leading axis of xs.

    Of each step, the backward pass finds the products and transcendental functions, and does the arithmetic
    again. Left alone, JAX keeps σ and σ (1 − σ) and so on, nearly twice as many arrays: 5 to 15 % slower.
    """
    f = jax.checkpoint(
        f, policy=lambda primitive, *_, **__: primitive.name not in RECOMPUTED_PRIMITIVES, prevent_cse=False
    )
    return jax.lax.scan(f, init, xs, reverse=reverse)


FAST_COMPILE_OPTIONS = {  # what compiles a tiny program four times as fast
    **{"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True},
    **{"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1},
}


def evaluate(f, *args):
    """Return f of arrays, compiled as quickly as it can be; without TF32, whatever the device."""
    with jax.default_matmul_precision("highest"):
        lowered = jax.jit(f).lower(*args)
    try:
        return lowered.compile(FAST_COMPILE_OPTIONS)(*args)
    except jax.errors.JaxRuntimeError:  # XLA knows no such option any more
        return lowered.compile()(*args)
