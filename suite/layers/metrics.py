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


METRICS = {  # by loss and name
    "bernoulli": {"nats": Metric(bernoulli_nll), "error": Metric(output_error)},
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
