"""Names and what they stand for: references "module:attribute", as in the entry points of packages.

A module that a reference names is somebody's own code, which may raise anything when it is imported, or
end the process. All that is refused in one line, with the file and line where it came from.
"""

import ast
import contextlib
import difflib
import importlib
import importlib.util
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from suite import Refusal

MAX_ERROR_CHARS = 200  # characters of an error that are shown: backends write pages
INSTALLED_CODE_FOLDERS = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


def merge_entry_points(listed: dict[str, str], group: str) -> dict[str, str]:
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


def resolve_reference(kind: str, name: str, references: dict[str, str]):
    """Return what a name, or a reference "module:attribute", stands for; refuse what cannot be found."""
    reference = references.get(name, name)
    module, colon, attribute = reference.partition(":")
    if not colon and name not in references:
        raise unknown_name_error(kind, name, references)
    try:
        return getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:
        hint = shadowing_hint(module) or reference_hint(module, attribute)
        reason = f"{describe_error(error)}){hint}"
        raise Refusal(f"{kind} {name!r}: cannot import {reference} ({reason}") from error


def shadowing_hint(module: str) -> str:
    """Return in words that a module in the current folder is not found, as another one has its name."""
    here, name = Path.cwd(), module.partition(".")[0]
    taken = getattr(sys.modules.get(name), "__file__", None)
    mine = next((path for path in (here / f"{name}.py", here / name) if path.exists()), None)
    if not (taken and mine) or here in Path(taken).resolve().parents:
        return ""
    return f"; {taken} hides {mine}: rename yours"


def reference_hint(module: str, attribute: str) -> str:
    """Return ". Did you mean …?" with the reference nearest to one that was not found; "" if none is near.

    The module is there and lacks the attribute, or the current folder has a module of nearly that name.
    """
    if module in sys.modules:
        public = [name for name in vars(sys.modules[module]) if not name.startswith("_")]
        hint = did_you_mean(attribute, public, f"{module}:")
        return "" if attribute in public else hint and f".{hint}"
    with contextlib.suppress(ImportError, ValueError, AttributeError):
        if importlib.util.find_spec(module):  # it is there, and raised
            return ""
    here = [path.stem for path in Path.cwd().glob("*.py")]
    hint = did_you_mean(module, here, suffix=f":{attribute}")
    return hint and f".{hint}"


def refuse_shadowed_tasks() -> None:
    """Refuse a module `tasks` that is not the suite's: a user's file or folder that Python finds first.

    It looks in the folder of a script first, and with -m, -c and in notebooks where it was started.
    """
    if "tasks" in sys.modules:
        file = getattr(sys.modules["tasks"], "__file__", None)
    else:
        spec = importlib.util.find_spec("tasks")
        file = spec and spec.origin
    ours = Path(__file__).parents[1] / "tasks"
    if file and Path(file).resolve().parent != ours.resolve():
        raise Refusal(f"{file} hides the suite's own tasks: rename it, or start Python elsewhere")


def load_available(names: Iterable[str], get: Callable[[str], Any]) -> Iterator[tuple[str, Any]]:
    """Yield names with what `get` returns for each; skip those it refuses, and say so on stderr.

    For lists of all there is: one broken plug-in must not hide the rest.
    """
    for name in names:
        try:
            yield name, get(name)
        except Refusal as refusal:
            print(f"odyssey: {name!r} is skipped: {refusal}", file=sys.stderr)


def describe_error(error: BaseException) -> str:
    """Return what somebody's code raised, in one line: its type, its first words, and the file and line.

    The line is the innermost one in a folder of the user's own; where there is none, such as in an installed
    plug-in, the first that is not the suite's.
    """
    if isinstance(error, SyntaxError) and error.lineno:
        words, place = error.msg, f"{error.filename}, line {error.lineno}"
    else:
        words, place = " ".join(str(error).split()), error_location(error)
    words = words[:MAX_ERROR_CHARS] + "…" * (len(words) > MAX_ERROR_CHARS)
    return f"{type(error).__name__}{words and ': '}{words}{place and f' ({place})'}"


def error_location(error: BaseException) -> str:
    """Return the file and line that `describe_error` names; "" where nobody's code was running."""
    frames = [
        (code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not (code := frame.f_code).co_filename.startswith("<")
        and str(frame.f_globals.get("__name__")).partition(".")[0] not in ("suite", "importlib")
    ]
    in_own_folder = [place for place in frames if not place[0].startswith(INSTALLED_CODE_FOLDERS)]
    chosen = in_own_folder[-1:] or frames[:1]
    return "{}, line {}".format(*chosen[0]) if chosen else ""


def unknown_name_error(kind: str, name: str, names: Iterable[str]) -> Refusal:
    """Return the refusal of an unknown name: the nearest one, and all there are."""
    names = list(names)
    return Refusal(f"unknown {kind} {name!r}.{did_you_mean(name, names)} Known: {', '.join(names)}")


def did_you_mean(
    name: str, names: Iterable[str], prefix: str = "", suffix: str = "", cutoff: float = 0.5
) -> str:
    """Return a question that names the nearest of some names, case aside; "" where none is near.

    `prefix` and `suffix` are what stands around the name: a folder, a module, an attribute. `cutoff` is the
    least similarity of `difflib`, from 0 to 1.
    """
    by_lower_case = {other.lower(): other for other in names}
    near = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=cutoff)
    return f" Did you mean {prefix + by_lower_case[near[0]] + suffix!r}?" if near else ""


def class_summary(reference: str) -> str:
    """Return the first line of the docstring of a class, read from its source: the module is not imported.

    "" where there is none to be read, such as for a class that its module has from elsewhere. A module that
    is not there or no Python, and a package above it that cannot be imported, are refused.
    """
    module, _, attribute = reference.partition(":")
    try:
        if not (path := source_file(module)):
            return ""
        body = ast.parse(path.read_bytes(), path).body
    except (Exception, SystemExit) as error:
        raise Refusal(f"cannot import {reference} ({describe_error(error)})") from error
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name == attribute:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""


def source_file(module: str) -> Path | None:
    """Return the file of a module's source, None where it has none; packages above it are imported."""
    if module in sys.modules:
        path = getattr(sys.modules[module], "__file__", None)
    elif spec := importlib.util.find_spec(module):
        path = spec.origin
    else:
        raise ModuleNotFoundError(f"No module named {module!r}")
    return Path(path) if path and path.endswith(".py") else None
