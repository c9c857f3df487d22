"""The two compiled programs of a population: one trains an epoch, the other scores a split."""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from keras import ops, tree

from suite import machine
from suite.axis import ONE_UNIT_EACH, Axis, shape_of
from suite.backend import compile, scan, value_and_grad
from suite.cells.base import Cell, with_lanes_axis
from suite.layers.loop import run_over_time
from suite.layers.noise import normal_draws
from suite.layers.readout import LOSSES, metric_function, readout_inputs
from suite.task import Split, Task, total_steps
from suite.tensor import Tensor
from suite.training import batches
from suite.training.optimiser import OPTIMISERS, Slots, Weights, broadcast_lanes, clip_gradient
from suite.training.trial import Result

Tensors: TypeAlias = dict[str, Tensor]  # arrays by name


def network_axes(cell: type[Cell], task: Task) -> dict[str, tuple[Axis, ...]]:
    """Return the axes of every weight of a trial's network, by name: a cell and a linear readout."""
    outputs = Axis(fixed=task.outputs)
    readout = {"readout/W": (ONE_UNIT_EACH, outputs), "readout/b": (outputs,)}
    return {**cell.axes(Axis(fixed=task.features)), **readout}


def network_shapes(cell: type[Cell], task: Task, units: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight of a trial's network, by name."""
    return {name: shape_of(axes, units) for name, axes in network_axes(cell, task).items()}


def parameter_count(cell: type[Cell], task: Task, units: int) -> int:
    """Return the number of weights of one trial's network."""
    return sum(map(math.prod, network_shapes(cell, task, units).values()))


def trial_operations(cell: type[Cell], task: Task, units: int, steps: Mapping[str, int], epochs: int) -> int:
    """Return the multiply–adds of a trial with this many units and epochs: its cost on any machine.

    `steps` are those of each split (`suite.task.total_steps`). At each step, an entry of a matrix costs one
    multiply–add in the forward pass and two in the backward pass. An epoch trains on train and scores valid;
    test is scored once. Elementwise operations and padding are not counted.
    """
    entries = sum(math.prod(shape) for shape in network_shapes(cell, task, units).values() if len(shape) == 2)
    return entries * (epochs * (3 * steps["train"] + steps["valid"]) + steps["test"])


def lane_demand(cell: type[Cell], task: Task, units: int, steps: int, batch: int) -> dict[str, int]:
    """Return the arguments of `machine.Plan.lanes_for` for a network and a batch of sequences of `steps`."""
    shapes = network_shapes(cell, task, units)
    recurrent = sum(math.prod(shape) for name, shape in shapes.items() if name.startswith("R/"))
    gates = sum(shape[0] for name, shape in shapes.items() if name.startswith("b/"))
    activations = task.features + gates + len(cell.states) * units + task.outputs
    weights = sum(map(math.prod, shapes.values()))
    lane = machine.lane_bytes(weights, activations, steps, batch)
    return {"recurrent": recurrent, "lane": lane, "batch": batch}


class Program:
    """The programs that train `lanes` networks of one cell, padded to `width` units, on one task.

    `splits` are those of the task. The arguments are all that changes the compiled program; `clips`, for one,
    is whether gradients may be clipped, which takes time. All that differs between trials (weights, settings,
    order of the data, noise) is passed to `run_epoch` and `run_score` in arrays with an axis of lanes.
    """

    def __init__(
        self,
        cell: type[Cell],
        task: Task,
        splits: Mapping[str, Split],
        width: int,
        lanes: int,
        batch: int,
        optimiser: str = "nesterov",
        clips: bool = False,
    ) -> None:
        self.cell, self.task, self.width, self.lanes, self.batch = cell, task, width, lanes, batch
        self.optimiser, self.clips = OPTIMISERS[optimiser], clips
        self.cell_layer = cell(width, lanes=lanes)  # it is never built: it has no weights of its own
        self.steps = total_steps(splits)
        train_buckets = batches.make_buckets(splits["train"], max_buckets=3)
        self.sizes = [len(bucket["steps"]) for bucket in train_buckets]
        self.schedule = batches.bucket_schedule(self.sizes, batch)
        self.train_buckets = to_tensors(train_buckets)
        eval_buckets, eval_indices = batches.make_eval_buckets({n: splits[n] for n in ("valid", "test")})
        self.eval_buckets, self.eval_indices = to_tensors(eval_buckets), to_tensors(eval_indices)
        self.run_epoch, self.run_score = compile(self.train_epoch), compile(self.score_lanes)

    def operations(self, result: Result) -> int:
        """Return the multiply–adds of a trial that has ended."""
        units = int(result.trial.hyperparameters["units"])
        return trial_operations(self.cell, self.task, units, self.steps, result.epochs)

    def zero_weights(self) -> dict[str, np.ndarray]:
        """Return arrays of zeros, (lanes, …), for all weights."""
        return {
            name: np.zeros(with_lanes_axis(shape, self.lanes), "float32")
            for name, shape in network_shapes(self.cell, self.task, self.width).items()
        }

    def outputs(self, weights: Weights, x: Tensor, steps: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Run the network over x (lanes, batch, steps, features).

        Returns logits (lanes, batch, labels, outputs), and how many of the labels count, (lanes, batch).
        """
        h = run_over_time(self.cell_layer, weights, x, mask)
        h, counted = readout_inputs(h, steps, self.task.answers)
        lanes, batch, labels, units = h.shape
        logits = ops.matmul(ops.reshape(h, (lanes, batch * labels, units)), weights["readout/W"])
        logits = logits + weights["readout/b"]
        return ops.reshape(logits, (lanes, batch, labels, -1)), counted

    def batch_loss(
        self, weights: Weights, sequences: Tensors, noise: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of an update, a scalar, and of each lane the summed loss and number of labels.

        The second result is (lanes, 2). The loss of a sequence is summed over its labels; the loss of a lane
        is the mean over its sequences. The scalar is the sum over the lanes, so that the gradient by the
        weights of a lane is that of its own loss. `sequences` are those of `gather_sequences`.
        """
        logits, counted = self.outputs(weights, sequences["inputs"] + noise, sequences["steps"], mask)
        losses = LOSSES[self.task.loss](logits, counted, sequences["targets"], sequences["labels"])
        count = ops.maximum(ops.sum(ops.cast(sequences["steps"] > 0, losses.dtype), axis=1), 1.0)
        labels = ops.cast(ops.sum(sequences["labels"], axis=1), losses.dtype)
        summed = ops.sum(losses, axis=1)
        return ops.sum(summed / count), ops.stack([summed, labels], axis=1)

    def train_epoch(
        self, weights: Weights, slots: Slots, settings: Tensors, draws: Tensors, train_buckets: list[Tensors]
    ) -> tuple[Weights, Slots, Tensor]:
        """Train every lane for an epoch; return the new weights and slots, and the training loss, (lanes,).

        `settings` holds rate, momentum, noise, clip_norm and clip_value, (lanes,), and the mask (lanes, 1,
        width). `draws` is what `Population.draw_epoch` returns: for each update, the bucket, the sequences
        and the keys of the noise. The training loss is averaged over all labels of the epoch.
        """
        gradient = value_and_grad(self.batch_loss)

        def update_from(bucket):
            def update(weights, indices, keys):
                sequences = gather_sequences(bucket, indices)
                noise = broadcast_lanes(settings["noise"], sequences["inputs"])
                noise = noise * normal_draws(keys, sequences["inputs"].shape[1:])
                (_, loss), grads = gradient(weights, sequences, noise, settings["mask"])
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
        """Return the score of every lane, (lanes,): the task's metric pooled over all labels of a split.

        `eval_indices` holds, for each of `eval_buckets`, the indices of the split's sequences, (chunks,
        batch).
        """

        def score_chunk(bucket):
            def add_chunk(totals, indices):
                sequences = gather_sequences(bucket, ops.broadcast_to(indices, (self.lanes, *indices.shape)))
                logits, counted = self.outputs(weights, sequences["inputs"], sequences["steps"], mask)
                metric = metric_function(self.task)
                values = metric(logits, counted, sequences["targets"], sequences["labels"])
                return totals + ops.sum(values, axis=1), ops.sum(sequences["labels"][0])

            return add_chunk

        total, labels = ops.zeros((self.lanes,)), 0
        for bucket, indices in zip(eval_buckets, eval_indices, strict=True):
            total, counts = scan(score_chunk(bucket), total, indices, like=bucket["labels"][0])
            labels = labels + ops.sum(counts)
        return total / ops.cast(labels, total.dtype)


def to_tensors(arrays: Any) -> Any:
    """Return a nested structure of NumPy arrays with a tensor in place of each array."""
    return tree.map_structure(ops.convert_to_tensor, arrays)


def gather_sequences(bucket: Tensors, indices: Tensor) -> Tensors:
    """Return the sequences of a bucket (`batches.make_buckets`) at indices (lanes, batch), by name.

    `PAD_INDEX` gives a sequence with no steps and no labels.
    """
    present = indices >= 0
    sequences = {name: ops.take(array, ops.maximum(indices, 0), axis=0) for name, array in bucket.items()}
    sequences["inputs"] = ops.cast(sequences["inputs"], "float32")
    for name in ("steps", "labels"):
        sequences[name] = ops.where(present, sequences[name], 0)
    return sequences
