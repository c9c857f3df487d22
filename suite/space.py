"""The search space: the range of each hyperparameter, with its scale, or the texts it is chosen from."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from suite import Refusal, registry


@dataclass(frozen=True)
class Range:
    """The range of a hyperparameter, drawn uniformly between low and high on a scale.

    On the scale "log", log(value) is uniform; on "one minus log", log(1 − value), as for a momentum. If low
    and high are equal, the hyperparameter is constant. With `whole`, values are integers.
    """

    low: float
    high: float
    scale: Literal["linear", "log", "one minus log"] = "linear"
    whole: bool = False

    @property
    def varies(self) -> bool:
        """Whether the range holds more than one value."""
        return self.low < self.high

    def declare(self, name: str, hp: Any) -> float:
        """Declare the hyperparameter to KerasTuner's `HyperParameters` and return its current value.

        KerasTuner has no scale "one minus log": there the hyperparameter "one_minus_" + name is declared, on
        the scale "log".
        """
        if self.scale == "one minus log":
            mirrored = Range(1 - self.high, 1 - self.low, "log")
            return 1 - mirrored.declare(f"one_minus_{name}", hp)
        if self.low == self.high:
            return hp.Fixed(name, self.low)
        draw = hp.Int if self.whole else hp.Float
        return draw(name, self.low, self.high, sampling=self.scale)

    def position(self, values: ArrayLike) -> np.ndarray:
        """Return the positions of values in the range, on its scale: low is 0, high is 1."""
        low, high = self._to_scale(self.low), self._to_scale(self.high)
        return (self._to_scale(values) - low) / (high - low)

    def value(self, positions: ArrayLike) -> np.ndarray:
        """Return the values at positions 0 … 1 in the range, not rounded: the inverse of `position`."""
        low, high = self._to_scale(self.low), self._to_scale(self.high)
        scaled_values = low + np.asarray(positions) * (high - low)
        match self.scale:
            case "log":
                return np.exp(scaled_values)
            case "one minus log":
                return -np.expm1(-scaled_values)
        return scaled_values

    def _to_scale(self, values):
        """Return values transformed to the scale on which they are drawn uniformly."""
        match self.scale:
            case "log":
                return np.log(values)
            case "one minus log":
                return -np.log1p(-np.asarray(values))
        return np.asarray(values, float)


@dataclass(frozen=True)
class Choice:
    """The values of a hyperparameter that is a text, in no order; each is drawn with the same probability.

    They are those of an option of a variant, as they are written in its name, or rules of initial weights.
    """

    values: tuple[str, ...]

    @property
    def varies(self) -> bool:
        """Whether there is more than one value."""
        return len(self.values) > 1

    def declare(self, name: str, hp: Any) -> str:
        """Declare the hyperparameter to KerasTuner's `HyperParameters` and return its current value."""
        return hp.Choice(name, list(self.values)) if self.varies else hp.Fixed(name, self.values[0])


SCALES = ("linear", "log", "one minus log")
Space = Mapping[str, Range]  # of the hyperparameters that all variants have
VariantSpace = Mapping[str, Range | Choice]  # of all hyperparameters of one variant, or of those of its own

PAPER_SPACE: Space = {  # Greff et al. (2017)
    "units": Range(20, 200, "log", whole=True),
    "learning_rate": Range(1e-6, 1e-2, "log"),
    "momentum": Range(0.0, 0.99, "one minus log"),
    "input_noise": Range(0.0, 1.0),
}

OPTIONAL_RANGES: Space = {  # may be added to a space; a trial without them does not clip
    "clip_norm": Range(0.1, 10.0, "log"),  # of a trial's whole gradient
    "clip_value": Range(0.01, 1.0, "log"),  # of each of its entries
}

VALUE_LIMITS = {  # the smallest and the largest value that any range may contain
    "units": (1, 100_000),
    "learning_rate": (0.0, 1e6),
    "momentum": (0.0, 1.0),
    "input_noise": (0.0, 1e6),
    "clip_norm": (0.0, 1e6),
    "clip_value": (0.0, 1e6),
}


def varied_ranges(space: Space) -> dict[str, Range]:
    """Return the ranges of a space that hold more than one value, in their order."""
    return {name: bounds for name, bounds in space.items() if bounds.varies}


def override_ranges(space: Space, changes: Mapping[str, tuple[float, float]]) -> Space:
    """Return a space with low and high of some ranges changed; refuse an unknown name or an impossible range.

    A change of a hyperparameter of `OPTIONAL_RANGES` adds it. The order of the result does not depend on the
    order of `changes`, because the draws of a search depend on it.
    """
    known_ranges: Space = {**OPTIONAL_RANGES, **space}
    changed = {}
    for name, (low, high) in changes.items():
        if name not in known_ranges:
            raise registry.unknown_name_error("hyperparameter", name, [*space, *OPTIONAL_RANGES])
        changed[name] = change_range(name, known_ranges[name], low, high)
    ordered = [*(name for name in space if name not in OPTIONAL_RANGES), *OPTIONAL_RANGES]
    return {
        name: changed.get(name, known_ranges[name]) for name in ordered if name in space or name in changed
    }


def change_range(name: str, bounds: Range, low: float, high: float) -> Range:
    """Return a range with another low and high; refuse an impossible range."""
    check_range(name, Range(low, high, bounds.scale, bounds.whole))
    kind = int if bounds.whole else float
    return Range(kind(low), kind(high), bounds.scale, bounds.whole)


def parse_range_bounds(name: str, entry: object, table: str = "space") -> tuple[float, float]:
    """Return low and high of a range from its entry in a TOML file; refuse one that changes anything else.

    The scale, and whether values are whole, belong to the hyperparameter: an entry may repeat them, as in
    every sweep.toml, but not change them. `table` is the name of the table of the entry.
    """
    known = {**PAPER_SPACE, **OPTIONAL_RANGES}
    if name not in known:
        raise registry.unknown_name_error("hyperparameter", name, known)
    if not isinstance(entry, Mapping):
        raise Refusal(f"{table}.{name}: expected a table of low and high, got {entry!r}")
    constants = asdict(known[name])
    for key, value in entry.items():
        if key not in constants:
            raise Refusal(f"{table}.{name}: {registry.unknown_name_error('key', key, constants)}")
        if key in ("low", "high"):
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise Refusal(f"{table}.{name}: expected {key} to be a number, got {value!r}")
        elif value != constants[key]:
            raise Refusal(f"{table}.{name}: {key} is always {constants[key]!r}, got {value!r}; leave it out")
    present = [key for key in ("low", "high") if key in entry]
    if len(present) < 2:
        raise Refusal(
            f"{table}.{name}: expected low and high, got {f'{present[0]} alone' if present else 'neither'}"
        )
    return entry["low"], entry["high"]


def parse_hyperparameter(name: str, entry: object, table: str) -> Range | Choice:
    """Return a range or a choice from its entry in a TOML file.

    The entry holds values, or low and high, and if need be scale and whole. `table` is the name of the table
    of the entry.
    """
    keys = {field.name: field.type for field in fields(Range)}
    if not isinstance(entry, Mapping):
        raise Refusal(f"{table}.{name}: expected a table of low and high, or of values, got {entry!r}")
    if "values" in entry:
        return parse_choice(name, entry, table)
    for key in entry:
        if key not in keys:
            raise Refusal(f"{table}.{name}: {registry.unknown_name_error('key', key, keys)}")
    for key in ("low", "high"):
        value = entry.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Refusal(f"{table}.{name}: expected {key} to be a number, got {value!r}")
    if entry.get("scale", "linear") not in SCALES:
        raise registry.unknown_name_error(f"scale of {table}.{name}", str(entry["scale"]), SCALES)
    return Range(**entry)


def parse_choice(name: str, entry: Mapping, table: str) -> Choice:
    """Return a choice from its entry in a TOML file, {"values": texts}."""
    values = entry["values"]
    if other_keys := [key for key in entry if key != "values"]:
        raise Refusal(f"{table}.{name}: expected values alone, got {', '.join(other_keys)} as well")
    is_list_of_texts = isinstance(values, list | tuple) and all(isinstance(value, str) for value in values)
    if not is_list_of_texts or not values or len(set(values)) < len(values):
        raise Refusal(
            f'{table}.{name}: expected values to be a list of distinct texts, such as ["no", "yes"], got '
            f"{values!r}"
        )
    return Choice(tuple(values))


def check_range(name: str, requested: Range) -> None:
    """Refuse a range that is empty, impossible on its scale, or outside `VALUE_LIMITS`."""
    low, high = requested.low, requested.high
    least, most = VALUE_LIMITS.get(name, (-math.inf, math.inf))
    if not low <= high:
        reason = "low must be at most high"
    elif name not in VALUE_LIMITS and not math.isfinite(high - low):
        reason = "its values must be finite"
    elif not least <= low or not high <= most:
        reason = f"values must lie in {least:g}:{most:g}"
    elif requested.scale == "log" and low <= 0:
        reason = "its scale is logarithmic, so low must be above 0"
    elif requested.scale == "one minus log" and high >= 1:
        reason = "its scale is logarithmic in 1 − value, so high must be below 1"
    elif requested.whole and (low != int(low) or high != int(high)):
        reason = "its values are whole numbers"
    else:
        return
    raise Refusal(f"{name}: the range {low:g}:{high:g} is invalid: {reason}")


def space_to_table(space: VariantSpace) -> dict[str, dict]:
    """Return a space as dicts of plain values, for a sweep's TOML file."""
    return {
        name: {"values": list(entry.values)} if isinstance(entry, Choice) else asdict(entry)
        for name, entry in space.items()
    }


def space_from_table(table: Mapping[str, Mapping]) -> Space:
    """Return a space from the dicts of a sweep's TOML file: the inverse of `space_to_table`."""
    return {name: Range(**r) for name, r in table.items()}
