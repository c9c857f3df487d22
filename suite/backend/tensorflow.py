"""The backend's verbs on TensorFlow, compiled by XLA."""

import functools

import tensorflow as tf

from suite import Refusal, program_cache


def compile(f):
    """Return f as one program; compiled anew where the one kept on disk is damaged or cannot be written.

    TensorFlow's first call says either in errors of many kinds, and a `tf.function` that failed so fails for
    good: another one is made, once the programs on disk are removed.
    """
    make = functools.partial(tf.function, f, jit_compile=True, autograph=False)
    program, works = make(), False

    @functools.wraps(f)
    def call(*args):
        nonlocal program, works
        try:
            result = program(*args)
        except tf.errors.OpError as error:
            of_memory = isinstance(error, tf.errors.ResourceExhaustedError) and not is_cache_error(error)
            if works or of_memory or not program_cache.clear_cache():
                raise
            program = make()
            result = call_recompiled(program, *args)
        works = True
        return result

    return call


def is_cache_error(error: tf.errors.OpError) -> bool:
    """Whether an error names a file of the cache of programs."""
    return "xla_compile_cache" in error.message


def call_recompiled(program, *args):
    """Call a program that is compiled anew; refuse a disk that has no room for it."""
    try:
        return program(*args)
    except tf.errors.OpError as error:
        if not is_cache_error(error):
            raise
        raise Refusal(
            f"a compiled program cannot be kept: {error.message}; make room and ask again"
        ) from error


def trace(f, *args):
    """Make a graph of f, a function of arrays."""
    tf.function(f, autograph=False).get_concrete_function(*args)


def evaluate(f, *args):
    """Return f of arrays, an operation at a time; on the CPU, where there is no TF32."""
    with tf.device("CPU:0"):
        return f(*args)


def value_and_grad(f):
    """Return the function of f's value, what else it returns, and the gradient by its first argument."""

    def with_gradient(weights, *rest):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            value, more = f(weights, *rest)
        return (value, more), tape.gradient(value, weights, unconnected_gradients="zero")

    return with_gradient


def vjp(f, *args):
    """Return f's value, the function from its gradient to those of the arguments, and what else f returns."""
    with tf.GradientTape() as tape:
        tape.watch(args)
        value, more = f(*args)

    def pull(gradient):
        return tape.gradient(value, args, output_gradients=gradient, unconnected_gradients="zero")

    return value, pull, more


def scan(f, init, xs, like, reverse=False):
    """Fold f over the leading axis of xs. `keras.ops.scan` fails here on nested carries (keras 3.15).

    Results are pushed onto lists: a `TensorArray` is written by index, and the gradient of that copies the
    whole array at every step. The lists need the shapes of y beforehand: to trace f for them, and each loop
    in it again, took a third of the time of compiling.
    """
    steps = tf.nest.flatten(xs)[0].shape[0]
    init = tf.nest.map_structure(tf.convert_to_tensor, init)
    sources = tf.nest.map_structure(
        lambda x: tf.TensorArray(x.dtype, steps, element_shape=x.shape[1:]).unstack(x), xs
    )
    sinks = tf.nest.map_structure(
        lambda y: tf.raw_ops.EmptyTensorList(
            element_shape=y.shape, max_num_elements=steps, element_dtype=y.dtype
        ),
        like,
    )

    def body(step, carry, sinks):
        k = steps - 1 - step if reverse else step
        carry, y = f(carry, tf.nest.map_structure(lambda source: source.read(k), sources))
        push = lambda sink, v: tf.raw_ops.TensorListPushBack(input_handle=sink, tensor=v)  # noqa: E731
        return step + 1, carry, tf.nest.map_structure(push, sinks, y)

    def stacked(sink, y):
        every = tf.raw_ops.TensorListStack(
            input_handle=sink, element_shape=y.shape, element_dtype=y.dtype, num_elements=steps
        )
        return tf.reverse(every, [0]) if reverse else every

    _, carry, sinks = tf.while_loop(
        lambda step, *_: step < steps, body, (0, init, sinks), maximum_iterations=steps
    )
    return carry, tf.nest.map_structure(stacked, sinks, like)
