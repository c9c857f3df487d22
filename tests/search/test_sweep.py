"""A sweep from its question to its rows, in this process and in workers."""

import functools
import itertools
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from distributed.comm import CommClosedError
from marks import ON_JAX
from sweeps import CONFIG, SHAPES, comparable, rows

import tasks
from suite import Refusal, machine, store
from suite.analysis.published_results import PUBLISHED_BOXES
from suite.config import Protocol, load_preset, preset_names
from suite.search import executors, sweep, work_unit
from suite.search.clusters import LocalExecutor
from suite.search.executors import InProcess
from suite.search.work_unit import train_unit, unit_checkpoints, unit_lanes
from suite.space import PAPER_SPACE
from suite.training.trial import Result, Trial


def test_every_trial_of_every_search_has_one_row(undisturbed):
    keys = undisturbed[["task", "cell", "trial"]].itertuples(index=False, name=None)
    assert list(keys) == [("tiny:PARITY", cell, k) for cell in ("gru", "rnn") for k in range(6)]
    assert set(undisturbed["status"]) == {"done"}
    assert (
        undisturbed[["valid", "test", "units", "learning_rate", "momentum", "input_noise"]]
        .notna()
        .all(axis=None)
    )
    assert (undisturbed["epochs"] <= 4).all()
    assert (undisturbed["best_epoch"] <= undisturbed["epochs"]).all()


def test_a_row_says_what_made_it_and_in_which_company(undisturbed):
    codes = undisturbed["code"].tolist()
    assert all(code.keys() == {"suite", "cell", "task", "data"} for code in codes)
    assert len({code["cell"] for code in codes}) == 2
    assert {len({code[part] for code in codes}) for part in ("suite", "task", "data")} == {1}
    assert undisturbed.groupby("cell")["unit"].nunique().tolist() == [1, 1]
    assert undisturbed["unit"].nunique() == 2


def test_a_worker_with_another_cell_or_other_data_than_the_driver_is_refused(undisturbed, tmp_path):
    """What the driver has is made up."""
    folder, config = tmp_path / "sweep", replace(CONFIG, cells=("rnn",))
    codes = {("tiny:PARITY", "rnn"): undisturbed["code"].iloc[-1] | {"cell": "0", "data": "0"}}
    store.create_results_folder(folder, config.to_table())
    with pytest.raises(
        Refusal, match="cell rnn and the data of tiny:PARITY: a worker and the driver have different versions"
    ):
        list(sweep.run_sweep(config, folder, InProcess(), SHAPES, None, codes=codes))
    assert store.load(folder).empty


def test_what_makes_a_checkpoint_is_the_code_and_not_the_state_of_the_checkout(tmp_path, monkeypatch):
    a = sweep.WorkUnit(
        "tiny", "tiny:PARITY", "rnn", (), Protocol(), 6, 1, tmp_path, None, 1, 1, code={"cell": "1"}
    )
    kept = unit_checkpoints(a)
    kept.save(Result(Trial(0, 1, {}, 4), 9), {})
    monkeypatch.setattr(machine, "git_commit", lambda: "0123-dirty")
    assert unit_checkpoints(a).load(Trial(0, 1, {}, 4))
    assert unit_checkpoints(replace(a, code={"cell": "2"})).load(Trial(0, 1, {}, 4)) is None


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="on JAX, test_clusters.py has two workers")
def test_a_worker_gives_the_same_rows(undisturbed, tmp_path):
    frame = rows(CONFIG, tmp_path / "sweep", LocalExecutor(1))
    assert frame["error"].isna().all(), frame["error"][0]
    pd.testing.assert_frame_equal(comparable(frame), comparable(undisturbed))


def test_a_search_goes_on_where_it_was(undisturbed, tmp_path):
    """Three rows are there, one taken in and two not; only the others are trained."""
    folder = tmp_path / "sweep"
    store.create_results_folder(folder, CONFIG.to_table())
    curves = {("gru", 0): [(1.0, 1.0)], ("rnn", 3): [(1.0, 1.0)], ("rnn", 4): [(1.0, 1.0)]}
    marked = []
    for row in undisturbed.to_dict("records"):
        if (row["cell"], row["trial"]) in curves:
            drawn = {name: row.pop(name) for name in PAPER_SPACE}
            marked.append(row | {"hyperparameters": drawn, "curve": [(1.0, 1.0)], "seconds": -1.0})
    book = store.Store(folder)
    book.add_rows(marked[:1])
    book.close()
    for row in marked[1:]:
        store.write_finished_row(folder, row)
    again = rows(CONFIG, folder)
    assert (again["seconds"] == -1).sum() == 3
    pd.testing.assert_frame_equal(comparable(again), comparable(undisturbed))


@pytest.mark.parametrize("oracle", ["bayesian", "hyperband"])
def test_other_oracles_end_too(oracle, tmp_path):
    config = replace(CONFIG, oracle=oracle, cells=("rnn",), trials=10)
    frame = rows(config, tmp_path / "sweep")
    assert (frame["status"] == "done").all()
    assert len(frame) >= 10
    rows(config, tmp_path / "sweep")  # told again what is there, it asks for nothing more
    pd.testing.assert_frame_equal(store.load(tmp_path / "sweep"), frame)


def test_a_cell_that_raises_gives_failed_rows_with_a_traceback(tmp_path):
    frame = rows(replace(CONFIG, cells=("tiny:Broken", "rnn")), tmp_path / "sweep")
    failed = frame[frame["cell"] == "tiny:Broken"]
    assert set(failed["status"]) == {"failed"}
    assert failed["error"].str.contains("RuntimeError: no such thing").all()
    assert failed["valid"].isna().all()
    assert set(frame.loc[frame["cell"] == "rnn", "status"]) == {"done"}


@ON_JAX
def test_a_unit_that_lacks_memory_goes_on_in_fewer_lanes(tmp_path, monkeypatch):
    """Really asked for, fifty terabytes are refused by the system; of a single lane none are asked for.

    The programs of other tests stay: those that are forgotten for lack of memory are in a cache of its own.
    """
    own_cache = functools.lru_cache(work_unit.compiled_program.__wrapped__)
    monkeypatch.setattr(work_unit, "compiled_program", own_cache)
    config = replace(CONFIG, cells=("tiny:Greedy",), trials=2)
    frame = rows(config, tmp_path / "sweep")
    assert set(frame["status"]) == {"done"}, frame["error"][0]
    assert own_cache.cache_info().misses == 1  # since it was cleared


def test_a_sweep_that_is_stopped_goes_on_in_the_middle_of_a_trial(tmp_path):
    """Trial 0 takes 30 epochs and trial 1, beside it, 17: stopped then, the other goes on from there."""
    config = replace(CONFIG, seed=6, protocol=Protocol(epochs=60), cells=("rnn",))
    expected, folder = rows(config, tmp_path / "undisturbed"), tmp_path / "sweep"
    store.create_results_folder(folder, config.to_table())
    for event in sweep.run_sweep(config, folder, InProcess(), SHAPES, data=None, lanes=2):
        assert event.work_done + event.work_left == 6 * 60  # a multiply–add in each epoch
        assert event.work_done == event.done * 60
        if event.rows:
            store.request_stop(folder)
    assert 0 < len(store.load(folder)) < 6
    [half_done] = (folder / "running").glob("*/*.npz")
    pd.testing.assert_frame_equal(comparable(rows(config, folder)), comparable(expected))
    assert not half_done.exists()


def test_a_sweep_ends_when_its_time_is_over(tmp_path):
    store.create_results_folder(tmp_path / "sweep", CONFIG.to_table())
    list(sweep.run_sweep(CONFIG, tmp_path / "sweep", InProcess(), SHAPES, data=None, seconds=0))
    assert store.is_stop_requested(tmp_path / "sweep")
    assert len(store.load(tmp_path / "sweep")) == 0


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_can_be_asked(name):
    load_preset(name).validate()


def test_the_jsb_preset_is_the_papers_protocol():
    config = load_preset("jsb")
    assert (config.trials, config.protocol) == (200, Protocol(epochs=150, patience=15, batch=1))
    assert config.space == PAPER_SPACE
    assert set(config.cells) == {*PUBLISHED_BOXES["jsb"], "rnn", "gru"}  # the nine of the paper, and two more


def test_a_preset_with_a_misspelt_setting_is_refused(tmp_path):
    (tmp_path / "mine.toml").write_text("trails = 3")
    with pytest.raises(Refusal, match=r"'trails'\. Did you mean 'trials'"):
        load_preset(str(tmp_path / "mine.toml"))


def test_trials_are_grouped_by_width():
    trials = [Trial(k, 1, {"units": 1 + k % 6}, 1) for k in range(60)]
    shapes = [sweep.PaddedShape(width, width, 30, 2) for width in (2, 6)]
    groups = {shape.width: some for shape, some in sweep.trials_by_shape("rnn", trials, shapes)}
    assert sorted(t.number for some in groups.values() for t in some) == list(range(60))
    assert [{t.hyperparameters["units"] for t in groups[width]} for width in (2, 6)] == [{1, 2}, {3, 4, 5, 6}]


class Listing(InProcess):
    """An executor of so many workers that trains nothing and keeps its units."""

    size = 0

    def wait(self):
        raise InterruptedError


@pytest.mark.parametrize(
    ("trials", "workers", "units"), [(60, 1, [30, 30]), (60, 6, [5] * 12), (5, 9, [2, 2, 1])]
)
def test_units_are_large_but_leave_every_worker_some(tmp_path, trials, workers, units):
    """Of two lanes: at least one trial a lane, else half a worker's share."""
    config, executor = replace(CONFIG, cells=("rnn",), trials=trials), Listing()
    executor.size = workers
    store.create_results_folder(tmp_path / "sweep", config.to_table())
    with pytest.raises(InterruptedError):
        list(sweep.run_sweep(config, tmp_path / "sweep", executor, SHAPES, data=None))
    assert sorted((len(unit.trials) for *_, unit in executor.waiting), reverse=True) == units


def test_a_large_network_is_cut_to_fewer_trials_a_unit_than_a_small_one():
    """Ten times as costly: each of two workers gets two units or more that cost no more than a quarter."""
    trials = tuple(Trial(k, 1, {}, 5) for k in range(40))
    units = [
        sweep.WorkUnit("", "t", "c", trials, Protocol(), width, 1, Path(), None, 40, width)
        for width in (10, 100)
    ]
    shapes = {("t", "c"): [sweep.PaddedShape(width, width, 40, 2) for width in (10, 100)]}
    parts = [(unit.width, len(unit.trials)) for unit in sweep.split_units(units, shapes, workers=2)]
    assert parts == [(10, 40), (100, 11), (100, 11), (100, 11), (100, 7)]


def test_units_are_costliest_first():
    """By multiply–adds: those of a full gate recurrence of 9 units are more than of an RNN of 12."""
    crew = InProcess()
    for name, operations in (("rnn of 12", 4), ("fgr of 9", 13), ("lstm of 5", 6)):
        unit = sweep.WorkUnit(
            "", "", name, (Trial(0, 1, {}, 1),), Protocol(), 9, 1, Path(), None, 1, operations
        )
        crew.submit(unit)
    assert [crew.pop_costliest().cell for _ in range(3)] == ["fgr of 9", "lstm of 5", "rnn of 12"]


def test_a_row_says_what_its_trial_cost(undisturbed):
    """An RNN on parity: n + n² + 2n products a step; 8 sequences to train, 6 to score, 6 at the end."""
    rnn = undisturbed[undisturbed["cell"] == "rnn"]
    n, steps = rnn["units"].astype(int), rnn["epochs"] * 3 * (3 * 8 + 6) + 3 * 6
    assert rnn["operations"].tolist() == ((n + n**2 + 2 * n) * steps).tolist()
    assert rnn["step_operations"].tolist() == (n + n**2 + 2 * n).tolist()
    assert rnn["state_size"].tolist() == n.tolist()


def test_scores_are_those_of_the_rows(undisturbed):
    assert np.isfinite(undisturbed["test"]).all()
    assert undisturbed["test"].between(0, 1).all()  # a share of errors
    assert undisturbed["accuracy"].tolist() == (1 - undisturbed["test"]).tolist()


def test_lanes_are_counted_for_each_shape_and_never_more_than_have_work():
    """An RNN of 6 units on parity: 1 · 6 + 6² + 6 weights, a readout of 6 · 2 + 2, 3 steps, 1 + 6 + 6 + 2."""
    splits = {"tiny:PARITY": tasks.find_task("tiny:PARITY").load(None)}
    config = replace(CONFIG, cells=("rnn", "np"), trials=70)
    lane = 4 * (6 * 62 + 32 * 3 * 15)

    def lanes(**plan):
        return [
            shape.lanes for [shape] in sweep.padded_shapes(config, splits, machine.Plan(1, **plan)).values()
        ]

    rnn, np = lanes(gpus=("0",), gpu_memory=2 * 20 * lane)
    assert (rnn, np < 20) == (20, True)
    assert lanes(gpus=("0",), gpu_memory=10**12) == [70, 70]
    assert lanes(lanes=3) == [3, 3]
    assert lanes() == [8, 8]


def test_a_gpu_gets_fewer_programs_than_a_core_and_a_lane_for_each_trial():
    """On a GPU a program takes 10 µs a step however narrow it is, so a narrow one saves little."""
    splits = {"adding": tasks.find_task("adding").load(None)}
    config = replace(CONFIG, tasks=("adding",), cells=("lstm",), trials=200, space=PAPER_SPACE)
    plans = machine.Plan(1), machine.Plan(1, gpus=("0",), gpu_memory=80 * 2**30)
    core, gpu = (sweep.padded_shapes(config, splits, plan)["adding", "lstm"] for plan in plans)
    assert len(gpu) < len(core)
    state = sweep.SearchState(config, "adding", "lstm", {})
    units = [trial.hyperparameters["units"] for trial in state.advance()]
    counts = np.bincount(np.searchsorted([shape.width for shape in gpu], units))
    assert all(count <= shape.lanes <= 200 for count, shape in zip(counts, gpu, strict=True))


def test_a_round_of_a_bayesian_search_is_all_that_there_is_at_a_time():
    splits = {"tiny:PARITY": tasks.find_task("tiny:PARITY").load(None)}
    config = replace(CONFIG, cells=("rnn",), trials=70, oracle="bayesian")
    [[shape]] = sweep.padded_shapes(config, splits, machine.Plan(1, gpus=("0",), gpu_memory=10**12)).values()
    assert shape.trials == shape.lanes == 8


@pytest.fixture
def unit(tmp_path):
    """A unit of two trials, of a search that is expected to have 35 of its width."""
    trials = tuple(
        Trial(k, k + 1, {"units": 3, "learning_rate": 1e-2, "momentum": 0.5, "input_noise": 0}, 2)
        for k in range(2)
    )
    return sweep.WorkUnit(
        "s", "tiny:PARITY", "rnn", trials, Protocol(batch=4), 6, None, tmp_path, None, 35, 1
    )


def test_the_worker_counts_the_lanes_on_its_own_hardware(unit, monkeypatch):
    """As many for a small unit as for a large one of the same search: they share a program."""
    monkeypatch.setattr(machine, "backend_devices", lambda: [("a processor", False)])
    assert unit_lanes(unit) == 8
    assert unit_lanes(replace(unit, width_trials=20)) == 5
    monkeypatch.setattr(machine, "backend_devices", lambda: [("a GPU", True)])
    lane = 4 * (6 * 62 + 32 * 3 * 15)  # as in the test above
    monkeypatch.setattr(machine, "gpu_memories", lambda: [2 * 20 * lane])
    assert unit_lanes(unit) == 20
    assert unit_lanes(replace(unit, trials=unit.trials[:1])) == 20
    assert [unit_lanes(replace(unit, lane_halvings=k)) for k in range(7)] == [20, 10, 5, 2, 1, 1, 1]
    assert unit_lanes(replace(unit, lanes=3)) == 3
    monkeypatch.setenv(machine.WORKERS_PER_GPU_VARIABLE, "2")  # workers on that GPU
    assert unit_lanes(unit) == 10
    monkeypatch.setattr(machine, "gpu_memories", lambda: [10**12])
    assert unit_lanes(unit) == 35


def test_a_worker_never_opens_the_database(unit):
    """It may be on a network's disk. What a unit has finished before, it finds in files."""
    unit = replace(unit, lanes=2, protocol=CONFIG.protocol)  # the program of the sweep above
    (unit.folder / "trials.sqlite").write_bytes(b"no database at all, and it is not even asked")
    assert [row["trial"] for row in train_unit(unit)] == [0, 1]
    assert list(train_unit(unit)) == []


def early(unit):
    """End a unit after one row, as a worker does after a request to stop; the first time without any row."""
    return itertools.islice(train_unit(unit), unit.attempts)


def test_what_a_unit_leaves_without_a_row_is_given_out_again(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "train_unit", early)
    frame = rows(CONFIG, tmp_path / "sweep")
    pd.testing.assert_frame_equal(comparable(frame), comparable(undisturbed))


def test_a_unit_that_never_gets_a_row_ends_the_sweep_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "train_unit", lambda unit: iter(()))
    with pytest.raises(Refusal, match=r"trial 0 of rnn on tiny:PARITY went to a worker 3 times, but no row"):
        rows(CONFIG, tmp_path / "sweep")


def test_a_row_that_is_late_to_be_seen_is_waited_for(undisturbed, tmp_path, monkeypatch):
    """As on a network's disk: the driver sees the rows of a unit when that has ended, and a while later."""
    crew, collect, seen = InProcess(), store.Store.collect, []
    crew.file_visibility_delay = 60.0
    monkeypatch.setattr(
        store.Store, "collect", lambda book: collect(book) if len(seen) % 40 == 39 else seen.append(1) or []
    )
    monkeypatch.setattr(
        crew, "submit", lambda unit, submit=crew.submit: submit(unit) if not unit.attempts else 1 / 0
    )
    frame = rows(CONFIG, tmp_path / "sweep", crew)
    pd.testing.assert_frame_equal(comparable(frame), comparable(undisturbed))


class HungUp:
    """A client whose connection Dask closes several times, as when a worker dies while a plugin is sent."""

    def __init__(self, times):
        self.times = times

    def register_plugin(self, ready):
        self.times -= 1
        if self.times >= 0:
            raise CommClosedError

    def close(self):
        self.closed = True


def test_a_worker_that_dies_while_it_begins_does_not_end_the_sweep(monkeypatch):
    monkeypatch.setattr(executors.time, "sleep", lambda seconds: None)
    assert executors.DaskExecutor(HungUp(3), plugin="a plugin").client.times == -1
    client = HungUp(1_000)
    with pytest.raises(CommClosedError):
        executors.DaskExecutor(client, plugin="a plugin")
    assert client.closed
