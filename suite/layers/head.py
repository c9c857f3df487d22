"""The head: it turns the outputs of the last layer into predictions, with their loss and metrics."""

from dataclasses import dataclass

from keras import ops

from suite.axis import Axis
from suite.layers.base import Axes, Weights, matmul_steps
from suite.layers.losses import LOSSES, SequenceLoss, weighted_categorical_nll
from suite.layers.metrics import METRICS, Metric, RankMetric, success_metric
from suite.tensor import Tensor


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
    success_tolerance: float | None = None
    class_weights: tuple[float, ...] | None = None

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

    def activations(self, labels: int) -> int:
        """Return how many numbers are held for a step: logits, and the states of CTC, forward and backward.

        `labels` is the number of labels of a sequence.
        """
        return self.outputs + (2 * (2 * labels + 1) if self.loss == "ctc" else 0)

    @property
    def loss_function(self) -> SequenceLoss:
        """The loss that is trained on."""
        if self.class_weights:
            return weighted_categorical_nll(self.class_weights)
        return LOSSES[self.loss]

    @property
    def metrics(self) -> dict[str, Metric | RankMetric]:
        """What is computed on a split, by name: the score, and, where they are defined, error and success.

        "error" is the share of wrong classes, "success" that of sequences without a wrong label.
        """
        metrics = {"score": METRICS[self.loss][self.metric]}
        if self.loss == "categorical":
            metrics["error"] = METRICS[self.loss]["error"]
        if self.success_tolerance is not None:
            metrics["success"] = success_metric(self.loss, self.success_tolerance)
        return metrics
