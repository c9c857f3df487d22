"""A population: trials of one variant on one task, trained side by side in lanes of the same arrays."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from keras import ops, tree

from suite import seeds
from suite.axis import pad_units
from suite.cells.base import with_lanes_axis
from suite.initial_weights import draw_weights, rules_of_trial
from suite.training import batches
from suite.training.checkpoint import Checkpoints
from suite.training.optimiser import Weights, broadcast_lanes
from suite.training.program import Program, to_tensors
from suite.training.trial import Result, Trial

INITIAL_WEIGHT_STDDEV = 0.1  # all weights are drawn from N(0, 0.1²), Greff et al. (2017)

LaneArrays: TypeAlias = dict[str, Any]  # nested dicts of arrays (lanes, …): see `Population.free_lanes`


class Population:
    """The lanes of a program: the trial in each, and the arrays of all of them.

    A lane whose trial ends is free, and is filled with the next trial before the next epoch. The result of a
    trial depends on the trial only, not on its neighbours or on when its lane was filled. `rules` are those
    of initial weights (`suite.initial_weights`).
    """

    def __init__(
        self,
        program: Program,
        patience: int,
        checkpoints: Checkpoints | None = None,
        rules: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.program, self.patience, self.checkpoints, self.rules = program, patience, checkpoints, rules
        self.lanes: list[Result | None] = [None] * program.lanes
        self.state = to_tensors(self.free_lanes(program.lanes))

    def free_lanes(self, lanes: int) -> LaneArrays:
        """Return the arrays (lanes, …) of lanes without a trial.

        These are the weights, the slots of the trainer, the best weights so far, and the settings of the
        program (`Trainer.train_epoch`).
        """
        zeros = self.program.zero_weights(lanes)
        settings = {name: np.full(lanes, value, "float32") for name, value in self.trial_settings({}).items()}
        settings["mask"] = np.zeros((lanes, 1, self.program.width), "float32")
        slots = self.program.trainer.initial_slots(zeros, lanes)
        shared = {"weights": zeros, "slots": slots, "best": zeros, "settings": settings}
        return tree.map_structure(np.copy, shared)

    def fill_lanes(self, trials: deque[Trial]) -> None:
        """Put waiting trials into the free lanes, from the left; continue those that have a checkpoint.

        While trials are running, only the arrays of the lanes that are filled are sent to the device.
        """
        free = [lane for lane, result in enumerate(self.lanes) if result is None]
        starting = {lane: self.start_trial(trials.popleft()) for lane in free[: len(trials)]}
        if not starting:
            return
        if any(self.lanes):
            for lane, (_, arrays) in starting.items():
                self.state = self.program.write_lane(self.state, *to_tensors((np.int32(lane), arrays)))
        else:  # no lane is kept, so that `write_lane` need not be compiled
            parts = [arrays for _, arrays in starting.values()]
            parts.append(self.free_lanes(len(free) - len(starting)))
            self.state = to_tensors(tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts))
        for lane, (result, _) in starting.items():
            self.lanes[lane] = result

    def start_trial(self, trial: Trial) -> tuple[Result, LaneArrays]:
        """Return the result so far of a trial and its arrays (1, …), from its checkpoint if it has one."""
        units, arrays = int(trial.numbers["units"]), self.free_lanes(1)
        for name, value in self.trial_settings(trial.numbers).items():
            arrays["settings"][name][:] = value
        arrays["settings"]["mask"][:] = np.arange(self.program.width) < units
        for name, weight in self.initial_weights(trial.seed, units, trial.hyperparameters).items():
            arrays["weights"][name][:] = arrays["best"][name][:] = weight
        if self.checkpoints and (checkpoint := self.checkpoints.load(trial)):
            result, saved = checkpoint
            for name, array in flatten_arrays(arrays):
                array[:] = saved[name]
            return result, arrays
        network = self.program.network
        result = Result(trial, network.parameters(units))
        result.step_operations, result.state_size = network.step_operations(units), network.state_size(units)
        return result, arrays

    def trial_settings(self, hyperparameters: Mapping[str, float]) -> dict[str, float]:
        """Return the settings of a trial by name, for the layers of the network and for the trainer."""
        rates = {name: hyperparameters.get(name, 0.0) for name in self.program.network.hyperparameters}
        return rates | self.program.trainer.settings(hyperparameters)

    def save_checkpoints(self, checkpoints: Checkpoints) -> None:
        """Write a checkpoint of every trial that is running."""
        running = {lane: result for lane, result in enumerate(self.lanes) if result is not None}
        if running:
            arrays = dict(flatten_arrays(self.read_lanes(list(running))))
            for row, result in enumerate(running.values()):
                checkpoints.save(result, {name: array[row] for name, array in arrays.items()})

    def read_lanes(self, lanes: Sequence[int]) -> LaneArrays:
        """Return the arrays of some lanes, (lanes, …), as NumPy arrays.

        The device sends these lanes, filled up to a power of two: JAX compiles the selection for each number.
        """
        sent = np.resize(lanes, 2 ** math.ceil(math.log2(len(lanes))))

        def read(array):
            if len(sent) >= self.program.lanes:
                return ops.convert_to_numpy(array)[lanes]
            return ops.convert_to_numpy(ops.take(array, sent, axis=0))[: len(lanes)]

        return tree.map_structure(read, self.state)

    def initial_weights(
        self, seed: int, units: int, hyperparameters: Mapping[str, float | str] = MappingProxyType({})
    ) -> dict[str, np.ndarray]:
        """Draw the weights of a trial at its own size; pad them with zeros to the program's width."""
        network, weights = self.program.network, {}
        rules = rules_of_trial(self.rules, hyperparameters)
        for name, weight in draw_weights(network, units, seed, rules).items():
            padded = pad_units(weight, network.axes()[name], units, self.program.width)
            weights[name] = padded.reshape(with_lanes_axis(padded.shape, 1)[1:])
        return weights

    def draw_epoch(self) -> dict[str, np.ndarray]:
        """Draw the data of the next epoch for all lanes; a free lane draws nothing.

        Returns `bucket` (updates,), `sequences` (updates, lanes, batch), indices within the bucket, and
        `keys` of the noise (updates, lanes, 2).
        """
        program = self.program
        updates = len(program.schedule)
        sequences = np.full((updates, program.lanes, program.batch), batches.PAD_INDEX, "int32")
        keys = np.zeros((updates, program.lanes, 2), "uint32")
        for lane, result in enumerate(self.lanes):
            if result is not None:
                rng = np.random.default_rng(seeds.derive_seed(result.trial.seed, "epoch", result.epochs))
                sequences[:, lane] = program.draw_sequences(rng)
                keys[:, lane] = rng.integers(2**32, size=(updates, 2), dtype="uint32")
        return {"bucket": program.schedule.astype("int32"), "sequences": sequences, "keys": keys}

    def train_epoch(self) -> list[Result]:
        """Train all lanes for one epoch; return the trials that ended, whose lanes are free now."""
        start = time.perf_counter()
        state, program = self.state, self.program
        weights, slots, losses = program.run_epoch(
            state["weights"],
            state["slots"],
            state["settings"],
            to_tensors(self.draw_epoch()),
            program.train_buckets,
        )
        scores = self.score_split(weights, "valid")
        losses = ops.convert_to_numpy(losses).astype(float)
        running = [(lane, result) for lane, result in enumerate(self.lanes) if result is not None]
        share = (time.perf_counter() - start) / max(len(running), 1)
        for lane, result in running:
            result.record_epoch(losses[lane], scores["score"][lane], share, self.patience)
        better = [result is not None and result.best_epoch == result.epochs for result in self.lanes]
        is_better = ops.convert_to_tensor(np.array(better))
        best = {n: ops.where(broadcast_lanes(is_better, w), w, state["best"][n]) for n, w in weights.items()}
        self.state = state | {"weights": weights, "slots": slots, "best": best}
        ended_trials = [(lane, result) for lane, result in running if result.status != "running"]
        if ended_trials:
            scores_by_test = {name: self.score_split(best, name) for name in ("test", *program.longer_tests)}
            for lane, result in ended_trials:
                if result.best_epoch:
                    lane_scores = {
                        test: {metric: values[lane] for metric, values in metrics.items()}
                        for test, metrics in scores_by_test.items()
                    }
                    result.record_tests(lane_scores)
                result.operations = program.operations(result)
                self.lanes[lane] = None
        return [result for _, result in ended_trials]

    def score_split(self, weights: Weights, split: str) -> dict[str, np.ndarray]:
        """Return the metrics of every lane on a split, by name, (lanes,)."""
        program, settings = self.program, self.state["settings"]
        if split in program.longer_tests:
            buckets, indices = program.longer_buckets, program.longer_indices
        else:
            buckets, indices = program.eval_buckets, program.eval_indices
        scores = program.run_score(weights, settings, buckets, indices[split])
        return dict(zip(program.metrics, ops.convert_to_numpy(scores).astype(float).T, strict=True))


def flatten_arrays(state: dict, prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays of nested dicts, each with its path, such as "slots/v/W/zifo"."""
    for name, value in state.items():
        if isinstance(value, dict):
            yield from flatten_arrays(value, f"{prefix}{name}/")
        else:
            yield prefix + name, value


def train_population(
    program: Program,
    trials: Iterable[Trial],
    patience: int,
    checkpoints: Checkpoints | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    rules: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Result]:
    """Train trials in the lanes of a program and yield the result of each as it ends.

    Running trials are saved to `checkpoints` at its interval. When `should_stop` returns True at the end of
    an epoch, they are saved once more and training stops. `rules` are those of initial weights.
    """
    population, waiting = Population(program, patience, checkpoints, rules), deque(trials)
    population.train_epoch()  # with all lanes free: this only compiles, so that no trial's seconds include it
    population.fill_lanes(waiting)
    while any(population.lanes):
        yield from population.train_epoch()
        stopped = should_stop()
        if checkpoints and (stopped or checkpoints.is_due()):
            population.save_checkpoints(checkpoints)
        if stopped:
            return
        population.fill_lanes(waiting)
