"""A `keras_tuner.HyperModel` of a variant on a task, for any tuner of KerasTuner, trained with Keras's `fit`.

Importing this module registers the layer, loss and metric of the model with Keras, so that
`keras.models.load_model` can load saved models.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
from keras import ops

import tasks
from suite import Refusal, registry, seeds, space, task_check
from suite.cells.base import Cell
from suite.config import Protocol
from suite.initial_weights import rules_of_trial
from suite.layers.losses import LOSSES, SequenceLoss
from suite.layers.metrics import METRICS, Metric
from suite.search.network_layer import INPUT_DTYPES, PADDING, NetworkLayer, resolve_variant
from suite.task import Split, Task
from suite.training.optimiser import OPTIMISERS
from suite.variants import check_hyperparameters, trial_variant

FIT_ARGUMENTS = ("epochs", "initial_epoch", "verbose", "callbacks")  # that `search` of a tuner may pass on
EVAL_BATCH_SIZE = 32  # sequences in a batch of the validation split


class TunerRefusal(Refusal, keras_tuner.errors.FatalError):
    """A refusal that ends a tuner's search; a tuner treats any other error as a failed trial."""


class Hypermodel(keras_tuner.HyperModel):
    """The model of a variant on a task and its hyperparameters, by default those of the paper.

    - `task`, `variant`: names, or a `Task` and a subclass of `Cell`.
    - `ranges`: the hyperparameters with their ranges; those of the cell itself are added. Options of the
      variant and rules of initial weights may be among them, as in a sweep.
    - `protocol`: epochs, patience, batch size, optimiser and initial weights.
    - `data`: the folder of the task's files; None for the default places.

    The objective for a tuner is `keras_tuner.Objective("val_score", "min")`. Call the tuner's `search()`
    without data: the model trains on the data of the task.
    """

    def __init__(
        self,
        task: str | Task,
        variant: str | type[Cell],
        ranges: space.VariantSpace = space.PAPER_SPACE,
        protocol: Protocol = Protocol(),
        data: Path | str | None = None,
    ):
        super().__init__()
        self.task = tasks.find_task(task) if isinstance(task, str) else task
        self.variant = resolve_variant(variant)
        own_ranges = self.variant.cell.hyperparameters if self.variant.cell else {}
        self.own_hyperparameters = tuple(own_ranges)
        self.ranges, self.protocol = {**own_ranges, **ranges}, protocol
        check_hyperparameters(self.variant, self.ranges, "ranges")
        if protocol.optimiser not in OPTIMISERS:
            raise registry.unknown_name_error("optimiser", protocol.optimiser, OPTIMISERS)
        if {"clip_norm", "clip_value"} <= ranges.keys():
            raise Refusal("ranges: a Keras optimiser clips by norm or by value, got both; leave one out")
        name = getattr(self.task, "name", repr(task))
        if isinstance(self.task, Task) and self.task.loss == "ctc":
            raise Refusal(f"task {name}: expected a loss of single labels, got ctc, which `fit` cannot sum")
        for field in ("segment", "steps_ahead"):
            if value := getattr(self.task, field, 0):
                raise Refusal(f"task {name}: expected {field} to be 0, got {value}, which `fit` cannot do")
        task_check.check_task(name, self.task)
        Score(self.task.loss, self.task.metric)  # refuses a metric that `fit` cannot compute
        self.splits = task_check.load_checked_splits(name, self.task, None if data is None else Path(data))

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return the compiled model for the hyperparameters in `hp`."""
        values: dict[str, Any] = {name: entry.declare(name, hp) for name, entry in self.ranges.items()}
        name = trial_variant(self.variant.name, values)
        task = self.task
        steps = (None,) if task.inputs == "symbols" else (None, task.features)
        model = keras.Sequential(
            [
                keras.Input(steps, dtype=INPUT_DTYPES[task.inputs]),
                NetworkLayer(
                    self.variant if name == self.variant.name else name,
                    int(values["units"]),
                    *(task.features, task.outputs, task.answers, task.inputs, task.direction),
                    input_noise=float(values["input_noise"]),
                    hyperparameters={name: float(values[name]) for name in self.own_hyperparameters},
                    initial_weights=rules_of_trial(self.protocol.initial_weights, values),
                ),
            ]
        )
        model.compile(
            optimizer=keras_optimiser(self.protocol.optimiser, values),
            loss=Loss(task.loss),
            weighted_metrics=[Score(task.loss, task.metric)],
        )
        model.optimizer.build(model.trainable_variables)  # else loading does not restore its state
        return model

    def fit(
        self,
        hp: keras_tuner.HyperParameters,
        model: keras.Model,
        *data: Any,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        **settings: Any,
    ) -> keras.callbacks.History:
        """Train a model on the task by the protocol; refuse data, and arguments not in `FIT_ARGUMENTS`."""
        unknown = [*(type(array).__name__ for array in data), *(settings.keys() - set(FIT_ARGUMENTS))]
        if unknown:
            raise TunerRefusal(
                f"search: expected no arguments but {', '.join(FIT_ARGUMENTS)}, got {', '.join(unknown)}; "
                f"the model trains on the data of {self.task.name} by its protocol; for your own data, "
                f"define a suite.task.Task"
            )
        inputs, weights = self.task.inputs, self.task.class_weights
        batches = Batches(self.splits["train"], self.protocol.batch, inputs, weights)
        seed = self.shuffle_seed(hp)
        return model.fit(
            batches,
            validation_data=Batches(self.splits["valid"], EVAL_BATCH_SIZE, inputs, weights),
            shuffle=False,  # Keras would also shuffle the batches, with Python's global random state
            callbacks=[
                *callbacks,
                keras.callbacks.LambdaCallback(
                    on_epoch_begin=lambda epoch, logs: batches.shuffle(
                        seeds.derive_seed(seed, "epoch", epoch)
                    )
                ),
                keras.callbacks.TerminateOnNaN(),
                # Keras stops after `patience` epochs without a better score, the protocol one epoch later
                keras.callbacks.EarlyStopping("val_score", mode="min", patience=self.protocol.patience + 1),
            ],
            **{"epochs": self.protocol.epochs, "verbose": 0} | settings,
        )

    def shuffle_seed(self, hp: keras_tuner.HyperParameters) -> int:
        """Return the seed for the order of a trial's sequences, derived from its hyperparameters.

        Hyperband continues a trial as a new one with the same hyperparameters, and so in the same order.
        """
        pairs = sorted((name, value) for name, value in hp.values.items() if not name.startswith("tuner/"))
        return seeds.derive_seed(self.task.name, self.variant.name, *pairs)


def keras_optimiser(rule: str, hyperparameters: dict) -> keras.optimizers.Optimizer:
    """Return Keras's optimiser for a rule of `suite.training.optimiser`, with these hyperparameters."""
    momentum = {"momentum": float(hyperparameters["momentum"])}
    rate = hyperparameters["learning_rate"] * (
        1 - hyperparameters["momentum"] if OPTIMISERS[rule].rescales_rate else 1
    )
    clips = {
        "global_clipnorm": hyperparameters.get("clip_norm"),
        "clipvalue": hyperparameters.get("clip_value"),
    }
    match rule:
        case "adam":
            return keras.optimizers.Adam(rate, **clips)
        case "rmsprop":
            return keras.optimizers.RMSprop(rate, **momentum, **clips)
    return keras.optimizers.SGD(rate, **momentum, **clips, nesterov=rule == "nesterov")


class Batches(keras.utils.PyDataset):
    """The sequences of a split in batches: inputs, targets, and weights of the labels.

    Inputs are those of `NetworkLayer`, targets (batch, labels, …), weights (batch, labels). All batches are
    padded to the longest sequence of the split: for each shape, JAX compiles another program. A label has the
    weight 1 / batch and padding has 0, so the weighted sum over a batch is the mean over its sequences of the
    sum over labels. With `class_weights`, the weight of a label is multiplied by that of its class.
    """

    def __init__(
        self,
        split: Split,
        batch: int,
        inputs: str = "numbers",
        class_weights: tuple[float, ...] | None = None,
    ):
        super().__init__()
        self.split, self.batch, self.inputs, self.order = split, batch, inputs, np.arange(len(split))
        self.class_weights = None if class_weights is None else np.array(class_weights)
        self.longest = max(split.lengths), max(map(len, split.targets))

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch)

    def __getitem__(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chosen = self.order[k * self.batch : (k + 1) * self.batch]
        steps, labels = self.longest
        arrays = [self.split.inputs[k].astype(INPUT_DTYPES[self.inputs]) for k in chosen]
        inputs = pad_to_length(arrays, steps, PADDING[self.inputs])
        targets = [np.asarray(self.split.targets[k]) for k in chosen]
        weights = pad_to_length([self.label_weights(target) for target in targets], labels, 0) / len(chosen)
        return inputs, pad_to_length(targets, labels, 0), weights

    def label_weights(self, target: np.ndarray) -> np.ndarray:
        """Return the weight of each label of a sequence, (labels,): 0 for `NO_LABEL`."""
        if target.ndim > 1:
            return np.ones(len(target))
        return (target >= 0) * (1 if self.class_weights is None else self.class_weights[target])

    def shuffle(self, seed: int) -> None:
        """Draw a new order of the sequences."""
        self.order = np.random.default_rng(seed).permutation(len(self.order))


def pad_to_length(arrays: Sequence[np.ndarray], length: int, value: float) -> np.ndarray:
    """Return arrays of shape (own length, …) as one, (arrays, length, …), padded with a value at the end."""
    padding = [[(0, length - len(array))] + [(0, 0)] * (np.ndim(array) - 1) for array in arrays]
    return np.stack([np.pad(a, p, constant_values=value) for a, p in zip(arrays, padding, strict=True)])


@keras.saving.register_keras_serializable("suite")
class Loss(keras.losses.Loss):
    """A loss of `suite.layers.losses`, by name, summed over labels with the weights of `Batches`."""

    def __init__(self, name: str, reduction: str = "sum"):
        super().__init__(name, reduction)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return loss_per_label(LOSSES[self.name], self.name, y_true, y_pred)


@keras.saving.register_keras_serializable("suite")
class Score(keras.metrics.Mean):
    """A metric of `suite.layers.metrics`, over all labels whose weight is not zero."""

    def __init__(self, loss: str, metric: str, name: str = "score", **kwargs: Any):
        super().__init__(name, **kwargs)
        self.loss, self.metric = loss, metric
        mean_metric = METRICS[loss][metric]
        if not isinstance(mean_metric, Metric):
            raise Refusal(f"expected a metric that is a mean over labels, which `fit` computes, got {metric}")
        self.mean_metric = mean_metric

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        each = loss_per_label(self.mean_metric.total, self.loss, y_true, y_pred)
        counted = ops.ones_like(each) if sample_weight is None else sample_weight > 0
        super().update_state(ops.reshape(each, (-1,)), ops.reshape(counted, (-1,)))

    def result(self) -> Any:
        return self.mean_metric.of_mean(super().result())

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"loss": self.loss, "metric": self.metric}


def loss_per_label(function: SequenceLoss, loss: str, y_true: Any, y_pred: Any) -> Any:
    """Return what a function of `suite.layers.losses` gives for each label: y_pred (…, outputs) gives (…).

    `loss` is the name of the loss of the task, which says whether a label is a class.
    """
    logits = ops.reshape(y_pred, (1, -1, 1, y_pred.shape[-1]))  # one lane, many sequences of one label each
    label = () if loss == "categorical" else y_pred.shape[-1:]
    targets = ops.reshape(y_true, (1, -1, 1, *label))
    one = ops.ones(ops.shape(logits)[:2], "int32")
    return ops.reshape(function(logits, one, targets, one), ops.shape(y_pred)[:-1])
