"""Hashes of the code and the data that the scores of a row depend on.

The column `code` of a row holds four hashes:

- "suite": the source files of `suite/`, without those that cannot change a score and without the cells;
- "cell": the source files of its cell and of all modules that they import, except modules of the suite and
  installed packages;
- "task": the fields of its task that training depends on;
- "data": the arrays of its splits.

So an edit to a cell affects the rows of that cell only, and an edit to a report affects no row.
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

from suite import cells, variants
from suite.task import SPLITS, Split, Task

SOURCE_ROOT = Path(__file__).parents[1]
# Modules and packages that cannot change the score of a trial. No hashed module imports them (a test
# verifies it), so training runs without them, with two exceptions: `files` writes and locks files and
# computes no number, and `suite.search` names `stock` in a function that no sweep calls. `clusters`,
# `executors` and `verify` choose where and when a unit is trained; with `--workers 0` the same rows are
# trained without them.
# Some modules stay hashed although they train nothing, because an edit there can change a score:
# `keras_loader`, `environment`, `program_cache` and `machine` set precision, compiler flags, threads and
# lanes, and `registry` finds the class that a name stands for.
NON_TRAINING_MODULES = (
    "suite.__main__",
    "suite.analysis",
    "suite.bench",
    "suite.cells.check",
    "suite.cells.evaluation",
    "suite.cli",
    "suite.files",
    "suite.progress",
    "suite.report",
    "suite.search.clusters",
    "suite.search.executors",
    "suite.search.network_layer",
    "suite.search.stock",
    "suite.search.verify",
    "suite.task_summary",
    "suite.text",
)
SITE_FOLDERS = {"site-packages", "dist-packages"}  # names of folders that packages are installed in
# Fields of a task that no score depends on
DESCRIPTIVE_FIELDS = ("name", "title", "load", "unit", "source", "trivial")


def row_codes(
    tasks: Mapping[str, Task], cell_names: Iterable[str], splits: Mapping[str, Mapping[str, Split]]
) -> dict[tuple[str, str], dict[str, str]]:
    """Return the hashes for the column `code` of each search, by task and cell.

    `splits` holds the data of each task.
    """
    task_codes = {
        name: {"task": task_hash(task), "data": data_hash(splits[name])} for name, task in tasks.items()
    }
    cell_codes = {name: {"suite": suite_hash(), "cell": cell_hash(name)} for name in cell_names}
    return {(task, cell): cell_codes[cell] | task_codes[task] for task in task_codes for cell in cell_codes}


def changed_parts(
    rows: Iterable[Mapping], codes: Mapping[tuple[str, str], Mapping[str, str]]
) -> dict[str, int]:
    """Return, for each part of the code or data that has changed since rows were made, the number of rows.

    The keys are texts for a message, such as "cell lstm". `codes` holds today's hashes by task and cell. Rows
    without hashes are not counted.
    """
    words = {"suite": "the suite", "cell": "cell {cell}", "task": "task {task}", "data": "the data of {task}"}
    changed: Counter[str] = Counter()
    for row in rows:
        now = codes.get((row["task"], row["cell"]), {})
        differing = [part for part in now if row["code"].get(part, now[part]) != now[part]]
        changed.update(words[part].format_map(row) for part in differing)
    return dict(changed)


@functools.cache
def suite_hash() -> str:
    """Return the hash of the source files that `suite_sources` returns."""
    return files_hash(suite_sources())


def cell_hash(name: str) -> str:
    """Return the hash of the source files of the cell or baseline of a variant, given by its name."""
    module, _, _ = variants.variant_reference(name).partition(":")
    return files_hash(module_sources(module, suite_sources()))


def task_hash(task: Task) -> str:
    """Return the hash of the fields of a task that training depends on.

    Fields with their default are left out: a field that is new changes no hash of a task without it.
    """
    fields = [field for field in dataclasses.fields(task) if field.name not in DESCRIPTIVE_FIELDS]
    values = {field.name: getattr(task, field.name) for field in fields}
    changed = {field.name: values[field.name] for field in fields if values[field.name] != field.default}
    return hash_parts([repr(sorted(changed.items())).encode()])


def data_hash(splits: Mapping[str, Split]) -> str:
    """Return the hash of a task's data: every array with its dtype and shape."""

    def parts() -> Iterator[bytes]:
        for name in (*SPLITS, *sorted(splits.keys() - set(SPLITS))):
            for arrays in (splits[name].inputs, splits[name].targets):
                yield f"{name} {len(arrays)}".encode()
                for array in map(np.asarray, arrays):
                    yield f"{array.dtype.str} {array.shape}".encode()
                    yield array.tobytes()

    return hash_parts(parts())


def files_hash(files: Mapping[str, Path]) -> str:
    """Return the hash of source files; `files` gives them by the names of their modules."""
    return hash_parts(part for name in sorted(files) for part in (name.encode(), read_source(files[name])))


@functools.cache
def read_source(path: Path) -> bytes:
    """Return the content of a file as this process first read it, as edits do not reach imported modules."""
    return path.read_bytes()


def hash_parts(parts: Iterable[bytes]) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of parts, each preceded by its length."""
    sha256 = hashlib.sha256()
    for part in parts:
        sha256.update(len(part).to_bytes(8, "little"))
        sha256.update(part)
    return sha256.hexdigest()[:16]


@functools.cache
def suite_sources() -> dict[str, Path]:
    """Return the source files of the suite that every row may depend on, by module name."""
    builtin = cells.BUILTIN_CELLS | variants.BUILTIN_BASELINES
    cell_modules = {reference.partition(":")[0] for reference in builtin.values()}
    sources = {}
    for path in (SOURCE_ROOT / "suite").rglob("*.py"):
        parts = path.relative_to(SOURCE_ROOT).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if name not in cell_modules and not is_non_training(name):
            sources[name] = path
    return sources


def is_non_training(module: str) -> bool:
    """Whether a module of the suite is one of `NON_TRAINING_MODULES`, or lies in such a package."""
    return any(module == name or module.startswith(f"{name}.") for name in NON_TRAINING_MODULES)


def module_sources(module: str, excluded: Collection[str]) -> dict[str, Path]:
    """Return the source files, by module name, of a module and of all modules that it imports in turn.

    The packages that contain these modules are included. Left out are the standard library, installed
    packages other than the module's own, and the names in `excluded`. The imports are read from the source
    files: no module is imported.
    """
    own_package = module.partition(".")[0]
    sources: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        for name, path in locate_module(waiting.pop(), own_package):
            if name not in sources and name not in excluded:
                sources[name] = path
                waiting += imported_names(name, path)
    return sources


def locate_module(module: str, own_package: str) -> Iterator[tuple[str, Path]]:
    """Yield the packages that contain a module, and the module itself, each with its source file."""
    name, *rest = module.split(".")
    if name != own_package and name in sys.stdlib_module_names:
        return
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # a module without a spec, such as __main__
        return
    while spec:
        if spec.has_location and spec.origin:
            path = Path(spec.origin)
            if module.partition(".")[0] != own_package and any(map(is_site_folder, path.parents)):
                return
            yield name, path
        if not rest or not spec.submodule_search_locations:
            return
        name = f"{name}.{rest.pop(0)}"
        spec = PathFinder.find_spec(name, spec.submodule_search_locations)


@functools.cache
def is_site_folder(folder: Path) -> bool:
    """Whether packages are installed in a folder: by its name, or because it holds a package's metadata.

    `pip install --target` installs packages into a folder of any name.
    """
    return folder.name in SITE_FOLDERS or any(folder.glob("*.dist-info"))


def imported_names(name: str, path: Path) -> Iterator[str]:
    """Yield the full names that a module imports: modules, and names in them, which may be modules too."""
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
