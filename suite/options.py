"""Options of variants and tasks: one grammar, `name@key=value,key=value`.

The options of a name are the keyword-only parameters of a function, with their defaults. Their annotations
say which values they take: `bool`, a `Literal` of texts, `Annotated[int, Between(low, high)]`, also with
`float`, or `Annotated[str, Text()]` for the name of a file or a column. In its canonical form, a name has the
options that differ from the defaults, sorted, so that a name is one column of a row, one folder and one word
in a shell.
"""

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from suite import Refusal, registry

LEGAL_ANNOTATIONS = "bool, Literal[texts], Annotated[int, Between(low, high)] or Annotated[str, Text()]"
# of a text: safe in a file name and unquoted in a shell, and without "@", "=" and ",", which separate options
LEGAL_TEXT, LEGAL_CHARACTERS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*"), "letters a to z, digits, and _ . -"


@dataclass(frozen=True)
class Between:
    """The values of a number, both ends included."""

    low: float
    high: float


@dataclass(frozen=True)
class Text:
    """Any text of `LEGAL_CHARACTERS` that does not begin with "." or "-"; the default may be "", for none."""

    hint: str = ""  # ends the refusal of another text


def base_name(name: str) -> str:
    """Return a name without its options."""
    return name.partition("@")[0]


def call_with_options(kind: str, name: str, function: Callable[..., Any]) -> tuple[str, Any]:
    """Return a name in canonical form, and what a function returns for the options in it.

    Refused: what `canonical_name` refuses, and a function that raises.
    """
    canonical = canonical_name(kind, name, function)
    try:
        return canonical, function(**parse_options(kind, name, function))
    except Refusal:
        raise
    except (Exception, SystemExit) as error:
        raise Refusal(f"{kind} {name!r}: {registry.describe_error(error)}") from error


def canonical_name(kind: str, name: str, function: Callable[..., Any]) -> str:
    """Return a name with its options sorted, without those that are the defaults of the function.

    Refused: what `parse_options` refuses.
    """
    values = parse_options(kind, name, function)
    parameters = find_options(kind, name, function)
    texts = [
        f"{key}={value_text(values[key])}" for key in sorted(values) if values[key] != parameters[key].default
    ]
    return base_name(name) + ("@" + ",".join(texts) if texts else "")


def parse_options(kind: str, name: str, function: Callable[..., Any]) -> dict[str, Any]:
    """Return the values of the options in a name, by the keyword-only parameters of a function.

    Refused: text that is no option, an unknown or repeated option, and a value that it does not take; `kind`
    names what has the options, such as "cell".
    """
    known = find_options(kind, name, function)
    base, at, text = name.partition("@")
    values: dict[str, Any] = {}
    for part in text.split(",") if at else ():
        key, equals, value = part.partition("=")
        if not (key and equals and value):
            raise Refusal(f"{kind} {name!r}: expected options as {base}@key=value,key=value, got {part!r}")
        if key not in known:
            hint = registry.did_you_mean(key, known)
            legal = describe_options(known) or "none"
            raise Refusal(f"{kind} {name!r}: unknown option {key!r}.{hint} Options of {base}: {legal}")
        if key in values:
            raise Refusal(f"{kind} {name!r}: the option {key} is given twice; leave one out")
        values[key] = parse_value(f"{kind} {name!r}: {key}", value, known[key].annotation)
    return values


def find_options(kind: str, name: str, function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a function that are options, by name, with their annotations as objects.

    Refused: an option without a default, and one whose annotation does not say which values it takes.
    """
    options = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        annotation = evaluate_annotation(function, parameter.annotation)
        if parameter.default is parameter.empty or not is_legal_annotation(annotation):
            raise Refusal(
                f"{kind} {base_name(name)!r}: expected a default for its option {parameter.name}, and an "
                f"annotation that is {LEGAL_ANNOTATIONS}; got {parameter}"
            )
        options[parameter.name] = parameter.replace(annotation=annotation)
    return options


def evaluate_annotation(function: Callable[..., Any], annotation: Any) -> Any:
    """Return an annotation as an object; `from __future__ import annotations` makes texts of them all.

    The others of the function are left alone, as they may name what is imported for type checkers only.
    """
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, inspect.unwrap(function).__globals__)
    except Exception:  # whatever is written there
        return annotation


def is_legal_annotation(annotation: Any) -> bool:
    """Whether an annotation says which values an option takes."""
    if typing.get_origin(annotation) is typing.Annotated:
        kind, *details = typing.get_args(annotation)
        return [type(detail) for detail in details] == [Text if kind is str else Between] and (
            kind in (int, float, str)
        )
    return annotation is bool or typing.get_origin(annotation) is typing.Literal


def parse_value(label: str, text: str, annotation: Any) -> Any:
    """Return the value of an option from its text; refuse one that the option does not take."""
    if typing.get_origin(annotation) is not typing.Annotated:
        choices = {value_text(value): value for value in option_choices(annotation)}
        if text not in choices:
            hint = registry.did_you_mean(text, choices)
            raise Refusal(f"{label}: expected {' or '.join(choices)}, got {text!r}.{hint}".removesuffix("."))
        return choices[text]
    kind, legal = typing.get_args(annotation)
    if kind is str:
        if not LEGAL_TEXT.fullmatch(text):
            got = f"{text!r}; {legal.hint}" if legal.hint else repr(text)
            raise Refusal(
                f"{label}: expected {LEGAL_CHARACTERS}, beginning with a letter, a digit or _, got {got}"
            )
        return text
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not legal.low <= value <= legal.high:
        whole = "whole " if kind is int else ""
        low, high = value_text(legal.low), value_text(legal.high)
        raise Refusal(f"{label}: expected a {whole}number, {low} to {high}, got {text!r}")
    return value


def option_choices(annotation: Any) -> tuple:
    """Return the values of an option that takes one of a few."""
    return (False, True) if annotation is bool else typing.get_args(annotation)


def value_text(value: Any) -> str:
    """Return a value as it is written in a name."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value)


def describe_options(options: Mapping[str, inspect.Parameter]) -> str:
    """Return options with their values as text: "layers=1…16 (default 1), direction=forward|both".

    Of a few values, the default comes first.
    """
    texts = []
    for key, parameter in options.items():
        if typing.get_origin(parameter.annotation) is typing.Annotated:
            kind, details = typing.get_args(parameter.annotation)
            values = "TEXT" if kind is str else f"{value_text(details.low)}…{value_text(details.high)}"
            texts.append(f"{key}={values} (default {value_text(parameter.default) or 'none'})")
        else:
            default_first = dict.fromkeys([parameter.default, *option_choices(parameter.annotation)])
            texts.append(f"{key}={'|'.join(map(value_text, default_first))}")
    return ", ".join(texts)
