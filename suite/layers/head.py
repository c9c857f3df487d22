"""The head: it turns the outputs of the last layer into predictions, their loss, and the metrics of a score.

Every loss and metric is a function of

- logits (lanes, batch, steps, outputs), and steps (lanes, batch), the length of each sequence;
- targets (lanes, batch, labels, …), and labels (lanes, batch), the number of labels of each sequence;

and returns the sum over the labels of each sequence, (lanes, batch); entries beyond `steps` and `labels` are
padding and do not count. The score of a split is that sum over all its sequences, divided by the number of
their labels. A task that answers at every step has as many labels as steps, one that answers at the last step
has one, and if labels are not aligned with steps (`suite.layers.ctc`), a sequence has its own number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from keras import ops

from suite.axis import Axis
from suite.layers.base import Axes, Weights, matmul_steps
from suite.layers.ctc import ctc_nll, label_errors
from suite.tensor import Tensor

SequenceLoss: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


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


LOSSES = {
    "bernoulli": bernoulli_nll,
    "categorical": categorical_nll,
    "squared": squared_error,
    "ctc": ctc_nll,
}


METRICS = {"error": classification_error, "squared": squared_error, "label error": label_errors}


def last_of_each(a: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return the last entry of each sequence, (lanes, batch, 1, …), and how many entries these are, 0 or 1.

    a is (lanes, batch, entries, …), and `counts` (lanes, batch) says how many of the entries count.
    """
    last = ops.reshape(ops.maximum(counts - 1, 0), (*ops.shape(counts), *(1,) * (len(a.shape) - 2)))
    return ops.take_along_axis(a, last, axis=2), ops.minimum(counts, 1)


@dataclass(frozen=True)
class Head:
    """A linear readout with a loss and a metric, at every step or at the last step of a sequence.

    The fields are those of a task (`suite.task.Task`).
    """

    outputs: int
    answers: str
    loss: str
    metric: str
    steps_ahead: int = 0

    def axes(self, features: Axis) -> Axes:
        """Return the axes of the head's weights, by name; `features` is the axis of its inputs."""
        outputs = Axis(fixed=self.outputs)
        return {"W": (features, outputs), "b": (outputs,)}

    def inputs(self, h: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs of the last layer that the head reads, and how many count in each sequence.

        h is (lanes, batch, steps, features), and `steps` (lanes, batch) the lengths. If the task answers at
        the last step, h becomes (lanes, batch, 1, features); else both are returned as they are.
        """
        if self.answers != "last step":
            return h, steps
        return last_of_each(h, steps)

    def logits(self, weights: Weights, h: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (lanes, batch, answers, outputs), and how many of them count, (lanes, batch)."""
        h, counted = self.inputs(h, steps)
        return matmul_steps(h, weights["W"]) + weights["b"][:, None], counted

    @property
    def loss_function(self) -> SequenceLoss:
        """The loss that is trained on."""
        return LOSSES[self.loss]

    @property
    def metric_function(self) -> SequenceLoss:
        """The metric of the score; "nats" is the loss itself."""
        return self.loss_function if self.metric == "nats" else METRICS[self.metric]
