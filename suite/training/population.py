"""A population: trials of one variant on one task, trained side by side in lanes of the same arrays."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from keras import ops, tree

from suite import seeds
from suite.axis import pad_units, shape_of
from suite.cells.base import with_lanes_axis
from suite.training import batches
from suite.training.checkpoint import Checkpoints
from suite.training.optimiser import Weights, broadcast_lanes
from suite.training.program import Program, to_tensors
from suite.training.trial import Result, Trial

CLIP_HYPERPARAMETERS = (
    "clip_norm",
    "clip_value",
)  # optional hyperparameters; infinity in a trial without them
MIN_FREE_SHARE = 1 / 16  # of the lanes, to fill any: the arrays of all lanes then pass through the host
INITIAL_WEIGHT_STDDEV = 0.1  # all weights are drawn from N(0, 0.1²), Greff et al. (2017)


class Population:
    """The lanes of a program: the trial in each, and the arrays of all of them.

    A lane whose trial ends is free, and is filled with the next trial before the next epoch. The result of a
    trial depends on the trial only, not on its neighbours or on when its lane was filled.
    """

    def __init__(self, program: Program, patience: int, checkpoints: Checkpoints | None = None) -> None:
        self.program, self.patience, self.checkpoints = program, patience, checkpoints
        self.lanes: list[Result | None] = [None] * program.lanes
        zeros = program.zero_weights()
        slots = program.optimiser.initial_slots(zeros, program.lanes)
        self.state = {"weights": zeros, "slots": slots, "best": zeros}
        self.settings = {
            "rate": np.zeros(program.lanes, "float32"),
            "momentum": np.zeros(program.lanes, "float32"),
            "input_noise": np.zeros(program.lanes, "float32"),
            **{name: np.full(program.lanes, np.inf, "float32") for name in CLIP_HYPERPARAMETERS},
            "mask": np.zeros((program.lanes, 1, program.width), "float32"),
        }

    def fill_lanes(self, trials: deque[Trial]) -> None:
        """Put waiting trials into the free lanes, from the left; continue those that have a checkpoint.

        If trials are running, this waits until a share of the lanes is free (`MIN_FREE_SHARE`).
        """
        free = [lane for lane, result in enumerate(self.lanes) if result is None]
        if any(self.lanes) and len(free) < MIN_FREE_SHARE * len(self.lanes):
            return
        starting = [(lane, trials.popleft()) for lane in free[: len(trials)]]
        if not starting:
            return
        self.state = tree.map_structure(lambda a: np.array(ops.convert_to_numpy(a)), self.state)
        for lane, trial in starting:
            hp = dict(trial.hyperparameters)
            if not self.program.clips and any(name in hp for name in CLIP_HYPERPARAMETERS):
                raise ValueError(
                    f"trial {trial.number} clips its gradient; create the program with clips=True"
                )
            units, momentum = int(hp["units"]), hp["momentum"]
            scale = 1 - momentum if self.program.optimiser.rescales_rate else 1
            self.settings["rate"][lane] = hp["learning_rate"] * scale
            self.settings["momentum"][lane] = momentum
            self.settings["input_noise"][lane] = hp["input_noise"]
            for name in CLIP_HYPERPARAMETERS:
                self.settings[name][lane] = hp.get(name, np.inf)
            self.settings["mask"][lane] = np.arange(self.program.width) < units
            for name, weight in self.initial_weights(trial.seed, units).items():
                self.state["weights"][name][lane] = self.state["best"][name][lane] = weight
            for slot in tree.flatten(self.state["slots"]):
                slot[lane] = 0
            network = self.program.network
            self.lanes[lane] = Result(
                trial,
                network.parameters(units),
                step_operations=network.step_operations(units),
                state_size=network.state_size(units),
            )
            if self.checkpoints and (checkpoint := self.checkpoints.load(trial)):
                self.lanes[lane], arrays = checkpoint
                for name, array in flatten_arrays(self.state):
                    array[lane] = arrays[name]
        self.state = to_tensors(self.state)

    def save_checkpoints(self, checkpoints: Checkpoints) -> None:
        """Write a checkpoint of every trial that is running."""
        state = {name: ops.convert_to_numpy(array) for name, array in flatten_arrays(self.state)}
        for lane, result in enumerate(self.lanes):
            if result is not None:
                checkpoints.save(result, {name: array[lane] for name, array in state.items()})

    def initial_weights(self, seed: int, units: int) -> dict[str, np.ndarray]:
        """Draw the weights of a trial at its own size; pad them with zeros to the program's width."""
        width = self.program.width
        rng = np.random.default_rng(seeds.derive_seed(seed, "weights"))
        weights = {}
        for name, axes in self.program.network.axes().items():
            weight = rng.normal(0, INITIAL_WEIGHT_STDDEV, shape_of(axes, units)).astype("float32")
            padded = pad_units(weight, axes, units, width)
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
                sequences[:, lane] = batches.draw_batches(program.schedule, program.sizes, program.batch, rng)
                keys[:, lane] = rng.integers(2**32, size=(updates, 2), dtype="uint32")
        return {"bucket": program.schedule.astype("int32"), "sequences": sequences, "keys": keys}

    def train_epoch(self) -> list[Result]:
        """Train all lanes for one epoch; return the trials that ended, whose lanes are free now."""
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
            result.record_epoch(losses[lane], scores["score"][lane], share, self.patience)
        better = [result is not None and result.best_epoch == result.epochs for result in self.lanes]
        best = {n: ops.where(broadcast_lanes(better, w), w, state["best"][n]) for n, w in weights.items()}
        self.state = {"weights": weights, "slots": slots, "best": best}
        ended_trials = [(lane, result) for lane, result in running if result.status != "running"]
        if ended_trials:
            test_scores = self.score_split(best, "test")
            for lane, result in ended_trials:
                if result.best_epoch:
                    result.test = test_scores["score"][lane]
                    result.accuracy = 1 - test_scores["error"][lane] if "error" in test_scores else np.nan
                result.operations = self.program.operations(result)
                self.lanes[lane] = None
        return [result for _, result in ended_trials]

    def score_split(self, weights: Weights, split: str) -> dict[str, np.ndarray]:
        """Return the metrics of the program of every lane on a split, by name, (lanes,)."""
        mask = ops.convert_to_tensor(self.settings["mask"])
        scores = self.program.run_score(
            weights, mask, self.program.eval_buckets, self.program.eval_indices[split]
        )
        return dict(zip(self.program.metrics, ops.convert_to_numpy(scores).astype(float).T, strict=True))


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
) -> Iterator[Result]:
    """Train trials in the lanes of a program and yield the result of each as it ends.

    Running trials are saved to `checkpoints` at its interval. When `should_stop` returns True at the end of
    an epoch, they are saved once more and training stops.
    """
    population, waiting = Population(program, patience, checkpoints), deque(trials)
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
