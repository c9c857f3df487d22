"""The engines of a benchmark. As a program, this module runs one engine in its own process.

`python -m suite.bench.engines NAME CELL UNITS BATCH STEPS LANES CORE …` builds the reference work on these
cores, trains one epoch to compile it, and prints a line of JSON. Then, for every line on stdin, it trains for
a while and prints the seconds of an epoch.

Every engine does the same work: next-step prediction with an LSTM layer and a linear readout to sigmoids, SGD
with Nesterov's momentum, an update after every batch. This suite's engine also draws input noise, and no peer
does.

The functions of engines take (cell, units, batch, steps, lanes). They return a function that trains an epoch,
and how many trials it trains at a time.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from suite.task import Split, Task

REFERENCE_SEQUENCES, REFERENCE_STEPS, REFERENCE_FEATURES = 229, 60, 88
MIN_TURN_SECONDS = (
    0.5  # of training for each timing: with less, cold caches in its first epoch count too much
)

REFERENCE_TASK = Task(
    name="reference",
    title="Reference work of the benchmark",
    load=lambda _: {},
    features=REFERENCE_FEATURES,
    outputs=REFERENCE_FEATURES,
    loss="bernoulli",
    metric="nats",
    unit="nats",
    answers="every step",
    source="random notes",
)
Built = tuple[Callable[[], Any], int]  # trains an epoch; trials at a time


def reference_data(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets of the reference work, each (sequences, steps, features)."""
    notes = np.random.default_rng(0).random((REFERENCE_SEQUENCES, steps + 1, REFERENCE_FEATURES)) < 0.05
    return notes[:, :-1].astype("float32"), notes[:, 1:].astype("float32")


def odyssey(cell: str, units: int, batch: int, steps: int, lanes: int) -> Built:
    """Train `lanes` trials of a cell with this suite; with 0 lanes, as many as a sweep would choose.

    The hyperparameters that the cell declares are 0: time does not depend on them.
    """
    from collections import deque

    from keras import ops

    from suite import machine
    from suite.training.population import Population
    from suite.training.program import Program, to_tensors
    from suite.training.trial import Trial
    from suite.variants import find_network

    inputs, targets = reference_data(steps)
    split = Split(list(inputs), list(targets))
    splits = dict.fromkeys(("train", "valid", "test"), split)
    network = find_network(cell, REFERENCE_TASK)
    lanes = lanes or machine.plan_workers().lanes_for(**network.lane_demand(units, steps, batch))
    program = Program(network, splits, units, lanes, batch)
    population = Population(program, patience=1)
    hyperparameters = {"units": units, "learning_rate": 1e-4, "momentum": 0.9, "input_noise": 0.1}
    population.fill_lanes(deque(Trial(k, k + 1, hyperparameters, 1) for k in range(lanes)))
    settings, draws = population.state["settings"], to_tensors(population.draw_epoch())
    state = dict(population.state)

    def epoch() -> None:
        weights, slots, loss = program.run_epoch(
            state["weights"], state["slots"], settings, draws, program.train_buckets
        )
        state.update(weights=weights, slots=slots)
        ops.convert_to_numpy(loss)

    return epoch, lanes


def keras_fit(
    cell: str, units: int, batch: int, steps: int, lanes: int, compiled: str | bool = "auto"
) -> Built:
    """Train Keras's LSTM layer with `fit`, as a user of KerasTuner does."""
    import keras

    import suite.backend  # noqa: F401  multiplies in float32, not TF32

    x, y = reference_data(steps)
    model = keras.Sequential(
        [
            keras.Input((steps, REFERENCE_FEATURES)),
            keras.layers.LSTM(units, return_sequences=True),
            keras.layers.Dense(REFERENCE_FEATURES),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(1e-4, momentum=0.9, nesterov=True),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=compiled,
    )
    return lambda: model.fit(x, y, batch_size=batch, epochs=1, verbose=0), 1


def keras_fit_xla(cell: str, units: int, batch: int, steps: int, lanes: int) -> Built:
    """Train Keras's LSTM layer with `fit` on TensorFlow, compiled by XLA."""
    return keras_fit(cell, units, batch, steps, lanes, compiled=True)


def torch_loop(cell: str, units: int, batch: int, steps: int, lanes: int) -> Built:
    """Train `torch.nn.LSTM` in a plain PyTorch loop."""
    import torch

    if len(os.sched_getaffinity(0)) == 1:
        torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.allow_tf32 = False  # as in the other engines
    x, y = (torch.from_numpy(array).to(device) for array in reference_data(steps))
    lstm = torch.nn.LSTM(REFERENCE_FEATURES, units, batch_first=True, device=device)
    readout = torch.nn.Linear(units, REFERENCE_FEATURES, device=device)
    weights = [*lstm.parameters(), *readout.parameters()]
    optimiser = torch.optim.SGD(weights, 1e-4, momentum=0.9, nesterov=True)
    loss = torch.nn.BCEWithLogitsLoss()

    def epoch() -> None:
        order = torch.randperm(REFERENCE_SEQUENCES, device=device)
        for chosen in order.split(batch):
            optimiser.zero_grad()
            error = loss(readout(lstm(x[chosen])[0]), y[chosen])
            error.backward()
            optimiser.step()
        error.item()  # wait for the device

    return epoch, 1


def product(cell: str, units: int, batch: int, steps: int, lanes: int) -> Built:
    """Multiply a batch of states by a recurrent matrix with NumPy, `products_per_epoch` times an epoch."""
    h, r = states_and_matrix(units, batch)
    out = np.empty((batch, 4 * units), "float32")

    def epoch() -> None:
        for _ in range(products_per_epoch(units, batch)):
            np.matmul(h, r, out=out)

    return epoch, 1


def compiled_product(cell: str, units: int, batch: int, steps: int, lanes: int) -> Built:
    """Do the work of `product` in one compiled loop of the Keras backend."""
    from keras import ops

    from suite.backend import compile, scan

    def step(h: Any, _: Any) -> tuple[Any, Any]:
        return ops.matmul(h, r)[:, :units], ops.zeros(())

    h, r = map(ops.convert_to_tensor, states_and_matrix(units, batch))
    run = compile(lambda h: scan(step, h, ops.zeros((products_per_epoch(units, batch),)), ops.zeros(()))[0])
    return lambda: ops.convert_to_numpy(run(h)), 1


def states_and_matrix(units: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return states (batch, units) and a recurrent matrix (units, 4 · units) that keeps their norm."""
    rng = np.random.default_rng(0)
    h, (q, _) = rng.normal(size=(batch, units)), np.linalg.qr(rng.normal(size=(units, units)))
    return h.astype("float32"), np.tile(q, 4).astype("float32")


def products_per_epoch(units: int, batch: int) -> int:
    """Return how many products make an epoch: those of 10⁹ floating-point operations, rounded up."""
    return -(-(10**9) // (8 * batch * units**2))


ENGINE_FUNCTIONS: dict[str, Callable[[str, int, int, int, int], Built]] = {
    f.__name__: f for f in (odyssey, keras_fit, keras_fit_xla, torch_loop, product, compiled_product)
}


def run_engine(name: str, cell: str, units: str, batch: str, steps: str, lanes: str, *cores: str) -> None:
    """Build the work of an engine on these cores, and time it for every line on stdin."""
    os.sched_setaffinity(0, map(int, cores))
    start = time.perf_counter()
    from suite.keras_loader import load_keras

    if name not in ("torch_loop", "product"):
        load_keras()
    epoch, trials = ENGINE_FUNCTIONS[name](cell, int(units), int(batch), int(steps), int(lanes))
    loaded = time.perf_counter()
    epoch()
    first = time.perf_counter() - loaded
    print(json.dumps({"load": loaded - start, "first": first, "lanes": trials}), flush=True)
    for _ in sys.stdin:
        start, epochs = time.perf_counter(), 0
        while time.perf_counter() < start + MIN_TURN_SECONDS:
            epoch()
            epochs += 1
        seconds = (time.perf_counter() - start) / epochs
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": seconds, "memory": memory}), flush=True)


if __name__ == "__main__":
    run_engine(*sys.argv[1:])
