"""Metrics: how the predictions for a split become its score."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from keras import ops

from suite.layers.ctc import ctc_nll, label_errors
from suite.layers.losses import (
    SequenceLoss,
    bernoulli_nll,
    categorical_nll,
    classification_error,
    output_error,
    squared_error,
    sum_over_labels,
)
from suite.tensor import Tensor


@dataclass(frozen=True)
class Metric:
    """A metric of a split: a function of the mean, over all its labels, of what `total` sums.

    `total` is a function as in `suite.layers.losses`. With `per_sequence`, the mean is over sequences.
    """

    total: SequenceLoss
    of_mean: Callable[[Tensor], Tensor] = lambda mean: mean
    per_sequence: bool = False


@dataclass(frozen=True)
class RankMetric:
    """A metric of a split that compares its labels with each other, so that it is no sum over labels.

    `of_labels` is a function of all labels: logits (lanes, labels, outputs), targets (labels, outputs), and
    whether each label counts, (labels,). It returns (lanes,).
    """

    of_labels: Callable[[Tensor, Tensor, Tensor], Tensor]


def one_minus_auc(logits: Tensor, targets: Tensor, counted: Tensor) -> Tensor:
    """Return 1 − the area under the ROC curve, (lanes,), averaged over outputs.

    It is the share of pairs of a 1 and a 0 among the targets whose logits are in the wrong order; equal
    logits are half of a pair. For it, the labels are sorted twice: of equal logits, once those of a 1 come
    first, and once those of a 0.
    """
    logits, targets = ops.where(counted[:, None], logits, 0.0), ops.cast(targets, logits.dtype)
    is_one, is_zero = (
        ops.broadcast_to(ops.cast((targets == value) & counted[:, None], "int32"), logits.shape)
        for value in (1, 0)
    )
    ones, zeros = (ops.cast(ops.sum(each, axis=1), "float32") for each in (is_one, is_zero))
    areas = []
    for first in (is_one, -is_one):
        order = ops.argsort(first, axis=1)
        sorted_again = ops.argsort(ops.take_along_axis(logits, order, axis=1), axis=1)  # a stable sort
        order = ops.take_along_axis(order, sorted_again, axis=1)
        lower_zeros = ops.cumsum(ops.take_along_axis(is_zero, order, axis=1), axis=1)
        lower_share = ops.cast(lower_zeros, "float32") / zeros[:, None]
        of_ones = ops.where(ops.take_along_axis(is_one, order, axis=1) > 0, lower_share, 0.0)
        areas.append(ops.sum(of_ones, axis=1) / ones)
    not_a_number = ops.sum(logits - logits, axis=1)  # else 0
    return 1 - ops.mean((areas[0] + areas[1]) / 2 + not_a_number, axis=-1)


METRICS: dict[str, dict[str, Metric | RankMetric]] = {  # by loss and name
    "bernoulli": {
        "nats": Metric(bernoulli_nll),
        "error": Metric(output_error),
        "1 - auc": RankMetric(one_minus_auc),
    },
    "categorical": {
        "nats": Metric(categorical_nll),
        "bits": Metric(categorical_nll, lambda nats: nats / math.log(2)),
        "perplexity": Metric(categorical_nll, ops.exp),
        "error": Metric(classification_error),
    },
    "squared": {"squared": Metric(squared_error), "rmse": Metric(squared_error, ops.sqrt)},
    "ctc": {"label error": Metric(label_errors), "nats": Metric(ctc_nll)},
}


def success_metric(loss: str, tolerance: float) -> Metric:
    """Return the share of sequences whose labels are all right.

    A class, a symbol or a binary output is right if it is the most likely one, a number if it is off by at
    most `tolerance`.
    """

    @sum_over_labels
    def numbers_off(logits: Tensor, targets: Tensor) -> Tensor:
        distance = ops.max(ops.absolute(logits - ops.cast(targets, logits.dtype)), axis=-1)
        return ops.cast(ops.logical_not(distance <= tolerance), logits.dtype)  # NaN is not right

    errors = {
        "bernoulli": output_error,
        "categorical": classification_error,
        "squared": numbers_off,
        "ctc": label_errors,
    }[loss]

    def is_solved(logits, steps, targets, labels):
        return ops.cast((errors(logits, steps, targets, labels) == 0) & (labels > 0), logits.dtype)

    return Metric(is_solved, per_sequence=True)
