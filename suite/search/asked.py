"""What a sweep is asked: the question, as data."""

import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import tasks
from suite import Refusal, cells, registry
from suite import space as spaces
from suite.task import SPLITS
from suite.training.trial import Protocol

ORACLES = ("random", "bayesian", "hyperband")
OPTIMISERS = ("nesterov", "sgd", "rmsprop", "adam")  # those of training.optimiser, known without Keras
PRESETS = Path(__file__).parent / "presets"


@dataclass(frozen=True)
class Asked:
    """What a sweep is asked: the same question gives the same rows, on any number of workers."""

    name: str
    title: str = ""
    seed: int = 1
    tasks: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    trials: int = 200
    oracle: str = "random"
    protocol: Protocol = Protocol()
    space: spaces.Space = field(default_factory=lambda: spaces.PAPER)

    def check(self) -> None:
        """Refuse what cannot be asked."""
        for name, least in (("trials", self.trials), ("epochs", self.protocol.epochs)):
            if least < 1:
                raise Refusal(f"{name}: expected at least 1, got {least}")
        for name in ("patience", "batch"):
            if getattr(self.protocol, name) < 1:
                raise Refusal(f"{name}: expected at least 1, got {getattr(self.protocol, name)}")
        if self.oracle not in ORACLES:
            raise registry.unknown("oracle", self.oracle, ORACLES)
        if self.protocol.optimiser not in OPTIMISERS:
            raise registry.unknown("optimiser", self.protocol.optimiser, OPTIMISERS)
        for name, asked in self.space.items():
            spaces.check(name, asked)
        for what in ("tasks", "cells"):
            names = getattr(self, what)
            twice = {name for name in names if names.count(name) > 1}
            if twice or not names:
                raise Refusal(f"{what}: expected different names, got {', '.join(names) or 'none'}")

    def to_table(self) -> dict:
        """Return what is asked as plain data, as it stands in sweep.toml."""
        table = asdict(self) | asdict(self.protocol)
        del table["protocol"]
        return table | {
            "tasks": list(self.tasks),
            "cells": list(self.cells),
            "space": spaces.to_table(self.space),
        }


def preset(name: str) -> Asked:
    """Return the question of a preset, by name or as the path of a TOML file."""
    path = Path(name) if name.endswith(".toml") else PRESETS / f"{name}.toml"
    if not path.is_file():
        raise registry.unknown("preset", name, presets())
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise Refusal(f"{path}: {error}") from None
    return from_table({"name": path.stem} | table)


def presets() -> list[str]:
    """Return the names of the presets."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def from_table(table: dict) -> Asked:
    """Return the question that plain data asks; ranges and settings it leaves out are the paper's."""
    table = {key: value for key, value in table.items() if key != "about"}
    of_protocol = {f.name for f in fields(Protocol)}
    known = {f.name for f in fields(Asked)} | of_protocol
    for key in table:
        if key not in known:
            raise registry.unknown("setting", key, sorted(known - {"protocol"}))
    protocol = Protocol(**{key: table[key] for key in of_protocol & table.keys()})
    ranges = {n: (r["low"], r["high"]) for n, r in table.get("space", {}).items()}
    rest = {key: table[key] for key in table.keys() - of_protocol - {"space", "tasks", "cells"}}
    return Asked(
        **rest,
        tasks=tuple(table.get("tasks", ())),
        cells=tuple(table.get("cells", ())),
        protocol=protocol,
        space=spaces.override(spaces.PAPER, ranges),
    )


def about(asked: Asked, data: Path | None) -> dict:
    """Return what a report says of the tasks and cells of a sweep, so that it need not load them."""
    of_tasks = {}
    for name in asked.tasks:
        task, splits = tasks.find(name), tasks.find(name).load(data)
        sizes = {split: len(splits[split]) for split in SPLITS}
        steps = int(splits["train"].lengths.sum())
        words = {"title": task.title, "unit": task.unit, "source": task.source}
        of_tasks[name] = words | sizes | {"steps": steps}
    references = cells.references()
    of_cells = {name: registry.summary(references.get(name, name)) for name in asked.cells}
    return {"tasks": of_tasks, "cells": of_cells}
