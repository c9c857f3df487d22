"""The rules of the house: which way imports point, and what may not be imported at all."""

import ast
import itertools
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("suite/**/*.py"), *ROOT.glob("tasks/*.py")])
GROUND = {
    "suite",
    "suite.analysis",
    "suite.backend",
    "suite.axis",
    "suite.baselines",
    "suite.cells",
    "suite.config",
    "suite.database",
    "suite.draws",
    "suite.environment",
    "suite.files",
    "suite.growth",
    "suite.identity",
    "suite.initial_weights",
    "suite.layers",
    "suite.machine",
    "suite.network",
    "suite.options",
    "suite.program_cache",
    "suite.keras_loader",
    "suite.registry",
    "suite.seeds",
    "suite.setting_checks",
    "suite.space",
    "suite.store",
    "suite.task",
    "suite.task_check",
    "suite.task_summary",
    "suite.text",
    "suite.tensor",
    "suite.variants",
}
ABOVE = {  # what stands above the ground floor, and what it may import beside it
    "suite.training": set(),
    "suite.search": {"suite.training", "tasks"},
    "suite.report": set(),
    "suite.progress": set(),
    "suite.bench": {"suite.training", "suite.search"},
    "tasks": set(),
    "suite.__main__": {"suite.cli"},
    "suite.cli": {"suite.bench", "suite.training", "suite.search", "suite.report", "suite.progress", "tasks"},
}
BACKENDS = {"keras", "keras_tuner", "tensorflow", "jax", "torch"}


def module(path):
    """Return the name of the module in a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def floor(module):
    """Return the part of the house a module belongs to: its first two names, or its first."""
    return ".".join(module.split(".")[:2]) if module.startswith("suite") else module.split(".")[0]


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = node.module == "suite"
            yield from (f"suite.{n.name}" if inside and n.name.islower() else node.module for n in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    here = floor(module(path))
    actual = {floor(name) for name in imports(path) if name.split(".")[0] in ("suite", "tasks")}
    assert here in GROUND | ABOVE.keys()
    assert actual - {here} <= GROUND | ABOVE.get(here, set())


@pytest.mark.parametrize(
    "name", ["report", "analysis", "store", "database", "task", "task_check", "space", "seeds", "registry"]
)
def test_what_a_report_needs_never_names_a_backend(name):
    paths = [path for path in FILES if floor(module(path)) == f"suite.{name}"]
    assert paths
    assert not {module.split(".")[0] for path in paths for module in imports(path)} & BACKENDS


def test_every_package_that_is_imported_is_declared():
    """A package that another one brings along today need not be there tomorrow."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    declared = {re.match(r"[\w-]+", line)[0] for line in lines}
    named = {name.split(".")[0] for path in FILES for name in imports(path)}
    foreign = named - sys.stdlib_module_names - {"suite", "tasks", "__future__"}
    of_module = packages_distributions()
    undeclared = {
        name
        for name in foreign
        if not {result.lower().replace("_", "-") for result in of_module.get(name, [name])} & declared
    }
    assert foreign
    assert not undeclared


def test_only_its_own_file_names_tensorflow():
    """Where TensorFlow is not installed all else imports; `machine` asks it for devices only if in use."""
    named = [p.name for p in FILES if "tensorflow" in {m.split(".")[0] for m in imports(p)}]
    assert named == ["tensorflow.py", "machine.py"]


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["list"], ["check", "-h"]])
def test_the_command_line_answers_without_a_backend(command):
    code = (
        "import sys; from suite.cli import main; sys.argv = ['odyssey', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        f"assert not {BACKENDS | {'pandas', 'scipy', 'sklearn', 'matplotlib'}} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True)


def test_a_report_needs_no_backend():
    code = f"import sys, suite.report, suite.store; assert not {BACKENDS} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
