"""The two compiled programs of a population: one trains an epoch, the other scores a split."""

import functools
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from keras import ops, tree

from suite.backend import compile, scan
from suite.cells.base import with_lanes_axis
from suite.layers.base import Carry, Context
from suite.layers.head import last_of_each
from suite.layers.losses import counted_labels, label_counts
from suite.layers.metrics import Metric, RankMetric
from suite.network import Network
from suite.task import SPLITS, Split, total_steps
from suite.tensor import Tensor
from suite.training import batches
from suite.training.batches import gather_sequences
from suite.training.generation import predict_ahead
from suite.training.optimiser import Weights, broadcast_lanes
from suite.training.trainer import Descent, Trainer
from suite.training.trial import Result

Tensors: TypeAlias = dict[str, Tensor]  # arrays by name


class Program:
    """The programs that train `lanes` trials of a network, padded to `width` units, on one task.

    `splits` are those of the task, and `segment` its field. The arguments are all that changes the compiled
    program. All that differs between trials (weights, settings, order of the data, noise) is passed to
    `run_epoch` and `run_score` in arrays with an axis of lanes.
    `run_score` computes the metrics of the head, `metrics`. `longer_tests` are the names of further splits
    that are scored like test.
    """

    def __init__(
        self,
        network: Network,
        splits: Mapping[str, Split],
        width: int,
        lanes: int,
        batch: int,
        trainer: Trainer = Descent(),
        segment: int = 0,
    ) -> None:
        self.network, self.width, self.lanes, self.batch = network, width, lanes, batch
        self.trainer, self.is_stream = trainer, segment > 0
        self.steps = total_steps(splits)
        scored = {name: splits[name] for name in ("valid", "test")}
        longer = {name: split for name, split in splits.items() if name not in SPLITS}
        if self.is_stream:
            train_buckets = [batches.make_segments(splits["train"], batch, segment)]
            eval_buckets, eval_indices = batches.make_eval_segments(scored, segment)
        else:
            train_buckets = batches.make_buckets(splits["train"], max_buckets=3)
            eval_buckets, eval_indices = batches.make_eval_buckets(scored)
        self.sizes = [len(bucket["steps"]) for bucket in train_buckets]
        self.schedule = batches.bucket_schedule(self.sizes, batch)
        self.train_buckets = to_tensors(train_buckets)
        self.eval_buckets, self.eval_indices = to_tensors(eval_buckets), to_tensors(eval_indices)
        self.longer_tests = list(longer)
        if longer:
            longer_buckets, longer_indices = batches.make_eval_buckets(longer, max_buckets=1, batch=8)
            self.longer_buckets, self.longer_indices = to_tensors(longer_buckets), to_tensors(longer_indices)
        self.metrics = network.head.metrics
        self.mean_metrics = {name: m for name, m in self.metrics.items() if isinstance(m, Metric)}
        self.rank_metrics = {name: m for name, m in self.metrics.items() if isinstance(m, RankMetric)}
        self.run_epoch = compile(functools.partial(trainer.train_epoch, self))
        self.run_score, self.write_lane = compile(self.score_lanes), compile(replace_lane)

    def operations(self, result: Result) -> int:
        """Return the multiply–adds of a trial that has ended."""
        units = int(result.trial.numbers["units"])
        return self.network.trial_operations(units, self.steps, result.epochs)

    def zero_weights(self, lanes: int) -> dict[str, np.ndarray]:
        """Return arrays of zeros, (lanes, …), for all weights."""
        return {
            name: np.zeros(with_lanes_axis(shape, lanes), "float32")
            for name, shape in self.network.shapes(self.width).items()
        }

    def draw_sequences(self, rng: np.random.Generator) -> np.ndarray:
        """Draw the sequences of every update of an epoch, (updates, batch); a stream is read in order."""
        if self.is_stream:
            return np.arange(self.sizes[0], dtype="int32").reshape(-1, self.batch)
        return batches.draw_batches(self.schedule, self.sizes, self.batch, rng)

    def start_carry(self, batch: int) -> Carry:
        """Return what the network carries before the first update of an epoch, for `batch` streams.

        Where sequences are independent, nothing is carried.
        """
        return self.network.start_carry(self.lanes, batch, self.width) if self.is_stream else ()

    def batch_loss(
        self, weights: Weights, sequences: Tensors, context: Context, carry: Carry
    ) -> tuple[Tensor, tuple[Tensor, Carry]]:
        """Return the loss of an update, a scalar; and of each lane the summed loss and number of labels.

        The second result is these, (lanes, 2), and what is carried to the next update, through which no
        gradient passes. The loss of a sequence is summed over its labels; the loss of a lane is the mean over
        its sequences. The scalar is the sum over the lanes, so that the gradient by the weights of a lane is
        that of its own loss. `sequences` are those of `gather_sequences`.
        """
        logits, counted, end = self.network.apply(weights, sequences["inputs"], context, carry or None)
        carry = tree.map_structure(ops.stop_gradient, end) if self.is_stream else ()
        loss = self.network.head.loss_function
        losses = loss(logits, counted, sequences["targets"], sequences["labels"])
        count = ops.maximum(ops.sum(ops.cast(sequences["steps"] > 0, losses.dtype), axis=1), 1.0)
        labels = ops.sum(label_counts(sequences["targets"], sequences["labels"]), axis=1)
        labels = ops.cast(labels, losses.dtype)
        summed = ops.sum(losses, axis=1)
        return ops.sum(summed / count), (ops.stack([summed, labels], axis=1), carry)

    def answers(
        self, weights: Weights, sequences: Tensors, context: Context, carry: Carry
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Carry]:
        """Return what a metric takes, logits, steps, targets and labels (`suite.layers.head`), and the carry.

        They are those of all labels; or of the last label of each sequence, predicted some steps ahead.
        """
        head, targets, labels = self.network.head, sequences["targets"], sequences["labels"]
        if head.steps_ahead:
            logits = predict_ahead(self.network, weights, sequences["inputs"], context, head.steps_ahead)
            targets, labels = last_of_each(targets, labels)
            return logits, labels, targets, labels, ()
        logits, counted, end = self.network.apply(weights, sequences["inputs"], context, carry or None)
        return logits, counted, targets, labels, end if self.is_stream else ()

    def score_lanes(
        self, weights: Weights, settings: Tensors, eval_buckets: list[Tensors], eval_indices: list[Tensor]
    ) -> Tensor:
        """Return the metrics of the head for every lane, (lanes, metrics), over all sequences of a split.

        `eval_indices` holds, for each of `eval_buckets`, the indices of the split's sequences, (chunks,
        batch).
        """

        def score_chunk(bucket):
            def add_chunk(state, indices):
                totals, carry = state
                sequences = gather_sequences(bucket, ops.broadcast_to(indices, (self.lanes, *indices.shape)))
                context = Context(sequences["steps"], settings["mask"], settings)
                *answers, carry = self.answers(weights, sequences, context, carry)
                sums = {name: metric.total(*answers) for name, metric in self.mean_metrics.items()}
                totals = {name: totals[name] + ops.sum(each, axis=1) for name, each in sums.items()}
                _, _, targets, labels = (answer[:1] for answer in answers)  # the same in every lane
                counts = counted_labels(targets, labels), labels > 0
                counts = ops.stack([ops.sum(ops.cast(c, "int32")) for c in counts])
                return (totals, carry), (counts, answers[:1] if self.rank_metrics else [])

            return add_chunk

        totals = {name: ops.zeros(self.lanes) for name in self.mean_metrics}
        counts, labels = ops.zeros(2, "int32"), []  # the labels are for metrics of ranks
        for bucket, indices in zip(eval_buckets, eval_indices, strict=True):
            start = totals, self.start_carry(indices.shape[1])
            logits_shape = self.lanes, indices.shape[1], *bucket["targets"].shape[1:]
            like = counts, [ops.zeros(logits_shape)] if self.rank_metrics else []
            (totals, _), (chunk_counts, logits) = scan(score_chunk(bucket), start, indices, like=like)
            counts = counts + ops.sum(chunk_counts, axis=0)
            labels += [flatten_labels(bucket, indices, each) for each in logits]
        labels_count, sequences_count = ops.cast(counts[0], "float32"), ops.cast(counts[1], "float32")
        scores = {
            name: metric.of_mean(totals[name] / (sequences_count if metric.per_sequence else labels_count))
            for name, metric in self.mean_metrics.items()
        }
        for name, metric in self.rank_metrics.items():
            logits, targets, counted = zip(*labels, strict=True)
            scores[name] = metric.of_labels(
                ops.concatenate(logits, axis=1), ops.concatenate(targets), ops.concatenate(counted)
            )
        return ops.stack([scores[name] for name in self.metrics], axis=1)


def flatten_labels(bucket: Tensors, indices: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `RankMetric.of_labels` takes of the sequences at indices (chunks, batch) of a bucket.

    logits is (chunks, lanes, batch, labels, outputs).
    """
    lanes, outputs = logits.shape[1], logits.shape[-1]
    sequences = gather_sequences(bucket, indices)
    counted = counted_labels(sequences["targets"], sequences["labels"])
    flat_logits = ops.reshape(ops.transpose(logits, (1, 0, 2, 3, 4)), (lanes, -1, outputs))
    return flat_logits, ops.reshape(sequences["targets"], (-1, outputs)), ops.reshape(counted, (-1,))


def to_tensors(arrays: Any) -> Any:
    """Return a nested structure of NumPy arrays with a tensor in place of each array."""
    return tree.map_structure(ops.convert_to_tensor, arrays)


def replace_lane(state: Any, lane: Tensor, arrays: Any) -> Any:
    """Return a nested structure of arrays (lanes, …) with those of one lane replaced by `arrays`, (1, …)."""

    def replace(old, new):
        return ops.where(broadcast_lanes(ops.arange(old.shape[0]) == lane, old), new, old)

    return tree.map_structure(replace, state, arrays)
