"""The compiled programs of a population: an epoch of training, and a score."""

import math
from collections.abc import Mapping

import keras
import numpy as np
from keras import ops, tree

from suite import machine
from suite.backend import compile, scan, value_and_grad
from suite.cells.base import with_lanes_axis
from suite.layers.loop import run_over_time
from suite.layers.noise import normal_draws
from suite.layers.readout import LOSSES, metric_function, readout_inputs
from suite.task import total_steps
from suite.training import batches
from suite.training.optimiser import OPTIMISERS, broadcast_lanes, clip_gradient
from suite.training.trial import Result


def network_shapes(cell: type, task, units: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight of one trial's network, by name: a cell and a linear readout."""
    readout = {"readout/W": (units, task.outputs), "readout/b": (task.outputs,)}
    return {**cell.shapes(task.features, units), **readout}


def parameter_count(cell: type, task, units: int) -> int:
    """Return how many weights a trial's network has."""
    return sum(map(math.prod, network_shapes(cell, task, units).values()))


def trial_operations(cell: type, task, units: int, steps: Mapping[str, int], epochs: int) -> int:
    """Return the multiply–adds of a trial of so many units and epochs: what it costs on any machine.

    `steps` are those of each split (`suite.task.total_steps`). An entry of a matrix costs one multiply–add a
    step forwards and two backwards. An epoch trains on train and scores valid; test is scored once.
    Elementwise operations and padding are left out.
    """
    entries = sum(math.prod(shape) for shape in network_shapes(cell, task, units).values() if len(shape) == 2)
    return entries * (epochs * (3 * steps["train"] + steps["valid"]) + steps["test"])


def lane_demand(cell: type, task, units: int, steps: int, batch: int) -> dict[str, int]:
    """Return what `machine.Plan.lanes_for` asks of a network, a batch of so many steps."""
    of_weights = network_shapes(cell, task, units)
    recurrent = sum(math.prod(shape) for name, shape in of_weights.items() if name.startswith("R/"))
    gates = sum(shape[0] for name, shape in of_weights.items() if name.startswith("b/"))
    activations = task.features + gates + len(cell.states) * units + task.outputs
    weights = sum(map(math.prod, of_weights.values()))
    lane = machine.lane_bytes(weights, activations, steps, batch)
    return {"recurrent": recurrent, "lane": lane, "batch": batch}


class Program:
    """The programs that train `lanes` networks of one cell, padded to `width` units, on one task.

    `splits` are the task's. Everything that changes the graph is given here, such as whether gradients may
    be clipped (`clips`), which takes time; everything a trial may have of its own (weights, settings, order
    of the data, noise) goes in as arrays with an axis for the lanes.
    """

    def __init__(
        self,
        cell: type,
        task,
        splits,
        width: int,
        lanes: int,
        batch: int,
        optimiser: str = "nesterov",
        clips: bool = False,
    ):
        self.cell, self.task, self.width, self.lanes, self.batch = cell, task, width, lanes, batch
        self.optimiser, self.clips = OPTIMISERS[optimiser], clips
        with keras.StatelessScope(initialize_variables=False):  # JAX would compile draws of weights
            self.cell_layer = cell(width, lanes=lanes)
            self.cell_layer.build((lanes, None, task.features))
        self.steps = total_steps(splits)
        lessons = batches.make_buckets(splits["train"], max_buckets=3)
        self.sizes = [len(bucket["steps"]) for bucket in lessons]
        self.schedule = batches.bucket_schedule(self.sizes, batch)
        exam, questions = batches.make_eval_buckets({name: splits[name] for name in ("valid", "test")})
        self.train_buckets, self.eval_buckets, self.eval_indices = (
            to_tensors(lessons),
            to_tensors(exam),
            to_tensors(questions),
        )
        self.run_epoch, self.run_score = compile(self.train_epoch), compile(self.score_lanes)

    def operations(self, result: Result) -> int:
        """Return the multiply–adds of a trial that has ended."""
        units = int(result.trial.hyperparameters["units"])
        return trial_operations(self.cell, self.task, units, self.steps, result.epochs)

    def zero_weights(self):
        """Return arrays (lanes, …) of zeros for all weights."""
        return {
            name: np.zeros(with_lanes_axis(shape, self.lanes), "float32")
            for name, shape in network_shapes(self.cell, self.task, self.width).items()
        }

    def outputs(self, weights, x, steps, mask):
        """Run the network over x (lanes, batch, steps, features); return logits and how many count."""
        mapping = [(variable, weights[name]) for name, variable in self.cell_layer.weights_by_name.items()]
        with keras.StatelessScope(state_mapping=mapping):
            h = run_over_time(self.cell_layer, x, mask)
        h, counted = readout_inputs(h, steps, self.task.answers)
        lanes, batch, labels, units = h.shape
        logits = ops.matmul(ops.reshape(h, (lanes, batch * labels, units)), weights["readout/W"])
        logits = logits + weights["readout/b"]
        return ops.reshape(logits, (lanes, batch, labels, -1)), counted

    def batch_loss(self, weights, chosen, noise, mask):
        """Return the loss of an update and, for each lane, (lanes, 2): its sum over labels, and how many.

        The loss of a sequence is summed over its labels and averaged over the batch: the lanes' losses are
        added up, which leaves each with its own gradient.
        """
        logits, counted = self.outputs(weights, chosen["inputs"] + noise, chosen["steps"], mask)
        each = LOSSES[self.task.loss](logits, counted, chosen["targets"], chosen["labels"])
        here = ops.maximum(ops.sum(ops.cast(chosen["steps"] > 0, each.dtype), axis=1), 1.0)
        labels = ops.cast(ops.sum(chosen["labels"], axis=1), each.dtype)
        return ops.sum(ops.sum(each, axis=1) / here), ops.stack([ops.sum(each, axis=1), labels], axis=1)

    def train_epoch(self, weights, slots, settings, draws, train_buckets):
        """Train every lane for an epoch.

        Weights are a dict of (lanes, …), slots those of the optimiser; `settings` holds rate, momentum,
        noise, clip_norm and clip_value (lanes,) and the mask (lanes, 1, width); `draws` what each update
        draws: bucket (updates,), sequences (updates, lanes, batch), keys of the noise (updates, lanes, 2).
        Returns the new weights and slots, and the training loss a label, (lanes,).
        """
        gradient = value_and_grad(self.batch_loss)

        def update_from(bucket):
            def update(weights, sequences, keys):
                chosen = gather_sequences(bucket, sequences)
                noise = broadcast_lanes(settings["noise"], chosen["inputs"])
                noise = noise * normal_draws(keys, chosen["inputs"].shape[1:])
                (_, loss), grads = gradient(weights, chosen, noise, settings["mask"])
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

    def score_lanes(self, weights, mask, eval_buckets, eval_indices):
        """Return the task's metric for every lane, (lanes,), pooled over all labels of the sequences asked.

        `eval_indices` holds, for each bucket of the exam, positions (chunks, batch) in it.
        """

        def chunk_of(bucket):
            def chunk(totals, positions):
                chosen = gather_sequences(bucket, ops.broadcast_to(positions, (self.lanes, *positions.shape)))
                logits, counted = self.outputs(weights, chosen["inputs"], chosen["steps"], mask)
                each = metric_function(self.task)(logits, counted, chosen["targets"], chosen["labels"])
                return totals + ops.sum(each, axis=1), ops.sum(chosen["labels"][0])

            return chunk

        total, labels = ops.zeros((self.lanes,)), 0
        for bucket, positions in zip(eval_buckets, eval_indices, strict=True):
            total, counts = scan(chunk_of(bucket), total, positions, like=bucket["labels"][0])
            labels = labels + ops.sum(counts)
        return total / ops.cast(labels, total.dtype)


def to_tensors(arrays):
    """Return a structure of NumPy arrays as tensors."""
    return tree.map_structure(ops.convert_to_tensor, arrays)


def gather_sequences(bucket, positions):
    """Return the sequences of a bucket at positions (lanes, batch).

    `NOTHING` gives a sequence of no steps and no labels.
    """
    there = positions >= 0
    chosen = {name: ops.take(array, ops.maximum(positions, 0), axis=0) for name, array in bucket.items()}
    chosen["inputs"] = ops.cast(chosen["inputs"], "float32")
    for name in ("steps", "labels"):
        chosen[name] = ops.where(there, chosen[name], 0)
    return chosen
