"""The readout: from the outputs of the cell to a loss and a metric.

Every loss and metric is a function of

- logits (lanes, batch, steps, outputs), and steps (lanes, batch), how many of them count;
- targets (lanes, batch, labels, …), and labels (lanes, batch), how many of them count;

and returns the sum over the labels of each sequence, (lanes, batch). The score of a split is that sum over
all its sequences, divided by all their labels. A framewise task has as many labels as steps, a task that
answers at the last step has one of each; a loss that aligns the two (CTC) needs no other shape.
"""

from keras import ops


def readout_inputs(h, steps, answers):
    """Return the outputs of the cell that the readout sees, and how many of them count.

    h is (lanes, batch, steps, units), `steps` (lanes, batch) the lengths. For "every step" both come back as
    they are, for "last step" h is (lanes, batch, 1, units).
    """
    if answers == "every step":
        return h, steps
    last = ops.maximum(steps - 1, 0)[:, :, None, None]
    return ops.take_along_axis(h, last, axis=2), ops.minimum(steps, 1)


def sum_over_labels(label_loss):
    """Turn a function of (logits, targets) a label into one that sums over the labels of each sequence."""

    def total(logits, steps, targets, labels):
        each = label_loss(logits, targets)  # (lanes, batch, labels)
        counted = ops.arange(each.shape[-1]) < labels[:, :, None]
        return ops.sum(ops.where(counted, each, 0.0), axis=-1)

    total.__doc__ = label_loss.__doc__
    return total


@sum_over_labels
def bernoulli_nll(logits, targets):
    """Return the negative log-likelihood of independent sigmoids, nats."""
    y = ops.cast(targets, logits.dtype)
    size = ops.absolute(logits)
    softplus = (logits + size) / 2 + ops.log(1 + ops.exp(-size))  # three times as fast as that of Keras
    return ops.sum(softplus - logits * y, axis=-1)


@sum_over_labels
def categorical_nll(logits, targets):
    """Return the negative log-likelihood of a softmax over integer classes, nats."""
    chosen = ops.one_hot(ops.cast(targets, "int32"), logits.shape[-1], dtype=logits.dtype)
    return ops.logsumexp(logits, axis=-1) - ops.sum(logits * chosen, axis=-1)


@sum_over_labels
def squared_error(logits, targets):
    """Return the squared error."""
    return ops.sum(ops.square(logits - ops.cast(targets, logits.dtype)), axis=-1)


@sum_over_labels
def classification_error(logits, targets):
    """Return 1 where the most likely class is not the target."""
    return ops.cast(ops.argmax(logits, axis=-1) != ops.cast(targets, "int32"), logits.dtype)


LOSSES = {"bernoulli": bernoulli_nll, "categorical": categorical_nll, "squared": squared_error}


def metric_function(task):
    """Return the metric of a task; "nats" is its own loss."""
    return {"nats": LOSSES[task.loss], "error": classification_error, "squared": squared_error}[task.metric]
