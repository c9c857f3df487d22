"""Populations: the result of a trial depends on nothing but the trial."""

from collections import Counter, deque
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops, tree

from suite.cells import CELLS
from suite.cells.base import Cell
from suite.config import Protocol
from suite.space import Range
from suite.task import Split
from suite.training.checkpoint import Checkpoints
from suite.training.population import (
    INITIAL_WEIGHT_STDDEV,
    Population,
    flatten_arrays,
    train_population,
)
from suite.training.program import Program
from suite.training.trial import Result, Trial
from suite.variants import cell_variant, find_network

SETTINGS = {"units": 4, "learning_rate": 0.05, "momentum": 0.8, "input_noise": 0.3}
ROUNDING = {"rtol": 2e-5, "atol": 0}


def trial(number, epochs=3, **changes):
    return Trial(number, seed=100 + number, hyperparameters={**SETTINGS, **changes}, epochs=epochs)


TRIALS = [
    trial(0),
    trial(1, units=5, learning_rate=0.2),
    trial(2, input_noise=0.0, epochs=5),
    trial(3, units=3),
    trial(4, momentum=0.0, epochs=2),
]


@pytest.fixture(scope="module")
def programs(task, splits):
    made = {}

    def program(cell="lstm", width=6, lanes=1, batch=1):
        key = cell, width, lanes, batch
        if key not in made:
            made[key] = Program(find_network(cell, task), splits, width, lanes, batch)
        return made[key]

    return program


def rows(program, trials=TRIALS, patience=15):
    return {r.trial.number: r for r in train_population(program, trials, patience)}


def same(a: Result, b: Result):
    np.testing.assert_allclose(np.array(a.curve), np.array(b.curve), **ROUNDING)
    np.testing.assert_allclose([a.valid, a.test], [b.valid, b.test], **ROUNDING)
    assert (a.status, a.best_epoch, a.parameters) == (b.status, b.best_epoch, b.parameters)


@pytest.fixture(scope="module")
def alone(programs):
    return {t.number: rows(programs(), [t])[t.number] for t in TRIALS}


def test_a_padded_lane_equals_the_trial_alone(programs, alone):
    """Three lanes for five trials: some start late, in a lane that was used before, beside older trials."""
    for number, result in rows(programs(width=11, lanes=3)).items():
        same(result, alone[number])


class Normalised(Cell):
    """A simple recurrent network with layer normalisation (Ba et al., 2016), dropout and zoneout."""

    gates, peepholes = ("z",), "g"
    hyperparameters = dict.fromkeys(("dropout", "zoneout"), Range(0.0, 0.5))

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        z = self.p["g"] * (z - self.mean(z)) / ops.sqrt(self.variance(z) + 1e-3)
        return self.zoneout("zoneout", h, self.dropout("dropout", ops.tanh(z)))


def test_normalisation_and_random_steps_do_not_see_the_padding(task, splits):
    """One sequence, and so one length to compile a program for."""
    one = Split(splits["train"].inputs[:1], splits["train"].targets[:1])
    rates = {"learning_rate": 0.5, "dropout": 0.2, "zoneout": 0.3}
    drawn = [trial(0, units=16, **rates), trial(1, units=5, **rates)]
    every = dict.fromkeys(("train", "valid", "test"), one)
    network = cell_variant(Normalised).network(task)
    narrow, wide = (rows(Program(network, every, width, 2, 1), drawn) for width in (16, 48))
    for number in (0, 1):
        same(wide[number], narrow[number])


def test_padding_stays_at_zero(programs):
    population = Population(programs(width=11, lanes=3), patience=15)
    population.fill_lanes(deque([TRIALS[0]]))
    population.train_epoch()
    for name, drawn in population.initial_weights(TRIALS[0].seed, SETTINGS["units"]).items():
        trained = ops.convert_to_numpy(population.state["weights"][name])[0]
        assert not trained[drawn == 0].any(), name
        assert trained[drawn != 0].all(), name


def test_a_diverged_lane_leaves_its_neighbours_alone(programs, alone):
    wild = trial(9, learning_rate=1e38, epochs=9)
    results = rows(programs(width=11, lanes=3), [TRIALS[0], wild, TRIALS[2]])
    assert results[9].status == "diverged"
    assert results[9].epochs < 9
    for number in (0, 2):
        same(results[number], alone[number])


def test_other_seeds_give_other_results(programs, alone):
    other = rows(programs(), [replace(TRIALS[0], seed=7)])[0]
    assert not np.allclose(other.curve, alone[0].curve, rtol=1e-3)


@pytest.mark.parametrize("batch", [1, 4] if keras.backend.backend() == "jax" else [1])
def test_an_epoch_equals_the_same_updates_by_keras(programs, task, splits, batch):
    """The same updates by keras.layers.RNN, Dense and SGD, without noise, on sequences of unequal length.

    The loss is summed over the steps of a sequence and averaged over the batch; the weight of each step in
    that goes to Keras as one more column of the targets.
    """
    program = programs(width=SETTINGS["units"], batch=batch)
    population = Population(program, patience=15)
    population.fill_lanes(deque([trial(0, input_noise=0.0)]))
    draws = population.draw_epoch()
    model = keras.Sequential(
        [
            keras.Input((None, task.features)),
            keras.layers.RNN(CELLS["lstm"](SETTINGS["units"]), return_sequences=True),
            keras.layers.Dense(task.outputs),
        ]
    )
    initial = population.initial_weights(100, SETTINGS["units"])  # in the order in which Keras makes them
    model.set_weights([np.reshape(w, v.shape) for w, v in zip(initial.values(), model.weights, strict=True)])
    population.train_epoch()

    def nats(y, logits):
        return ops.sum(ops.softplus(logits) - y * logits, axis=-1)

    momentum = SETTINGS["momentum"]
    rate = SETTINGS["learning_rate"] * (1 - momentum)
    model.compile(
        optimizer=keras.optimizers.SGD(rate, momentum=momentum, nesterov=True),
        loss=lambda y, logits: ops.sum(y[..., -1] * nats(y[..., :-1], logits)),
        run_eagerly=keras.backend.backend() == "tensorflow",  # which would compile for each length
    )
    for bucket, [positions] in zip(draws["bucket"], draws["sequences"], strict=True):
        present = positions[positions >= 0]
        chosen = {n: ops.convert_to_numpy(a)[present] for n, a in program.train_buckets[bucket].items()}
        counted = np.arange(chosen["inputs"].shape[1]) < chosen["steps"][:, None]
        weight = counted[..., None] / len(present)
        y = np.concatenate([chosen["targets"], weight], axis=-1)
        model.train_on_batch(chosen["inputs"].astype("float32"), y.astype("float32"))
    for name, expected in zip(initial, model.get_weights(), strict=True):
        mine = np.reshape(ops.convert_to_numpy(population.state["weights"][name]), expected.shape)
        np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-6)

    valid = zip(splits["valid"].inputs, splits["valid"].targets, strict=True)
    total = sum(float(ops.sum(nats(y.astype("float32"), model(x[None].astype("float32"))))) for x, y in valid)
    [(_, score)] = population.lanes[0].curve
    assert score == pytest.approx(total / splits["valid"].lengths.sum(), rel=1e-5)


def test_the_test_score_is_that_of_the_best_epoch(programs):
    """Trained just as long as the best epoch, a trial ends with the very weights that were kept."""
    long = rows(programs(), [trial(0, learning_rate=2.0, epochs=12)])[0]
    assert long.best_epoch < long.epochs
    short = rows(programs(), [trial(0, learning_rate=2.0, epochs=long.best_epoch)])[0]
    assert (short.valid, short.test) == (long.valid, long.test)
    assert long.valid == min(score for _, score in long.curve)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="on TensorFlow, the tests above train an LSTM")
@pytest.mark.parametrize("cell", ["gru", "fgr"])
def test_lanes_and_padding_hold_for_other_cells(programs, cell):
    wide = rows(programs(cell, width=7, lanes=2), TRIALS[:3])
    for t in TRIALS[:3]:
        same(wide[t.number], rows(programs(cell), [t])[t.number])


def test_initial_weights_have_the_papers_scale(programs):
    population = Population(programs(width=11, lanes=3), patience=15)
    drawn = [w.ravel() for seed in range(20) for w in population.initial_weights(seed, units=11).values()]
    assert np.concatenate(drawn).std() == pytest.approx(INITIAL_WEIGHT_STDDEV, rel=0.02)
    assert abs(np.concatenate(drawn).mean()) < 0.002


def test_a_trial_may_draw_the_rule_of_its_initial_weights(programs):
    population = Population(programs(width=6, lanes=2), patience=15, rules={"b/*": "constant(3)"})
    population.fill_lanes(deque([trial(0, units=6, **{"b/*": "constant(2)"}), trial(1, units=6)]))
    [own, other] = ops.convert_to_numpy(population.state["weights"]["recurrent/b/zifo"])
    assert (own == 2).all()
    assert (other == 3).all()


def test_parameters_are_counted_without_padding(task):
    assert find_network("lstm", task).parameters(4) == 4 * 4 * (3 + 4) + 7 * 4 + 4 * 3 + 3


class TestStopping:
    def result(self, scores, patience=2, epochs=10):
        result = Result(trial(0, epochs=epochs), parameters=1)
        for score in scores:
            assert result.status == "running"
            result.record_epoch(1.0, score, 0.5, patience)
        return result

    def test_more_epochs_than_patience_without_a_better_score_end_it(self):
        """Greff et al. (2017) stop after more than fifteen epochs without improvement."""
        assert self.result([3, 2, 2, 2.5]).status == "running"
        result = self.result([3, 2, 2, 2.5, 3])
        assert (result.status, result.valid, result.best_epoch, result.epochs) == ("done", 2, 2, 5)
        assert self.result([1, *[2] * 15], Protocol().patience, epochs=150).status == "running"
        assert self.result([1, *[2] * 16], Protocol().patience, epochs=150).status == "done"

    def test_the_last_epoch_ends_it(self):
        assert self.result([3, 2, 1], epochs=3).status == "done"

    def test_a_score_that_is_not_finite_ends_it_as_diverged_and_keeps_the_best(self):
        result = self.result([3, 2, np.nan])
        assert (result.status, result.valid, result.best_epoch) == ("diverged", 2, 2)

    def test_without_any_finite_score_there_is_none(self):
        result = self.result([np.inf])
        assert result.status == "diverged"
        assert np.isnan(result.valid)
        assert result.best_epoch == 0

    def test_seconds_add_up(self):
        assert self.result([3, 2]).seconds == 1.0


def test_an_empty_lane_trains_nothing(programs):
    population = Population(programs(width=11, lanes=3), patience=15)
    population.fill_lanes(deque([TRIALS[0]]))
    population.train_epoch()
    for weight in population.state["weights"].values():
        assert not ops.convert_to_numpy(weight)[1:].any()


@pytest.mark.parametrize(
    "variant",
    ["conv@blocks=2,taps=2", "symbols", "lstm@direction=both,layers=2,output=deep,skip=yes"]
    if keras.backend.backend() == "jax"
    else ["conv@blocks=2,taps=2"],  # the others take TensorFlow a quarter of a minute to compile
)
def test_lanes_and_padding_hold_for_other_networks(task, splits, monkeypatch, variant):
    """The sequences are of unequal length, in one bucket: a program contains the layers only once."""
    monkeypatch.setattr(
        "suite.training.batches.bucket_boundaries", lambda lengths, _: lengths.max(keepdims=True)
    )
    if variant == "symbols":
        variant, task = "rnn", replace(task, inputs="symbols", features=2)
        splits = {n: Split([x[:, 0].astype("int32") for x in s.inputs], s.targets) for n, s in splits.items()}
    network = find_network(variant, task)
    [alone] = rows(Program(network, splits, 4, 1, 4), TRIALS[:1]).values()
    same(rows(Program(network, splits, 6, 2, 4), TRIALS[1::-1])[0], alone)


@pytest.fixture
def transfers(monkeypatch):
    """Count the bytes that go to the device and to the host; a compiled program gets none in NumPy arrays."""
    count = Counter()
    to_tensor, to_numpy = ops.convert_to_tensor, ops.convert_to_numpy

    def send(array, dtype=None):
        if isinstance(array, np.ndarray | np.generic):
            count["device"] += array.nbytes
        return to_tensor(array, dtype=dtype)

    def read(tensor):
        count["host"] += to_numpy(tensor).nbytes
        return to_numpy(tensor)

    monkeypatch.setattr(ops, "convert_to_tensor", send)
    monkeypatch.setattr(ops, "convert_to_numpy", read)
    return count


@pytest.fixture
def filled(programs, monkeypatch):
    """Return a population with a trial in each of three lanes, and the bytes of the arrays of one lane."""
    population = Population(programs(width=11, lanes=3), patience=15)
    population.fill_lanes(deque(TRIALS[:3]))
    for name in ("run_epoch", "run_score", "write_lane"):
        program = getattr(population.program, name)

        def on_device(*args, program=program):
            assert not [leaf for leaf in tree.flatten(args) if isinstance(leaf, np.ndarray | np.generic)]
            return program(*args)

        monkeypatch.setattr(population.program, name, on_device)
    return population, sum(array.nbytes for array in tree.flatten(population.free_lanes(1)))


def test_a_lane_is_filled_without_moving_the_others(filled, transfers):
    population, lane_bytes = filled
    population.lanes[1] = None
    population.fill_lanes(deque(TRIALS[3:]))
    assert transfers == {"device": lane_bytes + 4}  # and the number of the lane


def test_an_epoch_in_which_no_trial_ends_moves_draws_and_scores(filled, transfers):
    population, _ = filled
    draws = sum(array.nbytes for array in population.draw_epoch().values())
    assert population.train_epoch() == []
    assert transfers == {"device": draws + 3, "host": 3 * (4 + 4)}  # which lanes are better; loss and score


@pytest.mark.parametrize("running", [1, 2, 3])
def test_checkpoints_read_no_more_than_the_lanes_that_run(filled, transfers, tmp_path, running):
    population, lane_bytes = filled
    state = {name: ops.convert_to_numpy(a) for name, a in flatten_arrays(population.state)}
    population.lanes[: 3 - running] = [None] * (3 - running)
    transfers.clear()
    checkpoints = Checkpoints(tmp_path, {})
    population.save_checkpoints(checkpoints)
    assert transfers == {"host": running * lane_bytes}
    for lane in range(3 - running, 3):
        _, arrays = checkpoints.load(TRIALS[lane])
        assert arrays.keys() == state.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, state[name][lane])
