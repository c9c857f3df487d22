"""The hyperparameters of a search: their ranges, and the scales they are drawn on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from suite import Refusal, registry


@dataclass(frozen=True)
class Range:
    """What a hyperparameter is drawn from: uniformly between low and high on a scale.

    "log" makes log(value) uniform, "one minus log" log(1 − value), as for a momentum. A range whose ends are
    equal fixes the value.
    """

    low: float
    high: float
    scale: Literal["linear", "log", "one minus log"] = "linear"
    whole: bool = False

    def declare(self, name: str, hp) -> float:
        """Declare the hyperparameter to KerasTuner's `HyperParameters` and return its present value.

        KerasTuner has no scale "one minus log"; there it draws 1 − value, and calls it so.
        """
        if self.scale == "one minus log":
            mirrored = Range(1 - self.high, 1 - self.low, "log")
            return 1 - mirrored.declare(f"one_minus_{name}", hp)
        if self.low == self.high:
            return hp.Fixed(name, self.low)
        draw = hp.Int if self.whole else hp.Float
        return draw(name, self.low, self.high, sampling=self.scale)

    def position(self, values):
        """Return where values lie between the ends, on the scale they were drawn on: low is 0, high is 1."""
        low, high = self._to_scale(self.low), self._to_scale(self.high)
        return (self._to_scale(values) - low) / (high - low)

    def value(self, positions):
        """Return the values at positions in 0 … 1, not rounded: the inverse of `position`."""
        low, high = self._to_scale(self.low), self._to_scale(self.high)
        places = low + np.asarray(positions) * (high - low)
        match self.scale:
            case "log":
                return np.exp(places)
            case "one minus log":
                return -np.expm1(-places)
        return places

    def _to_scale(self, values):
        """Return where values lie on the line that they were drawn from uniformly."""
        match self.scale:
            case "log":
                return np.log(values)
            case "one minus log":
                return -np.log1p(-np.asarray(values))
        return np.asarray(values, float)


Space = Mapping[str, Range]

PAPER_SPACE: Space = {  # Greff et al. (2017)
    "units": Range(20, 200, "log", whole=True),
    "learning_rate": Range(1e-6, 1e-2, "log"),
    "momentum": Range(0.0, 0.99, "one minus log"),
    "input_noise": Range(0.0, 1.0),
}

OPTIONAL_RANGES: Space = {  # what a space may have besides; a trial without it is not clipped
    "clip_norm": Range(0.1, 10.0, "log"),  # of a trial's whole gradient
    "clip_value": Range(0.01, 1.0, "log"),  # of each of its entries
}

VALUE_LIMITS = {  # what a value may be, whatever range is asked
    "units": (1, 100_000),
    "learning_rate": (0.0, 1e6),
    "momentum": (0.0, 1.0),
    "input_noise": (0.0, 1e6),
    "clip_norm": (0.0, 1e6),
    "clip_value": (0.0, 1e6),
}


def varied_ranges(space: Space) -> dict[str, Range]:
    """Return the ranges of a space that hold more than one value, in their order."""
    return {name: bounds for name, bounds in space.items() if bounds.low < bounds.high}


def override_ranges(space: Space, changes: Mapping[str, tuple[float, float]]) -> Space:
    """Return a space with the ends of some ranges changed; refuse a name or a range that cannot be.

    Ranges of `OPTIONAL_RANGES` are added, always in the same order: what a search draws depends on it.
    """
    known = {**OPTIONAL_RANGES, **space}
    changed = {}
    for name, (low, high) in changes.items():
        if name not in known:
            raise registry.unknown_name_error("hyperparameter", name, [*space, *OPTIONAL_RANGES])
        check_range(name, Range(low, high, known[name].scale, known[name].whole))
        kind = int if known[name].whole else float
        changed[name] = Range(kind(low), kind(high), known[name].scale, known[name].whole)
    ordered = [*(name for name in space if name not in OPTIONAL_RANGES), *OPTIONAL_RANGES]
    return {name: changed.get(name, known[name]) for name in ordered if name in space or name in changed}


def parse_range_bounds(name: str, entry: object) -> tuple[float, float]:
    """Return low and high of a range as it stands in a TOML file; refuse an entry that says anything else.

    The scale, and whether values are whole, belong to the hyperparameter: an entry may repeat them, as the
    sweep.toml of every sweep does, but not change them.
    """
    known = {**PAPER_SPACE, **OPTIONAL_RANGES}
    if name not in known:
        raise registry.unknown_name_error("hyperparameter", name, known)
    if not isinstance(entry, Mapping):
        raise Refusal(f"space.{name}: expected a table of low and high, got {entry!r}")
    fixed = asdict(known[name])
    for key, value in entry.items():
        if key not in fixed:
            raise Refusal(f"space.{name}: {registry.unknown_name_error('key', key, fixed)}")
        if key in ("low", "high"):
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise Refusal(f"space.{name}: expected {key} to be a number, got {value!r}")
        elif value != fixed[key]:
            raise Refusal(f"space.{name}: {key} is always {fixed[key]!r}, got {value!r}; leave it out")
    given = [key for key in ("low", "high") if key in entry]
    if len(given) < 2:
        raise Refusal(
            f"space.{name}: expected low and high, got {f'{given[0]} alone' if given else 'neither'}"
        )
    return entry["low"], entry["high"]


def check_range(name: str, asked: Range) -> None:
    """Refuse a range that is empty, that its scale cannot hold, or that no training could use."""
    low, high, (least, most) = asked.low, asked.high, VALUE_LIMITS[name]
    if not low <= high:
        reason = "low must be at most high"
    elif not least <= low or not high <= most:
        reason = f"values must lie in {least:g}:{most:g}"
    elif asked.scale == "log" and low <= 0:
        reason = "its scale is logarithmic, so low must be above 0"
    elif asked.scale == "one minus log" and high >= 1:
        reason = "its scale is logarithmic in 1 − value, so high must be below 1"
    elif asked.whole and (low != int(low) or high != int(high)):
        reason = "its values are whole numbers"
    else:
        return
    raise Refusal(f"{name}: the range {low:g}:{high:g} cannot be: {reason}")


def space_to_table(space: Space) -> dict[str, dict]:
    """Return a space as plain data, as it stands in a sweep's TOML."""
    return {name: asdict(r) for name, r in space.items()}


def space_from_table(table: Mapping[str, Mapping]) -> Space:
    """Return the space that plain data describes."""
    return {name: Range(**r) for name, r in table.items()}
