"""The space and the model under stock tuners of KerasTuner."""

import keras_tuner
import numpy as np
import pytest
from keras import ops

from suite.search import hypermodel
from suite.search.stock import Hypermodel
from suite.space import PAPER, override
from suite.training.trial import Protocol

# KerasTuner 1.4.8 asks for the name of the thread in a deprecated way
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")

SMALL = override(PAPER, {"units": (2, 6), "learning_rate": (1e-3, 1e-1)})


@pytest.mark.parametrize("tuner", [keras_tuner.RandomSearch, keras_tuner.BayesianOptimization])
def test_a_stock_tuner_runs_it(tuner, tmp_path):
    model = Hypermodel("tiny:PARITY", "cifg", SMALL, Protocol(epochs=2))
    search = tuner(model, keras_tuner.Objective("val_score", "min"), max_trials=2, seed=1, directory=tmp_path)
    search.search()
    [best] = search.get_best_hyperparameters(1)
    assert set(best.values) == {"units", "learning_rate", "one_minus_momentum", "input_noise"}
    assert 0 <= search.oracle.get_best_trials(1)[0].score <= 1


def test_its_model_has_the_engines_parameters_and_rate():
    import tasks
    from suite.cells import CELLS
    from suite.training.program import parameters

    made = hypermodel("chorales", "lstm")
    hp = keras_tuner.HyperParameters()
    hp.Fixed("units", 20)
    hp.Fixed("learning_rate", 0.01)
    hp.Fixed("one_minus_momentum", 0.1)
    hp.Fixed("input_noise", 0.0)
    model = made.build(hp)
    assert model.count_params() == parameters(CELLS["lstm"], tasks.find("chorales"), 20)
    assert float(ops.convert_to_numpy(model.optimizer.learning_rate.value)) == pytest.approx(0.001)
    assert model.optimizer.momentum == pytest.approx(0.9)


def test_its_score_is_pooled_over_labels():
    made = Hypermodel("tiny:PARITY", "rnn", SMALL)
    hp = keras_tuner.HyperParameters()
    model = made.build(hp)
    from suite.search.stock import OneByOne

    valid = made.task.load(None)["valid"]
    wrong = [int(np.argmax(model(x[None])) != y[0]) for x, y in zip(valid.inputs, valid.targets, strict=True)]
    scores = model.evaluate(OneByOne(valid), verbose=0, return_dict=True)
    assert scores["score"] == pytest.approx(np.mean(wrong))
