"""The backend's verbs on JAX."""

import functools

import jax

compile = jax.jit
scan = jax.lax.scan
value_and_grad = functools.partial(jax.value_and_grad, has_aux=True)
vjp = functools.partial(jax.vjp, has_aux=True)
