"""`odyssey check`: test cells and tasks against their rules, and estimate the time of training them here.

Of a variant with options, such as `lstm@layers=2`, the cell is checked. A baseline has no rules.
"""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Annotated

import typer

from suite import Refusal, options, registry
from suite.cli.common import BackendOption, DataOption, select_backend, split_names
from suite.cli.other_backends import checks_on_other_backends, read_faults
from suite.keras_loader import load_keras
from suite.task import Split, Task
from suite.text import format_count, format_duration

if TYPE_CHECKING:
    from suite.cells.base import Cell
    from suite.variants import Variant

EXIT_BROKEN = 1  # the exit code if a rule is broken
KEPT, BROKEN, NOT_CHECKED = "kept", "BROKEN", "not checked"  # headings of rules
EXAMPLE_FEATURES, EXAMPLE_UNITS = 88, 100  # of the sizes that are printed of a variant, without a task


def complete_name(incomplete: str) -> list[str]:
    """Return the names of tasks and variants that begin like this, for the completion of a shell."""
    import tasks
    from suite import variants

    names = (*tasks.task_references(), *variants.variant_references())
    return [name for name in names if name.startswith(incomplete)]


def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Tasks, cells and baselines, in any order: names, or module:NAME.",
            show_default=False,
            autocompletion=complete_name,
        ),
    ] = None,
    data: DataOption = None,
    backend: BackendOption = None,
) -> None:
    """Print the facts of tasks and cells, whether they keep their rules, and the time of a trial here.

    Cells are checked on both backends, where both are installed. The exit code is 0 if all rules are kept, 1
    if one is broken, 2 if a name is not known.
    """
    select_backend(backend)
    tasks, variants = sort_names(split_names("NAME", names))
    cells = {options.base_name(name): variant.cell for name, variant in variants.items() if variant.cell}
    with checks_on_other_backends(cells) as processes:
        splits, tasks_kept = print_tasks(tasks, data)
        elsewhere = {backend: read_faults(backend, process) for backend, process in processes.items()}
        features = next((tasks[name].features for name in splits), EXAMPLE_FEATURES)
        cells_kept = True
        for name, cell in cells.items():
            on_others = {backend: faults[name] for backend, faults in elsewhere.items()}
            cells_kept = print_cell(name, cell, features, on_others) and cells_kept
            print()
        for name, variant in variants.items():
            if name not in cells and (cells_kept or not variant.cell):  # weights of a broken cell may raise
                print_variant(variant, features)
                print()
    if splits and cells_kept:
        print_times({name: tasks[name] for name in splits}, variants, splits)
    raise typer.Exit(0 if tasks_kept and cells_kept else EXIT_BROKEN)


def print_tasks(tasks: Mapping[str, Task], data: Path | None) -> tuple[dict[str, Mapping[str, Split]], bool]:
    """Print the facts of tasks and whether they keep their rules; return the splits of those that do."""
    splits = {}
    for name, task in tasks.items():
        try:
            splits[name] = print_task(name, task, data)
        except Refusal as refusal:
            print_line(BROKEN, refusal)
        print()
    return splits, len(splits) == len(tasks)


def sort_names(names: list[str]) -> tuple[dict[str, Task], "dict[str, Variant]"]:
    """Return the tasks and the variants among some names, by canonical name; refuse other names."""
    import tasks as suite_tasks
    from suite import variants

    if not names:
        raise Refusal(
            "expected tasks or cells to check, got none; name some, such as odyssey check adding lstm"
        )
    task_references, variant_references = suite_tasks.task_references(), variants.variant_references()
    references = {**task_references, **variant_references}
    for name in names:  # before Keras is loaded, which takes seconds
        base = options.base_name(name)
        if base in variant_references:
            variants.canonical_variant(name)
        elif ":" not in base and base not in references:
            raise registry.unknown_name_error("task, cell or baseline", base, references)
    load_keras()
    found_tasks: dict[str, Task] = {}
    found_variants: dict[str, Variant] = {}
    for name in names:
        base = options.base_name(name)
        value = None if base in references else registry.resolve_reference("task or cell", base, references)
        if base in variant_references or isinstance(value, type):
            variant = variants.find_variant(name)
            found_variants[variant.name] = variant
        elif base in task_references or isinstance(value, Task | FunctionType):
            found_tasks[suite_tasks.canonical_task(name)] = suite_tasks.find_task(name)
        else:
            raise Refusal(
                f"{name}: expected a suite.task.Task or a subclass of suite.cells.base.Cell, got {value!r}"
            )
    return found_tasks, found_variants


def print_task(name: str, task: Task, data: Path | None) -> Mapping[str, Split]:
    """Print the facts of a task and whether it keeps its rules; return its splits.

    A broken rule is refused (`suite.task_check`).
    """
    from suite import task_check

    print(f"task {name}")
    task_check.check_task(name, task)
    features = format_count(task.features, "symbol" if task.inputs == "symbols" else "feature")
    outputs = format_count(task.outputs, "output")
    steps = {"last step": "the last step", "unaligned": "every step, the last of them for the blank"}
    facts = {
        "title": task.title,
        "source": task.source or "none",
        "shape": task.io_shape,
        "network": f"{features} in, {outputs} at {steps.get(task.answers, task.answers)}",
        "trained by": f"the loss {task.loss}{', weighted by class' if task.class_weights else ''}",
        "scored by": f"the metric {task.metric}{task.unit and f', in {task.unit}'}; lower is better",
    }
    print_facts(facts)
    print_line(KEPT, "the fields of the task have values that the suite can train with")
    splits = task_check.load_checked_splits(name, task, data)
    print_line(KEPT, f"the splits are {', '.join(splits)}, each with as many targets as inputs")
    for array in ("inputs", "targets"):
        rules = [
            expected.removeprefix("as ").removeprefix("that are ")
            for rule_array, expected, _ in task_check.array_rules(task)
            if rule_array == array
        ]
        print_line(KEPT, f"the {array} of every sequence are {', '.join(rules)}")
    print_facts(data_facts(task, splits))
    return splits


def data_facts(task: Task, splits: Mapping[str, Split]) -> dict[str, str]:
    """Return a description of the data of a task: texts by heading."""
    from suite.report.formatting import format_number
    from suite.task_summary import constant_score, duplicate_counts, summarise_split

    facts = {}
    for split, sequences in splits.items():
        summary = summarise_split(task, sequences)
        low, median, high = summary.steps
        steps = f"{low} to {high} steps, median {median}"
        if low == high:
            steps = f"{format_count(low, 'step')}{' each' if summary.sequences > 1 else ''}"
        count = format_count(summary.sequences, "sequence")
        facts[split] = f"{count} of {steps}; inputs {summary.inputs}; targets {summary.targets}"
    score = format_number(constant_score(task, splits), digits=4)
    facts["constant"] = (
        f"the constant answer that is best on train scores {score} on test; a network should do better"
    )
    duplicates = [
        f"{format_count(count, 'sequence')} of {later} {'is' if count == 1 else 'are'} also in {earlier}"
        for earlier, later, count in duplicate_counts(splits)
    ]
    facts["duplicates"] = "; ".join(duplicates) or "no sequence is in two splits"
    return facts


def print_cell(
    name: str, cell: "type[Cell]", features: int, faults_elsewhere: Mapping[str, dict[str, str]]
) -> bool:
    """Print the facts of a cell and a line for each rule; return whether the cell keeps all of them.

    `faults_elsewhere` are those of `suite.cells.check.cell_faults` on other backends.
    """
    from suite.cells.check import CELL_RULES, cell_faults

    print(f"cell {name}")
    faults = cell_faults(cell)
    if faults.get("weights") == "":  # else its shapes may raise
        print_facts(cell_facts(cell, features))
    for rule, text in CELL_RULES.items():
        if rule not in faults:
            print_line(NOT_CHECKED, text)
        elif faults[rule]:
            print_fault(text, faults[rule])
        else:
            print_line(KEPT, text)
    keeps_rules = not any(faults.values())
    for backend, others in faults_elsewhere.items():
        different = {rule: fault for rule, fault in others.items() if fault and not faults.get(rule)}
        for rule, fault in different.items():
            print_fault(f"on {backend}: {CELL_RULES[rule]}", fault)
        if keeps_rules and not different:
            print_line(KEPT, f"all of these rules on {backend} too")
        keeps_rules = keeps_rules and not different
    reason = "; rules that depend on a broken rule are not checked" if len(faults) < len(CELL_RULES) else ""
    print_line("checked on", " and ".join([os.environ["KERAS_BACKEND"], *faults_elsewhere]) + reason)
    return keeps_rules


def cell_facts(cell: "type[Cell]", features: int) -> dict[str, str]:
    """Return a description of a cell and of a network of example size: texts by heading."""
    groups = " and ".join(f"{' '.join(group)} (one product)" for group in cell.gates)
    return {
        "title": (cell.__doc__ or "").strip().partition("\n")[0] or "no docstring",
        "gates": groups or "none",
        "peepholes": " ".join(cell.peepholes) or "none",
        "states": f"{', '.join(cell.states)}: float32 (batch, units) each; {cell.states[0]} is the output",
    } | weight_facts(cell.shapes(features, EXAMPLE_UNITS), features)


def print_variant(variant: "Variant", features: int) -> None:
    """Print the facts of a variant with options, or of a baseline."""
    from suite.axis import Axis, shape_of
    from suite.layers.base import Stack
    from suite.variants import variant_reference

    print(f"{'variant' if variant.cell else 'baseline'} {variant.name}")
    axes = Stack(variant.layers("forward")).axes(Axis(fixed=features))
    shapes = {name: shape_of(weight_axes, EXAMPLE_UNITS) for name, weight_axes in axes.items()}
    title = registry.summary(variant_reference(variant.name)) or "no docstring"
    print_facts({"title": title} | weight_facts(shapes, features))


def weight_facts(shapes: Mapping[str, tuple[int, ...]], features: int) -> dict[str, str]:
    """Return a description of the weights of a variant of example size: texts by heading."""
    parameters = sum(map(math.prod, shapes.values()))
    return {
        "weights": ", ".join(f"{weight} {shape}" for weight, shape in shapes.items()) or "none",
        "parameters": f"{parameters:,} without the readout; this and the shapes of the weights are for "
        f"{format_count(features, 'feature')} and {EXAMPLE_UNITS} units",
    }


def print_facts(facts: Mapping[str, str]) -> None:
    """Print texts with their headings, one line each."""
    for heading, text in facts.items():
        print_line(heading, text)


def print_line(heading: str, text: object) -> None:
    """Print a text with its heading, indented under the name of a task or cell."""
    print(f"  {heading:11}  {text}")


def print_fault(rule: str, fault: str) -> None:
    """Print a broken rule, and below it what breaks the rule."""
    print_line(BROKEN, rule)
    print_line("", fault)


def print_times(
    tasks: Mapping[str, Task], variants: "Mapping[str, Variant]", splits: Mapping[str, Mapping[str, Split]]
) -> None:
    """Print the estimated time of an epoch and a trial of each variant on each task, for three sizes."""
    from suite import machine
    from suite.cli.forecast import device_rate
    from suite.config import Protocol
    from suite.space import PAPER_SPACE
    from suite.task import total_steps

    protocol, units = Protocol(), PAPER_SPACE["units"]
    sizes = [math.ceil(units.low), round(math.sqrt(units.low * units.high)), math.ceil(units.high)]
    plan = machine.plan_workers()
    device = "an H100" if plan.gpus else "a core of this machine"
    rate = device_rate(plan, sizes[1], protocol.batch)
    for name, task in tasks.items():
        steps = total_steps(splits[name])
        for variant in variants.values():
            network = variant.network(task)
            print(f"time of {variant.name} on {name}, estimated for {device}")
            for size in sizes:
                epoch, trial = (
                    format_duration(network.trial_operations(size, steps, epochs) / rate)
                    for epochs in (1, protocol.epochs)
                )
                print(f"  {size:3} units  {epoch} per epoch, {trial} per trial of {protocol.epochs} epochs")
