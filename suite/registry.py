"""Names and what they stand for: references "module:attribute", as in the entry points of packages."""

import ast
import difflib
import importlib
import importlib.util
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path

from suite import Refusal


def known(listed: dict[str, str], group: str) -> dict[str, str]:
    """Return the listed references and those that installed packages add under a group of entry points.

    A name that is taken is an error that shows who has it.
    """
    references = dict(listed)
    for point in entry_points(group=group):
        if point.name in references:
            raise Refusal(
                f"{group}: the name {point.name!r} is taken by {references[point.name]}; "
                f"rename the entry point {point.value}"
            )
        references[point.name] = point.value
    return references


def find(kind: str, name: str, references: dict[str, str]):
    """Return what a name, or a reference "module:attribute", stands for; refuse what cannot be found."""
    reference = references.get(name, name)
    if ":" not in reference:
        raise unknown(kind, name, references)
    module, _, attribute = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise Refusal(f"{kind} {name!r}: cannot import {reference} ({error})") from error


def unknown(kind: str, name: str, names: Iterable[str]) -> Refusal:
    """Return the refusal of an unknown name: the nearest one, and all there are."""
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    return Refusal(f"unknown {kind} {name!r}.{guess} Known: {', '.join(names)}")


def summary(reference: str) -> str:
    """Return the first line of the docstring of a class, read from its source: the module is not imported.

    "" where there is none to be read, such as for a class that its module has from elsewhere.
    """
    module, _, attribute = reference.partition(":")
    try:
        source = Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")
    except (ImportError, AttributeError, TypeError, OSError, ValueError):
        return ""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name == attribute:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""
