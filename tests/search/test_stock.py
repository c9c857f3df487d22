"""The space and the model under stock tuners of KerasTuner."""

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

from suite import Refusal
from suite.cells.lstm import CIFG
from suite.config import Protocol
from suite.search import hypermodel
from suite.search.stock import Batches, Hypermodel, Loss, Score
from suite.space import PAPER_SPACE, override_ranges
from suite.task import Split, Task
from suite.training import batches
from suite.training.optimiser import OPTIMISERS
from suite.training.population import Population
from suite.training.program import Program
from suite.training.trial import Trial

# KerasTuner 1.4.8 asks for the name of the thread in a deprecated way
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")

SMALL = override_ranges(PAPER_SPACE, {"units": (2, 6), "learning_rate": (1e-3, 1e-1)})
QUIET = override_ranges(PAPER_SPACE, {"units": (3, 3), "input_noise": (0, 0), "learning_rate": (1e-2, 1e-1)})


def unequal(_):
    """Return sequences of 2 to 6 steps, as bytes, with a label a step."""
    rng = np.random.default_rng(0)

    def split(count):
        inputs = [rng.integers(0, 2, (2 + k % 5, 2), "uint8") for k in range(count)]
        return Split(inputs, [np.roll(x, 1, axis=0) for x in inputs])

    return {"train": split(7), "valid": split(6), "test": split(3)}


STEPS = Task("steps", "Echo", unequal, 2, 2, "bernoulli", "nats", "nats", "every step", "made up")


def drawn(space, **more):
    """Return the hyperparameters that a space has at first, and others."""
    hp = keras_tuner.HyperParameters()
    for name, asked in space.items():
        asked.declare(name, hp)
    hp.values |= more
    return hp


@pytest.fixture
def tuner(tmp_path):
    def made(model, kind=keras_tuner.RandomSearch, **settings):
        objective = keras_tuner.Objective("val_score", "min")
        return kind(model, objective, seed=1, directory=tmp_path, **({"max_trials": 2} | settings))

    return made


@pytest.fixture
def searched(tuner):
    """Run a stock tuner, and return it."""

    def run(model, kind, trials):
        search = tuner(model, kind, max_trials=trials)
        search.search()
        [best] = search.get_best_hyperparameters(1)
        assert set(best.values) == {"units", "learning_rate", "one_minus_momentum", "input_noise"}
        assert 0 <= search.oracle.get_best_trials(1)[0].score <= 1
        return search

    return run


def test_a_bayesian_tuner_runs_it(searched):
    searched(Hypermodel(tiny.PARITY, CIFG, SMALL, Protocol(epochs=2)), keras_tuner.BayesianOptimization, 1)


def test_a_random_tuner_runs_it_and_another_process_loads_the_best_model(searched, tmp_path):
    made = Hypermodel("tiny:PARITY", "cifg", SMALL, Protocol(epochs=1, batch=8))
    [best] = searched(made, keras_tuner.RandomSearch, 2).get_best_models()
    best.save(tmp_path / "best.keras")
    inputs = np.stack(tiny.PARITY.load(None)["test"].inputs)
    np.save(tmp_path / "inputs.npy", inputs)
    code = (
        "import keras, numpy as np, suite.search.stock\n"
        "model = keras.models.load_model('best.keras')\n"
        "assert type(model.loss).__name__ == 'Loss'\n"
        "np.save('outputs.npy', model.predict(np.load('inputs.npy'), verbose=0))"
    )
    on_jax = {**os.environ, "KERAS_BACKEND": "jax"}  # it starts soonest, and a saved model has no backend
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=on_jax)
    own = ops.convert_to_numpy(best(inputs))
    np.testing.assert_allclose(np.load(tmp_path / "outputs.npy"), own, atol=1e-5)


@pytest.mark.parametrize("made", [Loss("bernoulli"), Score("error")], ids=["loss", "metric"])
def test_losses_and_metrics_come_back_from_their_configuration(made):
    assert type(made).from_config(made.get_config()).get_config() == made.get_config()


def test_its_model_has_the_engines_parameters_and_rate():
    import tasks
    from suite.cells import CELLS
    from suite.training.program import parameter_count

    made = hypermodel("sequential_digits", "lstm")
    model = made.build(
        drawn(PAPER_SPACE, units=20, learning_rate=0.01, one_minus_momentum=0.1, input_noise=0.0)
    )
    assert model.count_params() == parameter_count(CELLS["lstm"], tasks.find_task("sequential_digits"), 20)
    assert float(ops.convert_to_numpy(model.optimizer.learning_rate.value)) == pytest.approx(0.001)
    assert model.optimizer.momentum == pytest.approx(0.9)


@pytest.mark.parametrize("rule", OPTIMISERS)
def test_it_trains_by_the_rule_of_the_protocol(rule):
    space = override_ranges(
        QUIET, {"momentum": (0.9, 0.9), "learning_rate": (0.01, 0.01), "clip_norm": (2, 2)}
    )
    model = Hypermodel(tiny.PARITY, CIFG, space, Protocol(optimiser=rule)).build(drawn(space))
    made = model.optimizer.get_config()
    kind = {"nesterov": "SGD", "sgd": "SGD", "rmsprop": "RMSprop", "adam": "Adam"}[rule]
    assert type(model.optimizer).__name__ == kind
    assert made["learning_rate"] == pytest.approx(0.001 if OPTIMISERS[rule].rescales_rate else 0.01)
    assert made["global_clipnorm"] == 2
    assert made.get("momentum") == (None if rule == "adam" else pytest.approx(0.9))
    assert made.get("nesterov", False) == (rule == "nesterov")


FITS = [  # a task, a protocol and what is clipped
    pytest.param(STEPS, Protocol(batch=3), {"clip_norm": (0.5, 0.5)}, id="every step"),
    pytest.param(STEPS, Protocol(batch=1, optimiser="rmsprop"), {}, id="one by one"),
    pytest.param(
        tiny.PARITY, Protocol(batch=3, optimiser="adam"), {"clip_value": (0.01, 0.01)}, id="last step"
    ),
]


@pytest.mark.parametrize(
    ("task", "protocol", "clips"), FITS if keras.backend.backend() == "jax" else FITS[:1]
)
def test_fit_trains_as_the_engine_does(monkeypatch, task, protocol, clips):
    """From equal weights, in one length bucket: the order of the data, padding, loss, clipping and rule."""
    monkeypatch.setattr(batches, "bucket_boundaries", lambda lengths, most: np.array([max(lengths)]))
    space, protocol = override_ranges(QUIET, clips), replace(protocol, epochs=3, patience=9)
    made, hp = Hypermodel(task, CIFG, space, protocol), drawn(space)
    model = made.build(hp)
    hyperparameters = {name: asked.declare(name, hp) for name, asked in space.items()}
    trial = Trial(0, made.shuffle_seed(hp), hyperparameters, epochs=4)
    program = Program(
        CIFG, task, task.load(None), 3, 1, protocol.batch, protocol.optimiser, clips=bool(clips)
    )
    engine = Population(program, patience=9)
    engine.fill_lanes(deque([trial]))
    weights = {**model.layers[-2].cell.weights_by_name}
    weights |= dict(zip(("readout/W", "readout/b"), model.layers[-1].weights, strict=True))
    for name, weight in weights.items():
        weight.assign(np.reshape(engine.state["weights"][name][0], weight.shape))
    [result] = engine.lanes
    for _ in range(3):
        engine.train_epoch()
    history = made.fit(hp, model).history
    np.testing.assert_allclose(history["val_score"], [score for _, score in result.curve], rtol=1e-4)
    for name, weight in weights.items():
        theirs = np.reshape(engine.state["weights"][name][0], weight.shape)
        np.testing.assert_allclose(ops.convert_to_numpy(weight), theirs, rtol=1e-3, atol=1e-5)


class Epochs:
    """A model that does not train: it takes down the order of every epoch."""

    def __init__(self):
        self.orders = []

    def fit(self, data, callbacks, epochs, initial_epoch=0, **_):
        for epoch in range(initial_epoch, epochs):
            for callback in callbacks:
                callback.on_epoch_begin(epoch, {})
            self.orders.append(data.order.tolist())
        return self


def test_every_trial_and_epoch_has_an_order_of_its_own():
    """And a trial that is gone on with, by Hyperband, has those of the epochs it is given."""
    made = Hypermodel(tiny.PARITY, CIFG, SMALL, Protocol(epochs=3))
    one, again, other = (
        made.fit(hp, Epochs()).orders for hp in (drawn(SMALL), drawn(SMALL), drawn(SMALL, units=3))
    )
    assert one == again
    assert len(set(map(tuple, one + other))) == 6
    assert all(sorted(order) == list(range(8)) for order in one)
    further = drawn(SMALL, **{"tuner/epochs": 5, "tuner/trial_id": "0000"})
    assert made.fit(further, Epochs(), epochs=5, initial_epoch=1).orders[:2] == one[1:]


def test_an_order_holds_every_sequence_once():
    data = Batches(unequal(None)["train"], 3)
    data.shuffle(1)
    assert sorted(data.order) == list(range(7))
    assert [len(data[k][0]) for k in range(len(data))] == [3, 3, 1]
    assert [data[k][2].sum(axis=1).round() for k in (2,)] == [[len(data.split.inputs[data.order[6]])]]


def test_padding_counts_neither_in_the_loss_nor_in_the_score():
    made = Hypermodel(STEPS, CIFG, QUIET, Protocol(batch=3))
    model = made.build(drawn(QUIET))
    one_by_one = [model.evaluate(x[None], y[None], verbose=0) for x, y in zip(*trimmed(made), strict=True)]
    losses, scores = np.transpose(one_by_one)
    steps = made.splits["train"].lengths
    together = model.evaluate(Batches(made.splits["train"], 7), verbose=0)
    assert together == pytest.approx([losses.mean(), (scores * steps).sum() / steps.sum()], rel=1e-4)
    assert losses == pytest.approx(scores * steps, rel=1e-4)


def trimmed(made):
    return made.splits["train"].inputs, made.splits["train"].targets


def test_it_ends_after_more_epochs_than_patience_without_a_better_score():
    still = override_ranges(SMALL, {"learning_rate": (1e-30, 1e-30), "input_noise": (0, 0)})
    made = Hypermodel(tiny.PARITY, CIFG, still, Protocol(epochs=9, patience=2, batch=8))
    hp = drawn(still)
    assert len(made.fit(hp, made.build(hp)).epoch) == 1 + 3


def test_a_trial_that_diverges_ends_at_once():
    made = Hypermodel(tiny.PARITY, CIFG, SMALL, Protocol(epochs=9))
    made.splits = dict.fromkeys(made.splits, Split([np.full((2, 1), np.nan)], [np.zeros(1, int)]))
    hp = drawn(SMALL)
    assert len(made.fit(hp, made.build(hp)).epoch) == 1


def test_data_of_the_users_own_ends_the_search_with_a_sentence(tuner):
    search = tuner(Hypermodel("tiny:PARITY", "cifg", SMALL))
    with pytest.raises(
        Refusal, match="got list, list; the model trains on the data of tiny:PARITY"
    ) as refused:
        search.search([1.0], [2.0])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("setting", ["validation_data", "batch_size", "x", "sample_weight"])
def test_settings_that_the_protocol_makes_are_refused(setting):
    with pytest.raises(Refusal, match=f"got {setting};"):
        Hypermodel(tiny.PARITY, CIFG).fit(drawn(PAPER_SPACE), Epochs(), epochs=1, **{setting: 3})


def test_a_search_may_say_for_how_many_epochs():
    assert len(Hypermodel(tiny.PARITY, CIFG).fit(drawn(PAPER_SPACE), Epochs(), epochs=2).orders) == 2


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"task": 3}, "task 3: expected a suite.task.Task, got int"),
        ({"task": keras.layers.LSTM}, "expected a suite.task.Task, got type"),
        ({"cell": keras.layers.LSTMCell}, "cell: expected a name or a subclass of suite.cells.base.Cell"),
        ({"cell": CIFG(3)}, "cell: expected a name"),
        ({"task": "tiny:PARTY"}, "task 'tiny:PARTY'"),
        ({"protocol": Protocol(optimiser="adamw")}, "unknown optimiser 'adamw'"),
        (
            {"ranges": override_ranges(SMALL, {"clip_norm": (1, 2), "clip_value": (1, 1)})},
            "by norm or by value",
        ),
    ],
)
def test_what_it_cannot_be_made_of_is_refused(asked, said):
    with pytest.raises(Refusal, match=said):
        Hypermodel(**({"task": tiny.PARITY, "cell": CIFG} | asked))


def test_the_folder_of_the_data_is_handed_to_the_task(tmp_path):
    folders = []
    task = replace(tiny.PARITY, load=lambda folder: folders.append(folder) or tiny.load(folder))
    hypermodel(task, "cifg", data=str(tmp_path))
    hypermodel(task, "cifg")
    assert folders == [tmp_path, None]


def test_its_score_is_pooled_over_labels():
    made = Hypermodel("tiny:PARITY", "rnn", SMALL)
    model = made.build(keras_tuner.HyperParameters())
    valid = made.splits["valid"]
    wrong = [int(np.argmax(model(x[None])) != y[0]) for x, y in zip(valid.inputs, valid.targets, strict=True)]
    scores = model.evaluate(Batches(valid, 4), verbose=0, return_dict=True)
    assert scores["score"] == pytest.approx(np.mean(wrong))
