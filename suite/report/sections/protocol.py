"""How the sweep was run: the settings of every search and the space its trials are drawn from."""

import math
from typing import Any

import pandas as pd

from suite.analysis.findings import Findings
from suite.config import SweepConfig, SweepRecord
from suite.report.formatting import format_number, hyperparameter_label
from suite.report.parts import Part, Section, Table, TableColumn, Text
from suite.space import Choice, Range

ORACLE_DESCRIPTIONS = {
    "random": "A trial draws its hyperparameters at random, independently of the scores of other trials.",
    "bayesian": "Bayesian search chooses the hyperparameters of a trial by the scores of earlier trials.",
    "hyperband": "Hyperband draws hyperparameters at random and continues the best trials for more epochs.",
}
SCALE_DESCRIPTIONS = {
    "log": "uniform in log(x)",
    "linear": "uniform in x",
    "one minus log": "uniform in log(1 − x)",
}


def build(findings: Findings) -> list[Section]:
    """Return the section on the protocol."""
    parts: list[Part] = [
        Text(
            "Every variant gets the same number of trials on every task. "
            f"{ORACLE_DESCRIPTIONS[findings.config.oracle]} A trial is trained until its validation score "
            "stops improving. Its test score uses the weights with the best validation score."
        ),
        protocol_table(findings.record),
        space_table(findings.config),
        Text(
            "A trial that failed, or that diverged before its first score, has no score and ranks below all "
            "others. Means leave it out, and their tables give the number of trials they include. Medians "
            "count it as worse than any score. A trial that diverged later keeps its best scores."
        ),
    ]
    return [Section("protocol", "Protocol", parts)]


def protocol_settings(record: SweepRecord) -> dict[str, Any]:
    """Return the settings of every search of a sweep by name."""
    config, protocol = record.config, record.config.protocol
    return {
        "trials": record.trials_per_search,
        "oracle": config.oracle,
        "epochs": protocol.epochs,
        "patience": protocol.patience,
        "batch": protocol.batch,
        "optimiser": protocol.optimiser,
        **{f"initial weights, {pattern}": rule for pattern, rule in protocol.initial_weights.items()},
        "seed": config.seed,
    }


def space_settings(config: SweepConfig) -> dict[str, str]:
    """Return the range of each hyperparameter in words, by its name; ranges of single variants come last."""
    own = {
        f"{hyperparameter_label(name)} of {variant}": entry
        for variant, space in config.variant_spaces.items()
        for name, entry in space.items()
        if entry != config.space.get(name)
    }
    shared = {hyperparameter_label(name): bounds for name, bounds in config.space.items()}
    return {name: _entry_text(entry) for name, entry in {**shared, **own}.items()}


def protocol_table(record: SweepRecord) -> Table:
    """Return the settings of every search."""
    settings = [(name, str(value)) for name, value in protocol_settings(record).items()]
    frame = pd.DataFrame(settings, columns=["setting", "value"])
    caption = "The settings of every search; “trials” is the number for each variant on each task."
    return Table(
        "protocol", caption, frame, [TableColumn("setting", "setting"), TableColumn("value", "value")]
    )


def space_table(config: SweepConfig) -> Table:
    """Return the hyperparameters and the ranges they are drawn from, with those of single variants below."""
    own_ranges = [
        (variant, name, entry)
        for variant, space in config.variant_spaces.items()
        for name, entry in space.items()
        if entry != config.space.get(name)
    ]
    overridden = {name for _, name, _ in own_ranges}
    lines: list[tuple[str, str, Range | Choice]] = [
        ("all others" if name in overridden else "all", name, bounds) for name, bounds in config.space.items()
    ] + own_ranges
    frame = pd.DataFrame(
        [(variant, name, *_describe_entry(entry)) for variant, name, entry in lines],
        columns=["variant", "hyperparameter", "low", "high", "scale"],
    )
    if not config.variant_spaces:
        frame = frame.drop(columns="variant")
    columns = [
        *([TableColumn("variant", "variant")] if config.variant_spaces else []),
        TableColumn("hyperparameter", "hyperparameter", hyperparameter_label),
        TableColumn("from", "low"),
        TableColumn("to", "high"),
        TableColumn("drawn", "scale", lambda scale: SCALE_DESCRIPTIONS.get(scale, scale)),
    ]
    return Table("space", "The space that hyperparameters are drawn from.", frame, columns)


def _entry_text(entry: Range | Choice) -> str:
    low, high, scale = _describe_entry(entry)
    if isinstance(entry, Choice):
        return scale
    return f"{format_number(low, digits=6)} to {format_number(high, digits=6)}, {scale}"


def _describe_entry(entry: Range | Choice) -> tuple[float, float, str]:
    """Return low, high and scale of a range; of a choice, its values stand in place of a scale."""
    if isinstance(entry, Choice):
        return math.nan, math.nan, f"one of {', '.join(entry.values)}"
    return entry.low, entry.high, entry.scale
