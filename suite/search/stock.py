"""The same space and model for any stock tuner of KerasTuner, trained by Keras's own `fit`."""

import keras
import keras_tuner
import numpy as np
from keras import ops

import tasks
from suite import cells, space
from suite.layers import readout
from suite.training.trial import Protocol


class Hypermodel(keras_tuner.HyperModel):
    """A cell on a task, both by name, under the paper's space and protocol.

    Its objective is `keras_tuner.Objective("val_score", "min")`. A tuner's `search()` needs no data: the
    model brings the task's own.
    """

    def __init__(
        self, task: str, cell: str, ranges: space.Space = space.PAPER, protocol: Protocol = Protocol()
    ):
        super().__init__()
        self.task, self.cell = tasks.find(task), cells.find(cell)
        self.ranges, self.protocol = ranges, protocol

    def build(self, hp):
        """Return the compiled model of the hyperparameters drawn."""
        drawn = {name: asked.declare(name, hp) for name, asked in self.ranges.items()}
        every = self.task.answers == "every step"
        model = keras.Sequential(
            [
                keras.Input((None, self.task.features)),
                keras.layers.GaussianNoise(drawn["input_noise"]),
                keras.layers.RNN(self.cell(int(drawn["units"])), return_sequences=every),
                keras.layers.Dense(
                    self.task.outputs,
                    kernel_initializer=keras.initializers.RandomNormal(stddev=0.1),
                    bias_initializer=keras.initializers.RandomNormal(stddev=0.1),
                ),
            ]
        )
        momentum = drawn["momentum"]
        rate = drawn["learning_rate"] * (1 - momentum)
        model.compile(
            optimizer=keras.optimizers.SGD(rate, momentum=momentum, nesterov=True),
            loss=Total(readout.LOSSES[self.task.loss]),
            metrics=[Score(readout.metric(self.task))],
        )
        return model

    def fit(self, hp, model, *args, callbacks=(), **kwargs):
        """Train a model on the task, one sequence an update, as long as the protocol says."""
        splits = self.task.load(None)
        stop = keras.callbacks.EarlyStopping("val_score", mode="min", patience=self.protocol.patience)
        settings = {"epochs": self.protocol.epochs, "verbose": 0} | kwargs
        return model.fit(
            OneByOne(splits["train"], shuffle=True),
            validation_data=OneByOne(splits["valid"]),
            callbacks=[*callbacks, stop],
            **settings,
        )


class OneByOne(keras.utils.PyDataset):
    """The sequences of a split, one a batch: inputs (1, steps, features) and targets (1, labels, …)."""

    def __init__(self, split, shuffle=False):
        super().__init__()
        self.split, self.shuffle = split, shuffle
        self.order = np.arange(len(split))
        self.on_epoch_end()

    def __len__(self):
        return len(self.order)

    def __getitem__(self, k):
        k = self.order[k]
        return self.split.inputs[k][None].astype("float32"), self.split.targets[k][None]

    def on_epoch_end(self):
        if self.shuffle:
            np.random.default_rng(len(self.order)).shuffle(self.order)


class Total(keras.losses.Loss):
    """A loss of `suite.layers.readout`, summed over the labels of a sequence."""

    def __init__(self, loss):
        super().__init__(name="total")
        self.loss = loss

    def call(self, y_true, y_pred):
        return summed(self.loss, y_true, y_pred)[0]


class Score(keras.metrics.Metric):
    """A metric of `suite.layers.readout`, pooled over all labels."""

    def __init__(self, of_labels):
        super().__init__(name="score")
        self.of_labels = of_labels
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        sums, labels = summed(self.of_labels, y_true, y_pred)
        self.total.assign_add(ops.sum(sums))
        self.count.assign_add(ops.cast(labels, "float32"))

    def result(self):
        return self.total / self.count


def summed(of_labels, y_true, y_pred):
    """Return a loss or metric summed over the labels of each sequence, (batch,), and the number of labels."""
    logits = y_pred[None] if len(y_pred.shape) == 3 else y_pred[None, :, None]
    batch, labels = ops.shape(logits)[1], ops.shape(logits)[2]
    counted = ops.ones((1, batch), "int32") * labels
    return of_labels(logits, counted, y_true[None], counted)[0], batch * labels
