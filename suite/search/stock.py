"""The same space and model for any stock tuner of KerasTuner, trained by Keras's own `fit`.

Importing it registers the listed cells with Keras: then `keras.models.load_model` loads what was saved.
"""

from pathlib import Path

import keras
import keras_tuner
import numpy as np
from keras import ops

import tasks
from suite import Refusal, cells, registry, seeds, space, task_check
from suite.cells.base import Cell
from suite.config import Protocol
from suite.layers import readout
from suite.task import Split, Task
from suite.training.optimiser import OPTIMISERS
from suite.training.population import INITIAL_WEIGHT_STDDEV

REGISTERED_CELLS = [
    cells.find_cell(name) for name in cells.BUILTIN_CELLS
]  # found is imported, and imported is registered
MEASURES = readout.LOSSES | {"error": readout.classification_error}
FIT_ARGUMENTS = (
    "epochs",
    "initial_epoch",
    "verbose",
    "callbacks",
)  # of `fit` that `search` may pass on
MASK_VALUE = -(2.0**100)  # in place of every feature, behind the end of a sequence
EVAL_BATCH_SIZE = 32  # sequences of a batch that is only scored


class TunerRefusal(Refusal, keras_tuner.errors.FatalError):
    """A refusal that ends a tuner's search; to a tuner, any other error is a failed trial."""


class Hypermodel(keras_tuner.HyperModel):
    """A cell on a task, under the paper's space and protocol.

    `task` and `cell` are names, or a `Task` and a subclass of `Cell`; `data` is the folder of the task's
    files, or None for the default places. Its objective is `keras_tuner.Objective("val_score", "min")`. A
    tuner's `search()` is given no data: the model brings the task's own.
    """

    def __init__(
        self,
        task: str | Task,
        cell: str | type[Cell],
        ranges: space.Space = space.PAPER_SPACE,
        protocol: Protocol = Protocol(),
        data: Path | str | None = None,
    ):
        super().__init__()
        self.task = tasks.find_task(task) if isinstance(task, str) else task
        self.cell = cells.find_cell(cell) if isinstance(cell, str) else cell
        self.ranges, self.protocol = ranges, protocol
        if not (isinstance(self.cell, type) and issubclass(self.cell, Cell)):
            raise Refusal(f"cell: expected a name or a subclass of suite.cells.base.Cell, got {cell!r}")
        if protocol.optimiser not in OPTIMISERS:
            raise registry.unknown_name_error("optimiser", protocol.optimiser, OPTIMISERS)
        if {"clip_norm", "clip_value"} <= ranges.keys():
            raise Refusal("ranges: a Keras optimiser clips by norm or by value, got both; leave one out")
        name = getattr(self.task, "name", repr(task))
        self.splits = task_check.load_checked_splits(name, self.task, None if data is None else Path(data))

    def build(self, hp):
        """Return the compiled model of the hyperparameters drawn."""
        drawn = {name: asked.declare(name, hp) for name, asked in self.ranges.items()}
        model = keras.Sequential(
            [
                keras.Input((None, self.task.features)),
                keras.layers.Masking(MASK_VALUE),
                keras.layers.GaussianNoise(drawn["input_noise"]),
                keras.layers.RNN(
                    self.cell(int(drawn["units"])), return_sequences=self.task.answers == "every step"
                ),
                keras.layers.Dense(
                    self.task.outputs,
                    kernel_initializer=keras.initializers.RandomNormal(stddev=INITIAL_WEIGHT_STDDEV),
                    bias_initializer=keras.initializers.RandomNormal(stddev=INITIAL_WEIGHT_STDDEV),
                ),
            ]
        )
        score = self.task.loss if self.task.metric == "nats" else self.task.metric
        model.compile(
            optimizer=keras_optimiser(self.protocol.optimiser, drawn),
            loss=Loss(self.task.loss),
            weighted_metrics=[Score(score)],
        )
        model.optimizer.build(model.trainable_variables)  # else its state is not loaded with the weights
        return model

    def fit(self, hp, model, *data, callbacks=(), **settings):
        """Train a model on the task as the protocol says; refuse data, and all but `FIT_ARGUMENTS`."""
        unknown = [*(type(array).__name__ for array in data), *(settings.keys() - set(FIT_ARGUMENTS))]
        if unknown:
            raise TunerRefusal(
                f"search: expected at most {', '.join(FIT_ARGUMENTS)}, got {', '.join(unknown)}; the "
                "model trains "
                f"on the data of {self.task.name} as its protocol says; your own data is a suite.task.Task"
            )
        batches = Batches(self.splits["train"], self.protocol.batch)
        seed = self.shuffle_seed(hp)
        return model.fit(
            batches,
            validation_data=Batches(self.splits["valid"], EVAL_BATCH_SIZE),
            shuffle=False,  # Keras would shuffle the batches as well, by Python's global randomness
            callbacks=[
                *callbacks,
                keras.callbacks.LambdaCallback(
                    on_epoch_begin=lambda epoch, logs: batches.shuffle(
                        seeds.derive_seed(seed, "epoch", epoch)
                    )
                ),
                keras.callbacks.TerminateOnNaN(),
                # Keras ends after `patience` epochs without a better score, the protocol after more than that
                keras.callbacks.EarlyStopping("val_score", mode="min", patience=self.protocol.patience + 1),
            ],
            **{"epochs": self.protocol.epochs, "verbose": 0} | settings,
        )

    def shuffle_seed(self, hp) -> int:
        """Return where a trial's order of the data starts: another for other hyperparameters.

        Hyperband goes on with a trial under the same ones, and so where it was in its order.
        """
        drawn = sorted((name, value) for name, value in hp.values.items() if not name.startswith("tuner/"))
        return seeds.derive_seed(self.task.name, self.cell.__name__, *drawn)


def keras_optimiser(rule: str, drawn: dict) -> keras.optimizers.Optimizer:
    """Return Keras's optimiser for a rule of `suite.training.optimiser` and a trial's hyperparameters."""
    momentum = {"momentum": float(drawn["momentum"])}
    rate = drawn["learning_rate"] * (1 - drawn["momentum"] if OPTIMISERS[rule].rescales_rate else 1)
    clips = {"global_clipnorm": drawn.get("clip_norm"), "clipvalue": drawn.get("clip_value")}
    match rule:
        case "adam":
            return keras.optimizers.Adam(rate, **clips)
        case "rmsprop":
            return keras.optimizers.RMSprop(rate, **momentum, **clips)
    return keras.optimizers.SGD(rate, **momentum, **clips, nesterov=rule == "nesterov")


class Batches(keras.utils.PyDataset):
    """The sequences of a split in batches: inputs, targets, and the weights of the labels.

    Inputs are (batch, steps, features), targets (batch, labels, …), weights (batch, labels), all padded to
    the longest sequence of the split: TensorFlow takes the shape of all batches to be that of the first two.
    A label weighs 1 / batch, padding nothing: the weighted sum is a sequence's, averaged over the batch.
    """

    def __init__(self, split: Split, batch: int):
        super().__init__()
        self.split, self.batch, self.order = split, batch, np.arange(len(split))
        self.longest = max(split.lengths), max(map(len, split.targets))

    def __len__(self):
        return -(-len(self.order) // self.batch)

    def __getitem__(self, k):
        chosen = self.order[k * self.batch : (k + 1) * self.batch]
        steps, labels = self.longest
        inputs = pad_to_length([self.split.inputs[k].astype("float32") for k in chosen], steps, MASK_VALUE)
        targets = pad_to_length([self.split.targets[k] for k in chosen], labels, 0)
        counted = [np.ones(len(self.split.targets[k])) for k in chosen]
        return inputs, targets, pad_to_length(counted, labels, 0) / len(chosen)

    def shuffle(self, seed: int) -> None:
        """Draw another order of the sequences."""
        self.order = np.random.default_rng(seed).permutation(len(self.order))


def pad_to_length(arrays, length, value):
    """Return arrays (its own length, …) as one, (arrays, length, …), with a value behind the end of each."""
    behind = [[(0, length - len(array))] + [(0, 0)] * (np.ndim(array) - 1) for array in arrays]
    return np.stack([np.pad(a, b, constant_values=value) for a, b in zip(arrays, behind, strict=True)])


@keras.saving.register_keras_serializable("suite")
class Loss(keras.losses.Loss):
    """A loss of `suite.layers.readout` by its name, the sum over labels as `Batches` weighs them."""

    def __init__(self, name, reduction="sum"):
        super().__init__(name, reduction)

    def call(self, y_true, y_pred):
        return measure_per_label(self.name, y_true, y_pred)


@keras.saving.register_keras_serializable("suite")
class Score(keras.metrics.Mean):
    """A metric of `suite.layers.readout` by its name, pooled over all labels that have a weight."""

    def __init__(self, measure, name="score", **kwargs):
        super().__init__(name, **kwargs)
        self.measure = measure

    def update_state(self, y_true, y_pred, sample_weight=None):
        each = measure_per_label(self.measure, y_true, y_pred)
        counted = ops.ones_like(each) if sample_weight is None else sample_weight > 0
        super().update_state(ops.reshape(each, (-1,)), ops.reshape(counted, (-1,)))

    def get_config(self):
        return super().get_config() | {"measure": self.measure}


def measure_per_label(measure, y_true, y_pred):
    """Return a loss or metric, by its name, of each label: y_pred (…, outputs) gives (…)."""
    logits = ops.reshape(y_pred, (1, -1, 1, y_pred.shape[-1]))  # as of many sequences of one label
    label = () if measure in ("categorical", "error") else y_pred.shape[-1:]
    targets = ops.reshape(y_true, (1, -1, 1, *label))
    one = ops.ones(ops.shape(logits)[:2], "int32")
    return ops.reshape(MEASURES[measure](logits, one, targets, one), ops.shape(y_pred)[:-1])
