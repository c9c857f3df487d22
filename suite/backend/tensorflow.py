"""The backend's verbs on TensorFlow, compiled by XLA."""

import functools

import tensorflow as tf

compile = functools.partial(tf.function, jit_compile=True, autograph=False)


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


def scan(f, init, xs, reverse=False):
    """Fold f over the leading axis of xs. `keras.ops.scan` fails here on nested carries (keras 3.15).

    Results are pushed onto lists: a `TensorArray` is written by index, and the gradient of that copies the
    whole array at every step.
    """
    steps = tf.nest.flatten(xs)[0].shape[0]
    init = tf.nest.map_structure(tf.convert_to_tensor, init)
    sources = tf.nest.map_structure(
        lambda x: tf.TensorArray(x.dtype, steps, element_shape=x.shape[1:]).unstack(x), xs
    )
    specs = [tf.nest.map_structure(lambda a: tf.TensorSpec(a.shape, a.dtype), init)]
    specs += [tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape[1:], x.dtype), xs)]
    _, like = tf.function(f, autograph=False).get_concrete_function(*specs).structured_outputs
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
