"""The readout: it turns the outputs of the cell into a loss and a metric.

Every loss and metric is a function of

- logits (lanes, batch, steps, outputs), and steps (lanes, batch), the length of each sequence;
- targets (lanes, batch, labels, …), and labels (lanes, batch), the number of labels of each sequence;

and returns the sum over the labels of each sequence, (lanes, batch); entries beyond `steps` and `labels` are
padding and do not count. The score of a split is that sum over all its sequences, divided by the number of
their labels. A framewise task has as many labels as steps, a task that answers at the last step has one; a
loss that aligns labels with steps (CTC) fits the same signature.
"""

from collections.abc import Callable
from typing import TypeAlias

from keras import ops

from suite.task import Task
from suite.tensor import Tensor

SequenceLoss: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def readout_inputs(h: Tensor, steps: Tensor, answers: str) -> tuple[Tensor, Tensor]:
    """Return the outputs of the cell that the readout takes, and how many of them count in each sequence.

    h is (lanes, batch, steps, units), and `steps` (lanes, batch) the lengths. If the task answers at "every
    step", both are returned as they are; if at the "last step", h becomes (lanes, batch, 1, units).
    """
    if answers == "every step":
        return h, steps
    last = ops.maximum(steps - 1, 0)[:, :, None, None]
    return ops.take_along_axis(h, last, axis=2), ops.minimum(steps, 1)


def sum_over_labels(label_loss: Callable[[Tensor, Tensor], Tensor]) -> SequenceLoss:
    """Turn a loss of single labels into one that sums over the labels of each sequence."""

    def total(logits, steps, targets, labels):
        each = label_loss(logits, targets)  # (lanes, batch, labels)
        counted = ops.arange(each.shape[-1]) < labels[:, :, None]
        return ops.sum(ops.where(counted, each, 0.0), axis=-1)

    total.__doc__ = label_loss.__doc__
    return total


@sum_over_labels
def bernoulli_nll(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the negative log-likelihood, in nats, of binary targets under independent sigmoids."""
    y = ops.cast(targets, logits.dtype)
    size = ops.absolute(logits)
    softplus = (logits + size) / 2 + ops.log(1 + ops.exp(-size))  # three times as fast as keras.ops.softplus
    return ops.sum(softplus - logits * y, axis=-1)


@sum_over_labels
def categorical_nll(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the negative log-likelihood, in nats, of integer classes under a softmax."""
    chosen = ops.one_hot(ops.cast(targets, "int32"), logits.shape[-1], dtype=logits.dtype)
    return ops.logsumexp(logits, axis=-1) - ops.sum(logits * chosen, axis=-1)


@sum_over_labels
def squared_error(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the squared error, summed over the outputs."""
    return ops.sum(ops.square(logits - ops.cast(targets, logits.dtype)), axis=-1)


@sum_over_labels
def classification_error(logits: Tensor, targets: Tensor) -> Tensor:
    """Return 1 where the most likely class is not the target, else 0."""
    return ops.cast(ops.argmax(logits, axis=-1) != ops.cast(targets, "int32"), logits.dtype)


LOSSES = {"bernoulli": bernoulli_nll, "categorical": categorical_nll, "squared": squared_error}


def metric_function(task: Task) -> SequenceLoss:
    """Return the metric of a task; the metric "nats" is the task's own loss."""
    return {"nats": LOSSES[task.loss], "error": classification_error, "squared": squared_error}[task.metric]
