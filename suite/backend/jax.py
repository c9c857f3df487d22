"""The functions of `suite.backend` on JAX."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import jax

from suite import program_cache

# GPUs multiply in float32 too: by default they use TF32, with 10 bits of mantissa, and scores would differ
jax.config.update("jax_default_matmul_precision", "highest")

trace = jax.eval_shape
value_and_grad = functools.partial(jax.value_and_grad, has_aux=True)
vjp = functools.partial(jax.vjp, has_aux=True)

RECOMPUTED_PRIMITIVES = {  # cheaper to compute again in the backward pass than to store
    *("add", "add_any", "sub", "mul", "neg", "max", "min", "integer_pow", "select_n", "convert_element_type"),
    *("reshape", "squeeze", "expand_dims", "broadcast_in_dim", "transpose", "split", "slice", "concatenate"),
}


# On a GPU, XLA would compile and time many kernels for each product: that takes minutes and gains little.
GPU_COMPILE_OPTIONS = {"xla_gpu_enable_triton_gemm": False, "xla_gpu_autotune_level": 0}


def compile(f: Callable) -> Callable:
    """Return f as one compiled program.

    If a program in the cache on disk is damaged or cannot be written, JAX compiles it again and warns, in
    every process, because it never replaces a file: here the cache is cleared instead of the warning.
    """
    options = GPU_COMPILE_OPTIONS if jax.default_backend() == "gpu" else None
    program, works = jax.jit(f, compiler_options=options), False

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


def scan(f: Callable, init: Any, xs: Any, like: Any, unroll: int = 1) -> tuple[Any, Any]:
    """Call f(carry, x) for each x along the leading axis of xs; return the last carry and the stacked y.

    The results of matrix products and transcendental functions of each step are stored for the backward pass,
    and all other arithmetic is computed again. JAX by itself stores σ, σ (1 − σ) and so on, nearly twice as
    many arrays, and is 5 to 15 % slower.
    """
    f = jax.checkpoint(
        f, policy=lambda primitive, *_, **__: primitive.name not in RECOMPUTED_PRIMITIVES, prevent_cse=False
    )
    return jax.lax.scan(f, init, xs, unroll=unroll)


FAST_COMPILE_OPTIONS = {  # compile a tiny program four times as fast
    **{"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True},
    **{"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1},
}


def evaluate(f: Callable, *args: Any) -> Any:
    """Return f(*args), compiled as quickly as possible."""
    lowered = jax.jit(f).lower(*args)
    try:
        return lowered.compile(FAST_COMPILE_OPTIONS)(*args)
    except jax.errors.JaxRuntimeError:  # this version of XLA lacks one of the options
        return lowered.compile()(*args)
