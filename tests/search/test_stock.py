"""The `Hypermodel` of a cell on a task under the tuners of KerasTuner."""

import os
import subprocess
import sys
from collections import deque
from dataclasses import replace

import keras
import keras_tuner
import numpy as np
import pytest
import tiny
from keras import ops
from marks import ON_TENSORFLOW

from suite import Refusal
from suite.cells.lstm import CIFG
from suite.config import Protocol
from suite.search import hypermodel
from suite.search.stock import Batches, Hypermodel, Loss, Score
from suite.space import PAPER_SPACE, Choice, Range, override_ranges
from suite.task import Split, Task
from suite.training import batches
from suite.training.optimiser import OPTIMISERS
from suite.training.population import Population
from suite.training.program import Program
from suite.training.trainer import Descent
from suite.training.trial import Trial

# KerasTuner 1.4.8 calls the deprecated threading.currentThread
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")

SMALL = override_ranges(PAPER_SPACE, {"units": (2, 6), "learning_rate": (1e-3, 1e-1)})
QUIET = override_ranges(PAPER_SPACE, {"units": (3, 3), "input_noise": (0, 0), "learning_rate": (1e-2, 1e-1)})


def unequal(_):
    """Return splits of sequences of 2 to 6 steps, as bytes, with a label for each step."""
    rng = np.random.default_rng(0)

    def split(count):
        inputs = [rng.integers(0, 2, (2 + k % 5, 2), "uint8") for k in range(count)]
        return Split(inputs, [np.roll(x, 1, axis=0) for x in inputs])

    return {"train": split(7), "valid": split(6), "test": split(3)}


STEPS = Task("steps", "Echo", unequal, 2, 2, "bernoulli", "nats", "nats", "every step", "made up")


def default_hp(space, **values):
    """Return the default hyperparameters of a space, with some values replaced."""
    hp = keras_tuner.HyperParameters()
    for name, range_ in space.items():
        range_.declare(name, hp)
    hp.values |= values
    return hp


@pytest.fixture
def tuner(tmp_path):
    """Return a function that makes a tuner."""

    def make_tuner(model, kind=keras_tuner.RandomSearch, **settings):
        objective = keras_tuner.Objective("val_score", "min")
        return kind(model, objective, seed=1, directory=tmp_path, **({"max_trials": 2} | settings))

    return make_tuner


@ON_TENSORFLOW
def test_a_tuner_runs_the_model_and_another_process_loads_the_best_one(tuner, tmp_path):
    """The tuner is Bayesian; a random one runs the code in the guide."""
    instance = Hypermodel("tiny:PARITY", "rnn@layers=2", SMALL, Protocol(epochs=1, batch=8))
    search = tuner(instance, keras_tuner.BayesianOptimization, max_trials=1)
    search.search()
    [trial], [best] = search.oracle.get_best_trials(1), search.get_best_models()
    names = {"units", "learning_rate", "one_minus_momentum", "input_noise"}
    assert set(trial.hyperparameters.values) == names
    assert 0 <= trial.score <= 1
    best.save(tmp_path / "best.keras")
    inputs = np.stack(tiny.PARITY.load(None)["test"].inputs)
    np.save(tmp_path / "inputs.npy", inputs)
    code = (
        "import keras, numpy as np, suite.search.stock\n"
        "model = keras.models.load_model('best.keras')\n"
        "assert type(model.loss).__name__ == 'Loss'\n"
        "np.save('outputs.npy', model.predict(np.load('inputs.npy'), verbose=0))"
    )
    on_jax = {**os.environ, "KERAS_BACKEND": "jax"}  # starts fastest; a saved model fits any backend
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=on_jax)
    own = ops.convert_to_numpy(best(inputs))
    np.testing.assert_allclose(np.load(tmp_path / "outputs.npy"), own, atol=1e-5)


@pytest.mark.parametrize(
    "measure", [Loss("bernoulli"), Score("categorical", "error")], ids=["loss", "metric"]
)
def test_losses_and_metrics_can_be_restored_from_their_configuration(measure):
    assert type(measure).from_config(measure.get_config()).get_config() == measure.get_config()


def test_the_model_has_the_parameters_and_the_learning_rate_of_the_engine():
    import tasks
    from suite.variants import find_network

    instance = hypermodel("sequential_digits", "lstm")
    model = instance.build(
        default_hp(PAPER_SPACE, units=20, learning_rate=0.01, one_minus_momentum=0.1, input_noise=0.0)
    )
    assert model.count_params() == find_network("lstm", tasks.find_task("sequential_digits")).parameters(20)
    assert float(ops.convert_to_numpy(model.optimizer.learning_rate.value)) == pytest.approx(0.001)
    assert model.optimizer.momentum == pytest.approx(0.9)


def test_the_model_has_the_hyperparameters_of_the_cell_and_the_initial_weights_of_the_protocol():
    instance = hypermodel(tiny.PARITY, tiny.Sticky, protocol=Protocol(initial_weights={"*": "constant(1)"}))
    model = instance.build(default_hp(instance.ranges, zoneout=0.25))
    assert model.layers[0].hyperparameters == {"zoneout": 0.25}
    assert all((ops.convert_to_numpy(weight) == 1).all() for weight in model.trainable_weights)


def test_options_and_initial_weights_of_the_model_can_be_hyperparameters():
    own = {
        "output": Choice(("linear", "deep")),
        "layers": Range(1, 2, whole=True),
        "R/*": Choice(("identity",)),
    }
    instance = Hypermodel(tiny.PARITY, "rnn", {**QUIET, **own})
    layer = instance.build(default_hp(instance.ranges, output="deep", layers=2)).layers[0]
    assert layer.variant.name == "rnn@layers=2,output=deep"
    np.testing.assert_array_equal(layer.weights_by_name["recurrent/2/R/z"], np.eye(3))
    with pytest.raises(Refusal, match="expected linear or deep, got 'wide'"):
        Hypermodel(tiny.PARITY, "rnn", {**QUIET, "output": Choice(("linear", "wide"))})


@pytest.mark.parametrize("rule", OPTIMISERS)
def test_the_model_has_the_optimiser_of_the_protocol(rule):
    space = override_ranges(
        QUIET, {"momentum": (0.9, 0.9), "learning_rate": (0.01, 0.01), "clip_norm": (2, 2)}
    )
    model = Hypermodel(tiny.PARITY, "linear", space, Protocol(optimiser=rule)).build(default_hp(space))
    settings = model.optimizer.get_config()
    kind = {"nesterov": "SGD", "sgd": "SGD", "rmsprop": "RMSprop", "adam": "Adam"}[rule]
    assert type(model.optimizer).__name__ == kind
    assert settings["learning_rate"] == pytest.approx(0.001 if OPTIMISERS[rule].rescales_rate else 0.01)
    assert settings["global_clipnorm"] == 2
    assert settings.get("momentum") == (None if rule == "adam" else pytest.approx(0.9))
    assert settings.get("nesterov", False) == (rule == "nesterov")


WEIGHTED = replace(tiny.PARITY, class_weights=(0.25, 4.0))
FITS = [  # variant, task, protocol, and ranges for clipping
    ("rnn@direction=both,layers=2", STEPS, Protocol(batch=3), {"clip_norm": (0.5, 0.5)}),
    ("window@steps=3", STEPS, Protocol(batch=1, optimiser="rmsprop"), {}),
    (CIFG, WEIGHTED, Protocol(batch=3, optimiser="adam"), {"clip_value": (0.01, 0.01)}),
]


@pytest.mark.parametrize(
    ("variant", "task", "protocol", "clips"), FITS if keras.backend.backend() == "jax" else FITS[1:2]
)
def test_fit_trains_as_the_engine_does(monkeypatch, variant, task, protocol, clips):
    """With equal initial weights and one length bucket: data order, padding, loss, clipping, optimiser.

    The loss of `WEIGHTED` has class weights.
    """
    monkeypatch.setattr(batches, "bucket_boundaries", lambda lengths, most: np.array([max(lengths)]))
    space, protocol = override_ranges(QUIET, clips), replace(protocol, epochs=3, patience=9)
    instance, hp = Hypermodel(task, variant, space, protocol), default_hp(space)
    model = instance.build(hp)
    hyperparameters = {name: range_.declare(name, hp) for name, range_ in space.items()}
    trial = Trial(0, instance.shuffle_seed(hp), hyperparameters, epochs=4)
    network, trainer = instance.variant.network(task), Descent(protocol.optimiser, bool(clips))
    program = Program(network, task.load(None), 3, 1, protocol.batch, trainer)
    engine = Population(program, patience=9)
    engine.fill_lanes(deque([trial]))
    weights = model.layers[-1].weights_by_name
    for name, weight in weights.items():
        weight.assign(np.reshape(engine.state["weights"][name][0], weight.shape))
    [result] = engine.lanes
    for _ in range(3):
        engine.train_epoch()
    history = instance.fit(hp, model).history
    np.testing.assert_allclose(history["val_score"], [score for _, score in result.curve], rtol=1e-4)
    for name, weight in weights.items():
        expected = np.reshape(engine.state["weights"][name][0], weight.shape)
        np.testing.assert_allclose(ops.convert_to_numpy(weight), expected, rtol=1e-3, atol=1e-5)


class OrderRecorder:
    """A model that does not train, and records the order of the data in every epoch."""

    def __init__(self):
        self.orders = []

    def fit(self, data, callbacks, epochs, initial_epoch=0, **_):
        for epoch in range(initial_epoch, epochs):
            for callback in callbacks:
                callback.on_epoch_begin(epoch, {})
            self.orders.append(data.order.tolist())
        return self


def test_the_order_of_the_data_differs_between_trials_and_epochs():
    """A trial that Hyperband continues goes on with the orders of its later epochs."""
    instance = Hypermodel(tiny.PARITY, CIFG, SMALL, Protocol(epochs=3))
    one, again, other = (
        instance.fit(hp, OrderRecorder()).orders
        for hp in (default_hp(SMALL), default_hp(SMALL), default_hp(SMALL, units=3))
    )
    assert one == again
    assert len(set(map(tuple, one + other))) == 6
    assert all(sorted(order) == list(range(8)) for order in one)
    continued = default_hp(SMALL, **{"tuner/epochs": 5, "tuner/trial_id": "0000"})
    assert instance.fit(continued, OrderRecorder(), epochs=5, initial_epoch=1).orders[:2] == one[1:]


def test_an_epoch_has_every_sequence_once():
    data = Batches(unequal(None)["train"], 3)
    data.shuffle(1)
    assert sorted(data.order) == list(range(7))
    assert [len(data[k][0]) for k in range(len(data))] == [3, 3, 1]
    assert [data[k][2].sum(axis=1).round() for k in (2,)] == [[len(data.split.inputs[data.order[6]])]]


def test_padding_changes_neither_the_loss_nor_the_score():
    instance = Hypermodel(STEPS, "linear", QUIET, Protocol(batch=3))
    model = instance.build(default_hp(QUIET))
    one_by_one = [
        model.evaluate(x[None], y[None], verbose=0) for x, y in zip(*training_data(instance), strict=True)
    ]
    losses, scores = np.transpose(one_by_one)
    steps = instance.splits["train"].lengths
    together = model.evaluate(Batches(instance.splits["train"], 7), verbose=0)
    assert together == pytest.approx([losses.mean(), (scores * steps).sum() / steps.sum()], rel=1e-4)
    assert losses == pytest.approx(scores * steps, rel=1e-4)


def training_data(instance):
    return instance.splits["train"].inputs, instance.splits["train"].targets


def test_training_stops_after_more_epochs_without_a_better_score_than_patience():
    no_learning = override_ranges(SMALL, {"learning_rate": (1e-30, 1e-30), "input_noise": (0, 0)})
    instance = Hypermodel(tiny.PARITY, "linear", no_learning, Protocol(epochs=9, patience=2, batch=8))
    hp = default_hp(no_learning)
    assert len(instance.fit(hp, instance.build(hp)).epoch) == 1 + 3


def test_a_trial_that_diverges_stops_at_once():
    instance = Hypermodel(tiny.PARITY, "linear", SMALL, Protocol(epochs=9))
    instance.splits = dict.fromkeys(instance.splits, Split([np.full((2, 1), np.nan)], [np.zeros(1, int)]))
    hp = default_hp(SMALL)
    assert len(instance.fit(hp, instance.build(hp)).epoch) == 1


def test_data_given_to_a_search_are_refused_in_one_line(tuner):
    search = tuner(Hypermodel("tiny:PARITY", "linear", SMALL))
    with pytest.raises(
        Refusal, match="got list, list; the model trains on the data of tiny:PARITY"
    ) as refused:
        search.search([1.0], [2.0])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("setting", ["validation_data", "batch_size", "x", "sample_weight"])
def test_arguments_of_fit_that_the_protocol_sets_are_refused(setting):
    with pytest.raises(Refusal, match=f"got {setting};"):
        Hypermodel(tiny.PARITY, CIFG).fit(default_hp(PAPER_SPACE), OrderRecorder(), epochs=1, **{setting: 3})


def test_a_search_may_set_the_number_of_epochs():
    assert (
        len(Hypermodel(tiny.PARITY, CIFG).fit(default_hp(PAPER_SPACE), OrderRecorder(), epochs=2).orders) == 2
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": 3}, "task 3: expected a suite.task.Task, got int"),
        ({"task": keras.layers.LSTM}, "expected a suite.task.Task, got type"),
        ({"variant": keras.layers.LSTMCell}, "cell: expected a name or a subclass of suite.cells.base.Cell"),
        ({"variant": CIFG(3)}, "cell: expected a name"),
        ({"task": "tiny:PARTY"}, "task 'tiny:PARTY'"),
        ({"task": replace(STEPS, segment=3)}, "expected segment to be 0, got 3, which `fit` cannot do"),
        ({"task": replace(STEPS, metric="1 - auc")}, "mean over labels, which `fit` computes, got 1 - auc"),
        ({"protocol": Protocol(optimiser="adamw")}, "unknown optimiser 'adamw'"),
        (
            {"ranges": override_ranges(SMALL, {"clip_norm": (1, 2), "clip_value": (1, 1)})},
            "by norm or by value",
        ),
    ],
)
def test_invalid_arguments_of_an_instance_are_refused(arguments, message):
    with pytest.raises(Refusal, match=message):
        Hypermodel(**({"task": tiny.PARITY, "variant": CIFG} | arguments))


def test_the_data_folder_is_passed_to_the_task(tmp_path):
    folders = []
    task = replace(tiny.PARITY, load=lambda folder: folders.append(folder) or tiny.load(folder))
    hypermodel(task, "cifg", data=str(tmp_path))
    hypermodel(task, "cifg")
    assert folders == [tmp_path, None]


def test_the_score_is_pooled_over_labels():
    instance = Hypermodel("tiny:PARITY", "linear", SMALL)
    model = instance.build(keras_tuner.HyperParameters())
    valid = instance.splits["valid"]
    logits = ops.convert_to_numpy(model(np.stack(valid.inputs)))
    wrong = logits.argmax(axis=-1) != np.concatenate(valid.targets)
    scores = model.evaluate(Batches(valid, 4), verbose=0, return_dict=True)
    assert scores["score"] == pytest.approx(np.mean(wrong))
