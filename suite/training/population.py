"""A population: trials of one variant on one task, each in a lane of the same arrays."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from keras import ops, tree

from suite import seeds
from suite.cells.base import pad_units, with_lanes_axis
from suite.training import batches
from suite.training.checkpoint import Checkpoints
from suite.training.optimiser import broadcast_lanes
from suite.training.program import Program, network_shapes, parameter_count, to_tensors
from suite.training.trial import Result, Trial

CLIP_HYPERPARAMETERS = (
    "clip_norm",
    "clip_value",
)  # hyperparameters that a trial may have; infinite where it has none
INITIAL_WEIGHT_STDDEV = 0.1  # all weights are drawn from N(0, 0.1²), Greff et al. (2017)


class Population:
    """The lanes of a program: what trains in each, and how a lane is filled again when it is done.

    A trial's result depends on nothing but the trial: neither its neighbours nor when its lane was filled.
    """

    def __init__(self, program: Program, patience: int, checkpoints: Checkpoints | None = None):
        self.program, self.patience, self.checkpoints = program, patience, checkpoints
        self.lanes: list[Result | None] = [None] * program.lanes
        zeros = program.zero_weights()
        slots = program.optimiser.initial_slots(zeros, program.lanes)
        self.state = {"weights": zeros, "slots": slots, "best": zeros}
        self.settings = {
            "rate": np.zeros(program.lanes, "float32"),
            "momentum": np.zeros(program.lanes, "float32"),
            "noise": np.zeros(program.lanes, "float32"),
            **{name: np.full(program.lanes, np.inf, "float32") for name in CLIP_HYPERPARAMETERS},
            "mask": np.zeros((program.lanes, 1, program.width), "float32"),
        }

    def fill_lanes(self, trials: deque[Trial]) -> None:
        """Start waiting trials in the free lanes, or go on with those that have a checkpoint."""
        free = [lane for lane, result in enumerate(self.lanes) if result is None]
        starting = [(lane, trials.popleft()) for lane in free[: len(trials)]]
        if not starting:
            return
        self.state = tree.map_structure(lambda a: np.array(ops.convert_to_numpy(a)), self.state)
        for lane, trial in starting:
            drawn = dict(trial.hyperparameters)
            if not self.program.clips and any(name in drawn for name in CLIP_HYPERPARAMETERS):
                raise ValueError(
                    f"trial {trial.number} has a clipped gradient; make its program with clips=True"
                )
            units, momentum = int(drawn["units"]), drawn["momentum"]
            scale = 1 - momentum if self.program.optimiser.rescales_rate else 1
            self.settings["rate"][lane] = drawn["learning_rate"] * scale
            self.settings["momentum"][lane] = momentum
            self.settings["noise"][lane] = drawn["input_noise"]
            for name in CLIP_HYPERPARAMETERS:
                self.settings[name][lane] = drawn.get(name, np.inf)
            self.settings["mask"][lane] = np.arange(self.program.width) < units
            for name, weight in self.initial_weights(trial.seed, units).items():
                self.state["weights"][name][lane] = self.state["best"][name][lane] = weight
            for slot in tree.flatten(self.state["slots"]):
                slot[lane] = 0
            self.lanes[lane] = Result(trial, parameter_count(self.program.cell, self.program.task, units))
            if self.checkpoints and (kept := self.checkpoints.load(trial)):
                self.lanes[lane], arrays = kept
                for name, array in flatten_arrays(self.state):
                    array[lane] = arrays[name]
        self.state = to_tensors(self.state)

    def save_checkpoints(self) -> None:
        """Make a checkpoint of every lane's trial."""
        state = {name: ops.convert_to_numpy(array) for name, array in flatten_arrays(self.state)}
        for lane, result in enumerate(self.lanes):
            if result is not None:
                self.checkpoints.save(result, {name: array[lane] for name, array in state.items()})

    def initial_weights(self, seed: int, units: int) -> dict[str, np.ndarray]:
        """Draw a trial's weights for its true size and pad them with zeros to the width of the program."""
        cell, task, width = self.program.cell, self.program.task, self.program.width
        rng = np.random.default_rng(seeds.derive_seed(seed, "weights"))
        weights = {}
        for name, shape in network_shapes(cell, task, units).items():
            drawn = rng.normal(0, INITIAL_WEIGHT_STDDEV, shape).astype("float32")
            wide = pad_units(drawn, network_shapes(cell, task, width)[name], units, width)
            weights[name] = wide.reshape(with_lanes_axis(wide.shape, 1)[1:])
        return weights

    def draw_epoch(self) -> dict[str, np.ndarray]:
        """Return what every update of the next epoch draws, for all lanes; a free lane draws nothing."""
        program = self.program
        updates = len(program.schedule)
        sequences = np.full((updates, program.lanes, program.batch), batches.PAD_INDEX, "int32")
        keys = np.zeros((updates, program.lanes, 2), "uint32")
        for lane, result in enumerate(self.lanes):
            if result is not None:
                rng = np.random.default_rng(seeds.derive_seed(result.trial.seed, "epoch", result.epochs))
                sequences[:, lane] = batches.draw_batches(program.schedule, program.sizes, program.batch, rng)
                keys[:, lane] = rng.integers(2**32, size=(updates, 2), dtype="uint32")
        return {"bucket": program.schedule.astype("int32"), "sequences": sequences, "keys": keys}

    def train_epoch(self) -> list[Result]:
        """Train all lanes for an epoch and return the trials that are done; their lanes are free again."""
        start = time.perf_counter()
        state, settings = self.state, to_tensors(self.settings)
        weights, slots, losses = self.program.run_epoch(
            state["weights"],
            state["slots"],
            settings,
            to_tensors(self.draw_epoch()),
            self.program.train_buckets,
        )
        scores = self.score_split(weights, "valid")
        losses = ops.convert_to_numpy(losses).astype(float)
        running = [(lane, result) for lane, result in enumerate(self.lanes) if result is not None]
        share = (time.perf_counter() - start) / max(len(running), 1)
        for lane, result in running:
            result.record_epoch(losses[lane], scores[lane], share, self.patience)
        better = [result is not None and result.best_epoch == result.epochs for result in self.lanes]
        best = {n: ops.where(broadcast_lanes(better, w), w, state["best"][n]) for n, w in weights.items()}
        self.state = {"weights": weights, "slots": slots, "best": best}
        ended = [(lane, result) for lane, result in running if result.status != "running"]
        tests = self.score_split(best, "test") if ended else None
        for lane, result in ended:
            result.test = tests[lane] if result.best_epoch else np.nan
            result.operations = self.program.operations(result)
            self.lanes[lane] = None
        return [result for _, result in ended]

    def score_split(self, weights, split: str) -> np.ndarray:
        """Return the score of every lane on a split, (lanes,)."""
        mask = ops.convert_to_tensor(self.settings["mask"])
        scores = self.program.run_score(
            weights, mask, self.program.eval_buckets, self.program.eval_indices[split]
        )
        return ops.convert_to_numpy(scores).astype(float)


def flatten_arrays(state: dict, prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays of nested dicts, each with its path."""
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
) -> Iterator[Result]:
    """Train trials in the lanes of a program and yield each as it ends.

    Those that are running are kept in `checkpoints` from time to time, and once more when, at the end of an
    epoch, `should_stop` says so; then nothing more is trained.
    """
    population, waiting = Population(program, patience, checkpoints), deque(trials)
    population.train_epoch()  # nothing but compiling: no trial's seconds hold it
    population.fill_lanes(waiting)
    while any(population.lanes):
        yield from population.train_epoch()
        stopped = should_stop()
        if checkpoints and (stopped or checkpoints.is_due()):
            population.save_checkpoints()
        if stopped:
            return
        population.fill_lanes(waiting)
