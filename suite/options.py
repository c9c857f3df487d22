"""Options of variants and tasks: one grammar, `name@key=value,key=value`.

The options of a name are the keyword-only parameters of a function, with their defaults. Their annotations
say which values they take: `bool`, a `Literal` of texts, or `Annotated[int, Between(low, high)]`, also with
`float`. In its canonical form, a name has the options that differ from the defaults, sorted, so that a name
is one column of a row, one folder and one word in a shell.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from suite import Refusal, registry


@dataclass(frozen=True)
class Between:
    """The values of a number, both ends included."""

    low: float
    high: float


def base_name(name: str) -> str:
    """Return a name without its options."""
    return name.partition("@")[0]


def parse_options(kind: str, name: str, function: Callable) -> dict[str, Any]:
    """Return the values of the options in a name, by the keyword-only parameters of a function.

    Refused: text that is no option, an unknown or repeated option, and a value that it does not take; `kind`
    names what has the options, such as "cell".
    """
    known = {parameter.name: parameter.annotation for parameter in option_parameters(function)}
    base, at, text = name.partition("@")
    values: dict[str, Any] = {}
    for part in text.split(",") if at else ():
        key, equals, value = part.partition("=")
        if not (key and equals and value):
            raise Refusal(f"{kind} {name!r}: expected options as {base}@key=value,key=value, got {part!r}")
        if key not in known:
            options = " ".join(describe_option(key, hint) for key, hint in known.items()) or "none"
            hint = registry.did_you_mean(key, known)
            raise Refusal(f"{kind} {name!r}: unknown option {key!r}.{hint} Options of {base}: {options}")
        if key in values:
            raise Refusal(f"{kind} {name!r}: the option {key} is given twice; leave one out")
        values[key] = parse_value(f"{kind} {name!r}: {key}", value, known[key])
    return values


def canonical_name(name: str, values: Mapping[str, Any], function: Callable) -> str:
    """Return a name with its options sorted, without those that are the defaults."""
    defaults = {parameter.name: parameter.default for parameter in option_parameters(function)}
    texts = [f"{key}={value_text(values[key])}" for key in sorted(values) if values[key] != defaults[key]]
    return base_name(name) + ("@" + ",".join(texts) if texts else "")


def option_parameters(function: Callable) -> list[inspect.Parameter]:
    """Return the parameters of a function that are options."""
    parameters = inspect.signature(function).parameters.values()
    return [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def parse_value(label: str, text: str, hint: Any) -> Any:
    """Return the value of an option from its text; refuse one that the option does not take."""
    kind, *bounds = typing.get_args(hint) if typing.get_origin(hint) is typing.Annotated else (hint,)
    if kind is bool or typing.get_origin(kind) is typing.Literal:
        choices = {value_text(value): value for value in option_choices(kind)}
        if text not in choices:
            raise Refusal(f"{label}: expected {' or '.join(choices)}, got {text!r}")
        return choices[text]
    [between] = bounds
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not between.low <= value <= between.high:
        raise Refusal(f"{label}: expected {describe_values(hint)}, got {text!r}")
    return value


def option_choices(kind: Any) -> tuple:
    """Return the values of an option that takes one of a few."""
    return (False, True) if kind is bool else typing.get_args(kind)


def value_text(value: Any) -> str:
    """Return a value as it is written in a name."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def describe_option(key: str, hint: Any) -> str:
    """Return an option and its values as text, such as "layers=1…16"."""
    return f"{key}={describe_values(hint, '…', '|')}"


def describe_values(hint: Any, to: str = " to ", between: str = " or ") -> str:
    """Return the values that an option takes as text."""
    if typing.get_origin(hint) is typing.Annotated:
        kind, bounds = typing.get_args(hint)
        text = f"{bounds.low:g}{to}{bounds.high:g}"
        return text if to != " to " else f"a {'whole ' if kind is int else ''}number, {text}"
    return between.join(map(value_text, option_choices(hint)))
