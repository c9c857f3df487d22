"""The functions of `suite.backend` on TensorFlow, compiled by XLA."""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from suite import Refusal, program_cache

# GPUs multiply in float32 too: by default they use TF32, with 10 bits of mantissa, and scores would differ
tf.config.experimental.enable_tensor_float_32_execution(False)


def compile(f: Callable) -> Callable:
    """Return f as one compiled program, even if the cache on disk is damaged or cannot be written.

    In either case TensorFlow's first call raises one of many kinds of errors, and the same `tf.function`
    fails ever after: so the cache is cleared, and another `tf.function` is created.
    """
    make = functools.partial(tf.function, f, jit_compile=True, autograph=False)
    program, works = make(), False

    @functools.wraps(f)
    def call(*args):
        nonlocal program, works
        try:
            result = program(*args)
        except tf.errors.OpError as error:
            out_of_memory = isinstance(error, tf.errors.ResourceExhaustedError) and not is_cache_error(error)
            if works or out_of_memory or not program_cache.clear_cache():
                raise
            program = make()
            result = call_recompiled(program, *args)
        works = True
        return result

    return call


def is_cache_error(error: tf.errors.OpError) -> bool:
    """Whether an error names a file in the cache of compiled programs."""
    return "xla_compile_cache" in error.message


def call_recompiled(program: Callable, *args: Any) -> Any:
    """Call a program that has to be compiled again; refuse if the disk has no room to store it."""
    try:
        return program(*args)
    except tf.errors.OpError as error:
        if not is_cache_error(error):
            raise
        raise Refusal(
            f"a compiled program cannot be stored: {error.message}; make room on the disk and try again"
        ) from error


def trace(f: Callable[..., None], *args: Any) -> None:
    """Trace f, a function of arrays, into a graph, without compiling it."""
    tf.function(f, autograph=False).get_concrete_function(*args)


def evaluate(f: Callable, *args: Any) -> Any:
    """Return f(*args), run operation by operation on the CPU, where there is no TF32."""
    with tf.device("CPU:0"):
        return f(*args)


def value_and_grad(f: Callable) -> Callable:
    """Return a function that returns f's (value, others), and the gradient by f's first argument."""

    def with_gradient(weights, *args):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            value, others = f(weights, *args)
        return (value, others), tape.gradient(value, weights, unconnected_gradients="zero")

    return with_gradient


def vjp(f: Callable, *args: Any) -> tuple[Any, Callable, Any]:
    """Return f's value, the function from its gradient to those by the arguments, and f's other results."""
    with tf.GradientTape() as tape:
        tape.watch(args)
        value, others = f(*args)

    def pull(gradient):
        return tape.gradient(value, args, output_gradients=gradient, unconnected_gradients="zero")

    return value, pull, others


def scan(f: Callable, init: Any, xs: Any, like: Any, unroll: int = 1) -> tuple[Any, Any]:
    """Call f(carry, x) for each x along the leading axis of xs; return the last carry and the stacked y.

    `keras.ops.scan` fails on TensorFlow with nested carries (Keras 3.15). Results are pushed onto tensor
    lists: a `TensorArray` is written by index, and the gradient of that copies the whole array at every step.
    The lists need the shapes of y in advance, from `like`: tracing f to find them took a third of the compile
    time.
    """
    first = tf.nest.flatten(xs)[0]
    known = first.shape[0]  # None, as is that of the batch, in a model of Keras
    steps = tf.shape(first)[0] if known is None else known
    init = tf.nest.map_structure(tf.convert_to_tensor, init)
    sources = tf.nest.map_structure(
        lambda x: tf.TensorArray(x.dtype, steps, element_shape=x.shape[1:]).unstack(x), xs
    )
    sinks = tf.nest.map_structure(
        lambda y: tf.raw_ops.EmptyTensorList(
            element_shape=element_shape(y), max_num_elements=steps, element_dtype=y.dtype
        ),
        like,
    )

    def body(step, carry, sinks):
        carry, y = f(carry, tf.nest.map_structure(lambda source: source.read(step), sources))
        push = lambda sink, v: tf.raw_ops.TensorListPushBack(input_handle=sink, tensor=v)  # noqa: E731
        return step + 1, carry, tf.nest.map_structure(push, sinks, y)

    def stack(sink, y):
        stacked = tf.raw_ops.TensorListStack(
            input_handle=sink,
            element_shape=element_shape(y),
            element_dtype=y.dtype,
            num_elements=-1 if known is None else known,
        )
        return tf.ensure_shape(stacked, (known, *y.shape))

    _, carry, sinks = tf.while_loop(
        lambda step, *_: step < steps, body, (0, init, sinks), maximum_iterations=steps
    )
    return carry, tf.nest.map_structure(stack, sinks, like)


def element_shape(y: tf.Tensor) -> tf.TensorShape | tf.Tensor:
    """Return the shape of an array, as a tensor if a length in it is unknown."""
    return y.shape if y.shape.is_fully_defined() else tf.shape(y)
