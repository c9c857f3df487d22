"""The two compiled programs of a population: one trains an epoch, the other scores a split."""

import functools
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from keras import ops, tree

from suite.backend import compile, scan, value_and_grad
from suite.cells.base import with_lanes_axis
from suite.layers.base import Context
from suite.layers.head import METRICS
from suite.network import Network
from suite.task import Split, total_steps
from suite.tensor import Tensor
from suite.training import batches
from suite.training.optimiser import OPTIMISERS, Slots, Weights, broadcast_lanes, clip_gradient
from suite.training.trial import Result

Tensors: TypeAlias = dict[str, Tensor]  # arrays by name


class Program:
    """The programs that train `lanes` trials of a network, padded to `width` units, on one task.

    `splits` are those of the task. The arguments are all that changes the compiled program; `clips`, for one,
    is whether gradients may be clipped, which takes time. All that differs between trials (weights, settings,
    order of the data, noise) is passed to `run_epoch` and `run_score` in arrays with an axis of lanes.
    `metrics` are what `run_score` computes: the score, and where labels are classes also the share of errors.
    """

    def __init__(
        self,
        network: Network,
        splits: Mapping[str, Split],
        width: int,
        lanes: int,
        batch: int,
        optimiser: str = "nesterov",
        clips: bool = False,
    ) -> None:
        self.network, self.width, self.lanes, self.batch = network, width, lanes, batch
        self.optimiser, self.clips = OPTIMISERS[optimiser], clips
        self.steps = total_steps(splits)
        train_buckets = batches.make_buckets(splits["train"], max_buckets=3)
        self.sizes = [len(bucket["steps"]) for bucket in train_buckets]
        self.schedule = batches.bucket_schedule(self.sizes, batch)
        self.train_buckets = to_tensors(train_buckets)
        eval_buckets, eval_indices = batches.make_eval_buckets({n: splits[n] for n in ("valid", "test")})
        self.eval_buckets, self.eval_indices = to_tensors(eval_buckets), to_tensors(eval_indices)
        self.metrics = {"score": network.head.metric_function}
        if network.head.loss == "categorical":
            self.metrics["error"] = METRICS["error"]
        self.run_epoch, self.run_score = compile(self.train_epoch), compile(self.score_lanes)
        self.write_lane = compile(replace_lane)

    def operations(self, result: Result) -> int:
        """Return the multiply–adds of a trial that has ended."""
        units = int(result.trial.hyperparameters["units"])
        return self.network.trial_operations(units, self.steps, result.epochs)

    def zero_weights(self, lanes: int) -> dict[str, np.ndarray]:
        """Return arrays of zeros, (lanes, …), for all weights."""
        return {
            name: np.zeros(with_lanes_axis(shape, lanes), "float32")
            for name, shape in self.network.shapes(self.width).items()
        }

    def batch_loss(self, weights: Weights, sequences: Tensors, context: Context) -> tuple[Tensor, Tensor]:
        """Return the loss of an update, a scalar, and of each lane the summed loss and number of labels.

        The second result is (lanes, 2). The loss of a sequence is summed over its labels; the loss of a lane
        is the mean over its sequences. The scalar is the sum over the lanes, so that the gradient by the
        weights of a lane is that of its own loss. `sequences` are those of `gather_sequences`.
        """
        logits, counted, _ = self.network.apply(weights, sequences["inputs"], context)
        loss = self.network.head.loss_function
        losses = loss(logits, counted, sequences["targets"], sequences["labels"])
        count = ops.maximum(ops.sum(ops.cast(sequences["steps"] > 0, losses.dtype), axis=1), 1.0)
        labels = ops.cast(ops.sum(sequences["labels"], axis=1), losses.dtype)
        summed = ops.sum(losses, axis=1)
        return ops.sum(summed / count), ops.stack([summed, labels], axis=1)

    def train_epoch(
        self, weights: Weights, slots: Slots, settings: Tensors, draws: Tensors, train_buckets: list[Tensors]
    ) -> tuple[Weights, Slots, Tensor]:
        """Train every lane for an epoch; return the new weights and slots, and the training loss, (lanes,).

        `settings` holds rate, momentum, input_noise, clip_norm and clip_value, (lanes,), and the mask (lanes,
        1, width). `draws` is what `Population.draw_epoch` returns: for each update, the bucket, the sequences
        and the keys of random draws. The training loss is averaged over all labels of the epoch.
        """

        def update_from(bucket):
            def update(weights, indices, keys):
                sequences = gather_sequences(bucket, indices)
                context = Context(sequences["steps"], settings["mask"], settings, keys)
                loss_of = functools.partial(self.batch_loss, sequences=sequences, context=context)
                (_, loss), grads = value_and_grad(loss_of)(weights)
                return loss, grads

            return update

        updates = [update_from(bucket) for bucket in train_buckets]

        def update(carry, draw):
            weights, slots = carry
            operands = weights, draw["sequences"], draw["keys"]
            if len(updates) == 1:
                loss, grads = updates[0](*operands)
            else:
                loss, grads = ops.switch(draw["bucket"], updates, *operands)
            if self.clips:
                grads = clip_gradient(grads, settings["clip_norm"], settings["clip_value"])
            rate, momentum = settings["rate"], settings["momentum"]
            return self.optimiser.update(weights, slots, grads, rate, momentum), loss

        loss = ops.zeros((self.lanes, 2))
        (weights, slots), losses = scan(update, (weights, slots), draws, like=loss)
        loss, labels = ops.sum(losses, axis=0)[:, 0], ops.sum(losses, axis=0)[:, 1]
        return weights, slots, loss / ops.maximum(labels, 1.0)

    def score_lanes(
        self, weights: Weights, mask: Tensor, eval_buckets: list[Tensors], eval_indices: list[Tensor]
    ) -> Tensor:
        """Return the `metrics` of every lane, (lanes, metrics), each the mean over all labels of a split.

        `eval_indices` holds, for each of `eval_buckets`, the indices of the split's sequences, (chunks,
        batch).
        """

        def score_chunk(bucket):
            def add_chunk(totals, indices):
                sequences = gather_sequences(bucket, ops.broadcast_to(indices, (self.lanes, *indices.shape)))
                context = Context(sequences["steps"], mask)
                logits, counted, _ = self.network.apply(weights, sequences["inputs"], context)
                targets, labels = sequences["targets"], sequences["labels"]
                sums = [metric(logits, counted, targets, labels) for metric in self.metrics.values()]
                return totals + ops.sum(ops.stack(sums, axis=2), axis=1), ops.sum(labels[0])

            return add_chunk

        total, labels = ops.zeros((self.lanes, len(self.metrics))), 0
        for bucket, indices in zip(eval_buckets, eval_indices, strict=True):
            total, counts = scan(score_chunk(bucket), total, indices, like=bucket["labels"][0])
            labels = labels + ops.sum(counts)
        return total / ops.cast(labels, total.dtype)


def to_tensors(arrays: Any) -> Any:
    """Return a nested structure of NumPy arrays with a tensor in place of each array."""
    return tree.map_structure(ops.convert_to_tensor, arrays)


def replace_lane(state: Any, lane: Tensor, arrays: Any) -> Any:
    """Return a nested structure of arrays (lanes, …) with those of one lane replaced by `arrays`, (1, …)."""

    def replace(old, new):
        return ops.where(broadcast_lanes(ops.arange(old.shape[0]) == lane, old), new, old)

    return tree.map_structure(replace, state, arrays)


def gather_sequences(bucket: Tensors, indices: Tensor) -> Tensors:
    """Return the sequences of a bucket (`batches.make_buckets`) at indices (lanes, batch), by name.

    `PAD_INDEX` gives a sequence with no steps and no labels.
    """
    present = indices >= 0
    sequences = {name: ops.take(array, ops.maximum(indices, 0), axis=0) for name, array in bucket.items()}
    if len(sequences["inputs"].shape) == 4:  # numbers; symbols stay integers
        sequences["inputs"] = ops.cast(sequences["inputs"], "float32")
    for name in ("steps", "labels"):
        sequences[name] = ops.where(present, sequences[name], 0)
    return sequences
