"""Losses, and other quantities that are summed over the labels of a sequence.

Each is a function of

- logits (lanes, batch, steps, outputs), and steps (lanes, batch), the length of each sequence;
- targets (lanes, batch, labels, …), and labels (lanes, batch), the number of labels of each sequence;

and returns the sum over the labels of each sequence, (lanes, batch); entries beyond `steps` and `labels` are
padding and do not count, and neither do classes that are `suite.task.NO_LABEL`. A task that answers at every
step has as many labels as steps, one that answers at the last step has one, and if labels are not aligned
with steps (`suite.layers.ctc`), a sequence has its own number.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from keras import ops

from suite.layers.ctc import ctc_nll, keep_nan
from suite.tensor import Tensor

SequenceLoss: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def counted_labels(targets: Tensor, labels: Tensor) -> Tensor:
    """Return whether each label counts, (lanes, batch, labels): it is neither padding nor `NO_LABEL`."""
    counted = ops.arange(targets.shape[2]) < labels[:, :, None]
    is_class = len(targets.shape) == 3
    return counted & (targets >= 0) if is_class else counted


def label_counts(targets: Tensor, labels: Tensor) -> Tensor:
    """Return how many labels of each sequence count, (lanes, batch)."""
    if len(targets.shape) != 3:  # no classes, of which some may be `NO_LABEL`
        return labels
    return ops.sum(ops.cast(counted_labels(targets, labels), labels.dtype), axis=-1)


def sum_over_labels(label_loss: Callable[[Tensor, Tensor], Tensor]) -> SequenceLoss:
    """Turn a loss of single labels into one that sums over the labels of each sequence."""

    def total(logits, steps, targets, labels):
        each = label_loss(logits, targets)  # (lanes, batch, labels)
        return ops.sum(ops.where(counted_labels(targets, labels), each, 0.0), axis=-1)

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


def weighted_categorical_nll(class_weights: Sequence[float]) -> SequenceLoss:
    """Return `categorical_nll` with every label multiplied by the weight of its class, (outputs,)."""

    @sum_over_labels
    def weighted_nll(logits: Tensor, targets: Tensor) -> Tensor:
        chosen = ops.one_hot(ops.cast(targets, "int32"), logits.shape[-1], dtype=logits.dtype)
        nll = ops.logsumexp(logits, axis=-1, keepdims=True) - logits
        return ops.sum(nll * chosen * ops.convert_to_tensor(class_weights, logits.dtype), axis=-1)

    return weighted_nll


@sum_over_labels
def squared_error(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the squared error, summed over the outputs."""
    return ops.sum(ops.square(logits - ops.cast(targets, logits.dtype)), axis=-1)


@sum_over_labels
def output_error(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the share of outputs whose more likely value, 0 or 1, is not the target."""
    wrong = (logits > 0) != (ops.cast(targets, logits.dtype) > 0.5)
    return keep_nan(ops.mean(ops.cast(wrong, logits.dtype), axis=-1), logits, axis=-1)


@sum_over_labels
def classification_error(logits: Tensor, targets: Tensor) -> Tensor:
    """Return 1 where the most likely class is not the target, else 0."""
    wrong = ops.argmax(logits, axis=-1) != ops.cast(targets, "int32")
    return keep_nan(ops.cast(wrong, logits.dtype), logits, axis=-1)


LOSSES = {
    "bernoulli": bernoulli_nll,
    "categorical": categorical_nll,
    "squared": squared_error,
    "ctc": ctc_nll,
}
