"""`odyssey train`: train one trial, defined by options or by a stored row."""

import os
from pathlib import Path
from typing import Annotated

import typer

from suite import Refusal
from suite.cli.common import (
    Backend,
    BackendOption,
    DataOption,
    canonical_config,
    select_backend,
    validate_and_load,
)

HYPERPARAMETERS = ("units", "learning_rate", "momentum", "input_noise")
PROTOCOL_OPTIONS = ("epochs", "patience", "batch", "optimiser", "seed")
ROW_SETTINGS = (*HYPERPARAMETERS, "hyperparameter", *PROTOCOL_OPTIONS)  # what a stored row sets


def train(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="TASK|RESULTS", help="A task, or a results folder to train one of its rows again."
        ),
    ],
    cell: Annotated[
        str,
        typer.Argument(
            metavar="VARIANT",
            help="A variant, such as gru, window or gru@layers=2, or a cell as module:Class.",
        ),
    ],
    trial: Annotated[
        int | None,
        typer.Argument(metavar="TRIAL", help="With a results folder: the number of the trial."),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="With a results folder of several tasks: the task of the row.")
    ] = None,
    units: Annotated[int, typer.Option(help="Size of the hidden state.")] = 100,
    learning_rate: Annotated[float, typer.Option(help="Step size of the optimiser.")] = 0.005,
    momentum: Annotated[float, typer.Option(help="Momentum of the optimiser, below 1.")] = 0.9,
    input_noise: Annotated[float, typer.Option(help="Standard deviation of noise on the inputs.")] = 0.1,
    hyperparameter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE,…",
            help="Values of the hyperparameters that the cell declares.",
            show_default="none; a cell that declares some needs them",
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Maximum number of epochs.")] = 150,
    patience: Annotated[int, typer.Option(help="Epochs to wait for a better validation score.")] = 15,
    batch: Annotated[int, typer.Option(help="Sequences per update.")] = 1,
    optimiser: Annotated[
        str, typer.Option("--optimiser", "--optimizer", help="nesterov, sgd, rmsprop or adam.")
    ] = "nesterov",
    seed: Annotated[int, typer.Option(help="Seed of all random draws of the trial.")] = 1,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="CSV file for the learning curve: epoch, training loss, validation score."
        ),
    ] = None,
    data: DataOption = None,
    backend: BackendOption = None,
) -> None:
    """Train one trial and print its training loss and validation score, epoch by epoch.

    `odyssey train jsb lstm` trains a trial that the options define. `odyssey train results/quick lstm 11`
    trains the trial of a stored row again, with its seed, hyperparameters, protocol and backend, and compares
    scores.
    """
    if csv and csv.is_dir():
        raise Refusal(f"--csv {csv}: expected a file, got a folder; name a file in it")
    if csv and not os.access(csv.parent, os.W_OK):  # found out before the training, which may take hours
        raise Refusal(f"--csv {csv}: expected a file in a folder that can be written; create that folder")
    from dataclasses import replace

    from suite import space
    from suite.cli import single_trial
    from suite.config import Protocol, SweepConfig
    from suite.training.trial import Trial

    row = None
    if trial is not None:
        sources = {name: context.get_parameter_source(name) for name in ROW_SETTINGS}
        named = [name for name, origin in sources.items() if origin and origin.name == "COMMANDLINE"]
        if named:
            raise Refusal(
                f"{source} {cell} {trial}: the stored row sets {', '.join(named)}; leave out these options"
            )
        row = single_trial.stored_row(Path(source), task, cell, trial)
        config, to_train = single_trial.trial_of_row(Path(source), row)
        backend = backend or Backend(row["backend"])
    elif task or (Path(source) / "sweep.toml").exists():
        raise Refusal(f"{source} {cell}: expected the number of a trial as well, got none; name one")
    else:
        values = dict(zip(HYPERPARAMETERS, (units, learning_rate, momentum, input_noise), strict=True))
        protocol = Protocol(epochs, patience, batch, optimiser)
        config = SweepConfig("train", tasks=(source,), cells=(cell,), protocol=protocol)
        points = {name: (value, value) for name, value in values.items()}
        space.override_ranges(space.PAPER_SPACE, points)  # refuses what cannot be trained
        to_train = Trial(0, seed, values, epochs)
    select_backend(backend)
    config = canonical_config(config)
    splits = validate_and_load(config, data)
    if not row:
        own_values = single_trial.own_hyperparameters(config.cells[0], hyperparameter or [])
        to_train = replace(to_train, hyperparameters={**to_train.hyperparameters, **own_values})
    result = single_trial.train_trial(config, to_train, splits)
    if row:
        single_trial.print_comparison(result, row, splits)
    if csv:
        single_trial.write_curve(csv, result)
