"""`odyssey train`: one trial."""

from typing import Annotated

import typer

from suite.cli.common import BackendOption, DataOption, select_backend, validate_and_load


def train(
    task: str,
    cell: str,
    units: int = 100,
    learning_rate: float = 0.005,
    momentum: float = 0.9,
    input_noise: float = 0.1,
    epochs: int = 150,
    patience: int = 15,
    batch: int = 1,
    optimiser: Annotated[str, typer.Option(help="nesterov, sgd, rmsprop or adam.")] = "nesterov",
    seed: int = 1,
    data: DataOption = None,
    backend: BackendOption = None,
) -> None:
    """Train one trial and print its scores, epoch by epoch."""
    from suite import space

    drawn = {
        "units": units,
        "learning_rate": learning_rate,
        "momentum": momentum,
        "input_noise": input_noise,
    }
    space.override_ranges(
        space.PAPER_SPACE, {name: (value, value) for name, value in drawn.items()}
    )  # refuses the impossible
    select_backend(backend)
    from collections import deque

    import tasks
    from suite.config import Protocol, SweepConfig
    from suite.training.trial import Trial

    protocol = Protocol(epochs, patience, batch, optimiser)
    question = SweepConfig("train", tasks=(task,), cells=(cell,), protocol=protocol)
    of_task, of_cell = validate_and_load(question, data)[task], question.cells[0]
    from suite import cells
    from suite.training.population import Population
    from suite.training.program import Program

    found = tasks.find_task(task)
    program = Program(cells.find_cell(of_cell), found, of_task, units, 1, batch, optimiser)
    population = Population(program, patience)
    population.fill_lanes(deque([Trial(0, seed, drawn, epochs)]))
    [result] = population.lanes
    print(f"{task}, {cell}: {result.parameters:,} parameters; scores in {found.unit}", flush=True)
    while result.status == "running":
        population.train_epoch()
        loss, score = result.curve[-1]
        better = " *" if result.best_epoch == result.epochs else ""
        print(f"epoch {result.epochs:3d}  train {loss:.4f}  valid {score:.4f}{better}", flush=True)
    print(
        f"{result.status} after {result.epochs} epochs, {result.seconds:.1f} s; "
        f"best epoch {result.best_epoch}: valid {result.valid:.4f}, test {result.test:.4f} {found.unit}"
    )
