"""References "module:attribute", as in the entry points of packages, and the names that stand for them.

The module of a reference may be the user's own code, which can raise anything when it is imported, or end the
process. Both become a refusal in one line, with the file and line where the error arose.
"""

import ast
import contextlib
import difflib
import functools
import importlib
import importlib.util
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from typing import Any

from suite import Refusal

MAX_ERROR_CHARS = 200  # characters of an error message that are shown: those of backends can fill pages
INSTALLED_CODE_FOLDERS = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


def merge_entry_points(listed: Mapping[str, str], group: str) -> dict[str, str]:
    """Return the listed references and those that installed packages add under a group of entry points.

    An entry point whose name is already taken is refused; the message names the existing reference.
    """
    references = dict(listed)
    for point in installed_entry_points(group, tuple(sys.path)):
        if point.name in references:
            raise Refusal(
                f"{group}: the name {point.name!r} is taken by {references[point.name]}; "
                f"rename the entry point {point.value}"
            )
        references[point.name] = point.value
    return references


@functools.cache
def installed_entry_points(group: str, search_path: tuple[str, ...]) -> EntryPoints:
    """Return the entry points of a group that packages on `sys.path`, given as a tuple, have.

    They are read once for each path: reading takes 5 ms, and every name of a cell or task needs them.
    """
    return entry_points(group=group)


def resolve_reference(kind: str, name: str, references: Mapping[str, str]) -> Any:
    """Import and return the object of a name or a "module:attribute"; refuse one that is not found."""
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
    """Return a hint that another module hides one of the same name in the current folder; "" if none does."""
    here, name = Path.cwd(), module.partition(".")[0]
    imported = getattr(sys.modules.get(name), "__file__", None)
    local = next((path for path in (here / f"{name}.py", here / name) if path.exists()), None)
    if not (imported and local) or here in Path(imported).resolve().parents:
        return ""
    return f"; {imported} hides {local}: rename yours"


def reference_hint(module: str, attribute: str) -> str:
    """Return ". Did you mean …?" with the reference nearest to one that was not found; "" if none is near.

    The hint covers a module that lacks the attribute, and a similar module name in the current folder.
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
    """Refuse a module `tasks` that is not the suite's own: a user's file or folder that Python finds first.

    Python looks first in the folder of the script that it runs; with -m or -c and in a notebook, in the
    current folder.
    """
    if "tasks" in sys.modules:
        file = getattr(sys.modules["tasks"], "__file__", None)
    else:
        spec = importlib.util.find_spec("tasks")
        file = spec and spec.origin
    suite_tasks = Path(__file__).parents[1] / "tasks"
    if file and Path(file).resolve().parent != suite_tasks.resolve():
        raise Refusal(f"{file} hides the suite's own tasks: rename it, or start Python elsewhere")


def load_available(names: Iterable[str], get: Callable[[str], Any]) -> Iterator[tuple[str, Any]]:
    """Yield names with what `get` returns for each; skip those it refuses, with a line on stderr.

    Used to list everything that is registered: one broken plug-in must not hide the rest.
    """
    for name in names:
        try:
            yield name, get(name)
        except Refusal as refusal:
            print(f"odyssey: {name!r} is skipped: {refusal}", file=sys.stderr)


def describe_error(error: BaseException) -> str:
    """Return an error in one line: its type, the beginning of its message, and the file and line.

    The line is the innermost one in the user's own code; if there is none, as for an installed plug-in, it is
    the outermost one outside the suite.
    """
    if isinstance(error, SyntaxError) and error.lineno:
        message, location = error.msg, f"{error.filename}, line {error.lineno}"
    else:
        message, location = " ".join(str(error).split()), error_location(error)
    message = message[:MAX_ERROR_CHARS] + "…" * (len(message) > MAX_ERROR_CHARS)
    return f"{type(error).__name__}{message and ': '}{message}{location and f' ({location})'}"


def error_location(error: BaseException) -> str:
    """Return the file and line that `describe_error` states; "" if only the suite's own code was running."""
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
    """Return the refusal of an unknown name, with the most similar known name, or else all known names."""
    names = list(names)
    hint = did_you_mean(name, names) or f" Known: {', '.join(names)}"
    return Refusal(f"unknown {kind} {name!r}.{hint}")


def did_you_mean(
    name: str, names: Iterable[str], prefix: str = "", suffix: str = "", cutoff: float = 0.5
) -> str:
    """Return a question that suggests the most similar name, ignoring case; "" if none is similar.

    `prefix` and `suffix` are added around the name, such as a folder, a module or an attribute. `cutoff` is
    the minimum similarity of `difflib`, from 0 to 1.
    """
    by_lower_case = {other.lower(): other for other in names}
    matches = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=cutoff)
    return f" Did you mean {prefix + by_lower_case[matches[0]] + suffix!r}?" if matches else ""


def summary(reference: str) -> str:
    """Return the first line of the docstring of a class or function, read from its source.

    The module is not imported. "" if there is no docstring, or the module only imports it from elsewhere.
    Refused: a module that does not exist or is not valid Python, and one in a package that cannot be
    imported.
    """
    module, _, attribute = reference.partition(":")
    try:
        if not (path := source_file(module)):
            return ""
        body = ast.parse(path.read_bytes(), path).body
    except (Exception, SystemExit) as error:
        raise Refusal(f"cannot import {reference} ({describe_error(error)})") from error
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""


def source_file(module: str) -> Path | None:
    """Return the file of a module's source, None if it has none; packages that contain it are imported."""
    if module in sys.modules:
        path = getattr(sys.modules[module], "__file__", None)
    elif spec := importlib.util.find_spec(module):
        path = spec.origin
    else:
        raise ModuleNotFoundError(f"No module named {module!r}")
    return Path(path) if path and path.endswith(".py") else None
