"""Train one trial in this process and compare it with its stored row, for `odyssey train`."""

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from suite import Refusal, registry, store
from suite.cli.common import canonical_task_name, listed_variant
from suite.config import SweepConfig, config_from_table
from suite.files import write_atomic
from suite.space import Range, change_range
from suite.text import format_count
from suite.training.trial import Result, Trial


def train_trial(config: SweepConfig, trial: Trial, splits: Mapping) -> Result:
    """Train a trial on the only task and cell of `config`; print its loss and scores, epoch by epoch."""
    import tasks
    from suite.training.population import Population
    from suite.training.program import Program
    from suite.training.trainer import Descent
    from suite.variants import find_network, trial_variant

    [name], [cell], protocol = config.tasks, config.cells, config.protocol
    task, width = tasks.find_task(name), int(trial.numbers["units"])
    network = find_network(trial_variant(cell, trial.hyperparameters), task)
    trainer = Descent.of_trials(protocol.optimiser, [trial])
    program = Program(network, splits[name], width, 1, protocol.batch, trainer, task.segment)
    population = Population(program, protocol.patience, rules=protocol.initial_weights)
    population.fill_lanes(deque([trial]))
    [result] = population.lanes
    assert result  # a lane was free
    print(f"{name}, {cell}: {result.parameters:,} parameters")
    print(f"loss: {task.loss}, in training; scores: {task.unit}, lower is better", flush=True)
    while result.status == "running":
        population.train_epoch()
        loss, score = result.curve[-1]
        best = "best so far" if result.best_epoch == result.epochs else ""
        print(
            f"epoch {result.epochs:3d}  loss {loss:<9.4g}  valid {score:<9.4g}  {best}".rstrip(), flush=True
        )
    print(f"{outcome_text(vars(result) | {'epochs': result.epochs}, task.unit)}; {result.seconds:.1f} s")
    if result.longer_tests:
        print("longer sequences:", ", ".join(f"{name} {v:.4g}" for name, v in result.longer_tests.items()))
    return result


def own_hyperparameters(variant: str, texts: Iterable[str]) -> dict[str, float]:
    """Return the hyperparameters that the cell of a variant declares, from texts NAME=VALUE,NAME=VALUE.

    Refuses a name that the cell does not declare, a value that is no such number, and a missing one.
    """
    from suite.variants import find_variant

    option, cell, values = "--hyperparameter", find_variant(variant).cell, {}
    declared = cell.hyperparameters if cell else {}
    for text in (part for several in texts for part in several.split(",")):
        name, _, value = text.partition("=")
        if name not in declared:
            known, hint = ", ".join(declared) or "none", registry.did_you_mean(name, declared)
            raise Refusal(f"{option} {text}: no hyperparameter {name!r} of {variant}.{hint} Known: {known}")
        try:
            number = float(value)
        except ValueError:
            raise Refusal(f"{option} {text}: expected NAME=VALUE, such as {name}=0.1") from None
        values[name] = change_range(name, declared[name], number, number).low
    if missing := ",".join(f"{name}=VALUE" for name in declared if name not in values):
        raise Refusal(f"{variant}: the cell has hyperparameters of its own; add {option} {missing}")
    return values


def outcome_text(result: Mapping, unit: str) -> str:
    """Return a text on how a trial ended (a result or a stored row): status, epochs, scores and success."""
    epochs, success = format_count(result["epochs"], "epoch"), result.get("success", math.nan)
    solved = "" if math.isnan(success) else f", {success:.1%} of the test sequences solved"
    return (
        f"{result['status']} after {epochs}; best epoch {result['best_epoch']}: "
        f"valid {result['valid']:.4g}, test {result['test']:.4g} {unit}{solved}"
    )


def print_comparison(result: Result, row: Mapping, splits: Mapping) -> None:
    """Print the stored row of a trial, the difference of its new scores, and the possible reasons.

    A sweep pads a trial and trains it beside others; here it is trained alone. Sums are therefore rounded
    differently, and over thousands of updates that can grow to a visible difference.
    """
    import keras

    import tasks
    from suite import identity

    task = tasks.find_task(row["task"])
    print(f"stored row: {outcome_text(row, task.unit)}")
    differences = [f"{name} {getattr(result, name) - row[name]:+.2g}" for name in ("valid", "test")]
    print(f"new minus stored: {', '.join(differences)} {task.unit}")
    codes = identity.row_codes({row["task"]: task}, [row["cell"]], splits)
    causes = [] if row["code"] else ["code, because the row does not record its version"]
    causes += [f"{part}, which changed since" for part in identity.changed_parts([row], codes)]
    if row["backend"] != keras.backend.backend():
        causes.append(f"backend, {row['backend']} in the sweep")
    causes.append("rounding, because a sweep pads networks and trains them side by side")
    if (result.valid, result.test) != (row["valid"], row["test"]):
        print(f"possible reasons for a difference: {'; '.join(causes)}")


def write_curve(path: Path, result: Result) -> None:
    """Write the curve of a trial as CSV: epoch, training loss, validation score."""
    lines = [
        f"{epoch},{float(loss)!r},{float(score)!r}" for epoch, (loss, score) in enumerate(result.curve, 1)
    ]
    write_atomic(path, "\n".join(["epoch,train,valid", *lines, ""]).encode())
    print(f"curve    {path}")


def stored_row(folder: Path, task: str | None, cell: str, trial: int) -> dict:
    """Return the row of a trial in a results folder; refuse if there is none, or if a task must be named."""
    tasks, rows = store.read_config(folder)["tasks"], store.load(folder)
    if task is None and len(tasks) > 1:
        raise Refusal(f"{folder} holds several tasks: expected --task, one of {', '.join(tasks)}, got none")
    task, cell = canonical_task_name(task or tasks[0]), listed_variant(cell, set(rows["cell"]))
    rows = rows[(rows["task"] == task) & (rows["cell"] == cell)]
    chosen = rows[rows["trial"] == trial].to_dict("records")
    if not chosen:
        hint = f"; odyssey status {folder} lists its searches"
        if rows.empty:
            raise Refusal(f"{folder} holds no trial of {cell} on {task}{hint}")
        stored = f"trials {min(rows['trial'])} to {max(rows['trial'])}"
        raise Refusal(f"{folder} holds no trial {trial} of {cell} on {task}, but {stored}{hint}")
    return chosen[0]


def trial_of_row(folder: Path, row: Mapping) -> tuple[SweepConfig, Trial]:
    """Return the trial of a stored row, and the settings of its sweep reduced to its task and cell."""
    config = config_from_table(store.read_config(folder))
    space = config.space_of(row["cell"])
    whole = {name for name, entry in space.items() if isinstance(entry, Range) and entry.whole}
    values = {name: int(row[name]) if name in whole else row[name] for name in space}
    # Hyperband gives most trials fewer epochs, and no row says how many: those it trained, at least
    epochs = row["epochs"] if config.oracle == "hyperband" else config.protocol.epochs
    config = replace(config, tasks=(row["task"],), cells=(row["cell"],), variant_spaces={row["cell"]: space})
    return config, Trial(row["trial"], row["seed"], values, epochs)
