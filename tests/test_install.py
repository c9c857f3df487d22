"""Installation: where it is refused, and what `import suite` gives."""

import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("file", "error"), [("setup.py", SystemExit), ("suite/__init__.py", ImportError)])
def test_windows_is_refused_in_a_sentence(monkeypatch, file, error):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(error, match="runs on Linux and macOS, not on Windows; there, install it in WSL"):
        runpy.run_path(str(ROOT / file))


def test_importing_the_suite_loads_no_library_and_gives_version_and_store():
    code = (
        "import sys; before = set(sys.modules); import suite\n"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "assert loaded <= sys.stdlib_module_names | {'suite'}, loaded\n"
        "from importlib.metadata import version; assert suite.__version__ == version('rnn-odyssey')\n"
        "assert callable(suite.store.load)\n"
        "assert not hasattr(suite, 'stores')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("package", ["suite", "tasks"])
def test_type_checkers_of_other_projects_read_the_types(package):
    """A package declares that by an empty file, which the wheel must contain too (PEP 561)."""
    assert (ROOT / package / "py.typed").is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "py.typed" in project["tool"]["setuptools"]["package-data"][package]
