"""What made a row: hashes of the code and the data that its scores depend on.

A row's `code` has one for each of

- "suite": the source files of `suite/` but those that never take part in training, and those of its cells;
- "cell": the source files of its cell, with all they import that is neither the suite's nor installed;
- "task": the fields of its task that training depends on;
- "data": the arrays of its three splits.

So an edit to a cell changes what its own rows are made by, one to a report or to a results folder nothing.
"""

import ast
import dataclasses
import functools
import hashlib
import importlib.util
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path

import numpy as np

from suite import cells
from suite.task import SPLITS, Split, Task

SOURCE_ROOT = Path(__file__).parents[1]
NON_TRAINING_MODULES = ("suite.analysis", "suite.bench", "suite.cli", "suite.progress", "suite.report")
SITE_FOLDERS = {"site-packages", "dist-packages"}  # of installed packages
DESCRIPTIVE_FIELDS = ("name", "title", "load", "unit", "source")  # fields of a task that no score depends on


def row_codes(
    tasks: Mapping[str, Task], cell_names: Iterable[str], splits: Mapping[str, Mapping[str, Split]]
) -> dict[tuple[str, str], dict[str, str]]:
    """Return what makes the rows of each search, by task and cell; `splits` is the data of each task."""
    of_tasks = {
        name: {"task": task_hash(task), "data": data_hash(splits[name])} for name, task in tasks.items()
    }
    of_cells = {name: {"suite": suite_hash(), "cell": cell_hash(name)} for name in cell_names}
    return {(task, cell): of_cells[cell] | of_tasks[task] for task in of_tasks for cell in of_cells}


def changed_parts(
    rows: Iterable[Mapping], codes: Mapping[tuple[str, str], Mapping[str, str]]
) -> dict[str, int]:
    """Return what changed since rows were made, in words, and since how many of them.

    `codes` is what would make rows now, by task and cell. Rows that do not say what made them are left out.
    """
    words = {"suite": "the suite", "cell": "cell {cell}", "task": "task {task}", "data": "the data of {task}"}
    changed = Counter()
    for row in rows:
        now = codes.get((row["task"], row["cell"]), {})
        differing = [part for part in now if row["code"].get(part, now[part]) != now[part]]
        changed.update(words[part].format_map(row) for part in differing)
    return dict(changed)


@functools.cache
def suite_hash() -> str:
    """Return the hash of the suite: of all source files that `suite_sources` returns."""
    return files_hash(suite_sources())


def cell_hash(name: str) -> str:
    """Return the hash of a cell, by name or as "module:Class"."""
    module, _, _ = cells.cell_references().get(name, name).partition(":")
    return files_hash(module_sources(module, suite_sources()))


def task_hash(task: Task) -> str:
    """Return the hash of a task's fields."""
    values = {
        f.name: getattr(task, f.name) for f in dataclasses.fields(task) if f.name not in DESCRIPTIVE_FIELDS
    }
    return hash_parts([repr(sorted(values.items())).encode()])


def data_hash(splits: Mapping[str, Split]) -> str:
    """Return the hash of a task's data: every array with its dtype and shape."""

    def parts() -> Iterator[bytes]:
        for name in SPLITS:
            for arrays in (splits[name].inputs, splits[name].targets):
                yield f"{name} {len(arrays)}".encode()
                for array in map(np.asarray, arrays):
                    yield f"{array.dtype.str} {array.shape}".encode()
                    yield array.tobytes()

    return hash_parts(parts())


def files_hash(files: Mapping[str, Path]) -> str:
    """Return the hash of source files by the names of their modules."""
    return hash_parts(part for name in sorted(files) for part in (name.encode(), read_source(files[name])))


@functools.cache
def read_source(path: Path) -> bytes:
    """Return a file as this process first found it: what it has imported stays so, whatever becomes of it."""
    return path.read_bytes()


def hash_parts(parts: Iterable[bytes]) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of parts, each with its length."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.hexdigest()[:16]


@functools.cache
def suite_sources() -> dict[str, Path]:
    """Return the modules of the suite on which every row may depend, and their source files."""
    apart = {reference.partition(":")[0] for reference in cells.BUILTIN_CELLS.values()}.union(
        NON_TRAINING_MODULES
    )
    found = {}
    for path in (SOURCE_ROOT / "suite").rglob("*.py"):
        parts = path.relative_to(SOURCE_ROOT).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if name not in apart and ".".join(parts[:2]) not in apart:
            found[name] = path
    return found


def module_sources(module: str, excluded: Collection[str]) -> dict[str, Path]:
    """Return a module, what it imports in turn, and the packages around them, with their source files.

    All that lies outside of the standard library and of the folders of installed packages, or is of the
    module's own package; nothing that is `excluded`. Read from the files: nothing is imported for it.
    """
    own, found, waiting = module.partition(".")[0], {}, [module]
    while waiting:
        for name, path in locate_module(waiting.pop(), own):
            if name not in found and name not in excluded:
                found[name] = path
                waiting += imported_names(name, path)
    return found


def locate_module(module: str, own_package: str) -> Iterator[tuple[str, Path]]:
    """Yield the packages around a module and the module itself, with their files; installed ones not."""
    name, *rest = module.split(".")
    if name != own_package and name in sys.stdlib_module_names:
        return
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # what is not of a file, such as __main__
        return
    while spec:
        if spec.has_location:
            path = Path(spec.origin)
            if module.partition(".")[0] != own_package and SITE_FOLDERS & set(path.parts):
                return
            yield name, path
        if not rest or not spec.submodule_search_locations:
            return
        name = f"{name}.{rest.pop(0)}"
        spec = PathFinder.find_spec(name, spec.submodule_search_locations)


def imported_names(name: str, path: Path) -> Iterator[str]:
    """Yield what a module imports: modules, and names in them that may be modules too."""
    if path.suffix != ".py":
        return
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    try:
        nodes = list(ast.walk(ast.parse(read_source(path))))
    except SyntaxError:
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
