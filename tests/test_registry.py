"""References to users' modules: their errors take one line, and a broken plug-in hides no other."""

import subprocess
import sys

import pytest
from plugins import install

import tasks
from suite import Refusal, cells, registry


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that Python imports from; its modules are removed from `sys.modules` afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


WRONG = [  # what is in a file, the line that is wrong, and what is said
    ("import numpy\nclass Mine(:\n", 2, "SyntaxError: invalid syntax"),
    ("x = 1\n  y = 2\n", 2, "IndentationError: unexpected indent"),
    ("\n\ntanh(1)", 3, "NameError: name 'tanh' is not defined"),
    ("import nosuch", 1, "ModuleNotFoundError: No module named 'nosuch'"),
    ("from suite.cells.base import Cells", 1, "ImportError: cannot import name 'Cells'"),
    ("import numpy\nnumpy.load('no.npz')", 2, "FileNotFoundError: [Errno 2] No such file"),
    ("import json\n\njson.loads('')", 3, "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
    ("raise ValueError('two\\nlines')", 1, "ValueError: two lines"),
    ("raise KeyError", 1, "KeyError"),
    ("import sys\nsys.exit(3)", 2, "SystemExit: 3"),
    (
        "from suite.registry import resolve_reference\nresolve_reference('cell', 'x', {})",
        2,
        "Refusal: unknown cell 'x'. Known: ",
    ),
]


@pytest.mark.parametrize(("text", "line", "said"), WRONG, ids=[said for *_, said in WRONG])
@pytest.mark.parametrize("find", [cells.find_cell, tasks.find_task], ids=["cells", "tasks"])
def test_a_module_that_raises_is_refused_in_one_line_with_file_and_line(folder, find, text, line, said):
    (folder / "mine.py").write_text(text)
    with pytest.raises(Refusal) as caught:
        find("mine:Mine")
    assert f"'mine:Mine': cannot import mine:Mine ({said}" in str(caught.value)
    assert str(caught.value).endswith(f" ({folder / 'mine.py'}, line {line}))")
    assert "\n" not in str(caught.value)


def test_the_line_is_that_of_the_users_module_that_is_wrong(folder):
    (folder / "mine.py").write_text("\nfrom helper import x")
    (folder / "helper.py").write_text("import json\n\n\nx = json.loads('{')")
    with pytest.raises(Refusal, match=rf"\({folder / 'helper.py'}, line 4\)"):
        cells.find_cell("mine:Mine")


def test_for_an_installed_module_the_line_is_the_first_outside_the_suite(folder, monkeypatch):
    monkeypatch.setattr(registry, "INSTALLED_CODE_FOLDERS", ("/",))
    (folder / "mine.py").write_text("import json\n\njson.loads('{')")
    with pytest.raises(Refusal, match=rf"\({folder / 'mine.py'}, line 3\)"):
        cells.find_cell("mine:Mine")


@pytest.mark.parametrize("reference", ["mine:MINE", "nosuch:MINE", "json:loads", "mine"])
def test_a_task_plug_in_that_cannot_be_used_is_skipped_and_named(folder, capsys, reference):
    (folder / "mine.py").write_text("raise RuntimeError('not today')")
    install(folder, "odyssey.tasks", f"broken = {reference}")
    assert list(tasks.available_tasks()) == list(tasks.TASKS)
    err = capsys.readouterr().err
    assert err.startswith("odyssey: 'broken' is skipped: task ")
    assert err.count("\n") == 1
    with pytest.raises(Refusal, match=r"^task .?broken.?: "):
        tasks.find_task("broken")


def test_a_plug_in_beside_a_broken_one_is_found(folder, capsys):
    (folder / "mine.py").write_text("from tasks import music21_chorales as MINE")
    install(folder, "odyssey.tasks", "broken = nosuch:MINE\nmine = mine:MINE")
    assert list(tasks.available_tasks()) == [*tasks.TASKS, "mine"]
    assert "'broken' is skipped" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("files", "reference"),
    [
        ({"pack/__init__.py": "import nosuch"}, "pack.cells:Mine"),
        ({"pack/__init__.py": "raise SystemExit"}, "pack.cells:Mine"),
        ({"mine.py": "class Mine(:"}, "mine:Mine"),
        ({}, "mine:Mine"),
    ],
)
def test_the_list_of_cells_skips_a_plug_in_that_it_cannot_read(folder, capsys, files, reference):
    from suite.cli.info import ListKind, list_

    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    install(folder, "odyssey.cells", f"broken = {reference}")
    list_(ListKind.cells)
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == [*cells.BUILTIN_CELLS, "CELL@…"]
    assert err.startswith(f"odyssey: 'broken' is skipped: cannot import {reference} (")
    assert err.count("\n") == 1


@pytest.mark.parametrize("files", [["tasks.py"], ["tasks/__init__.py"]], ids=str)
@pytest.mark.parametrize(
    ("code", "ends"),
    [
        ("import sys; from suite.cli import main; sys.argv = ['odyssey', 'list', 'tasks']; main()", 2),
        ("from suite.search import hypermodel", 1),
        ("import tasks, suite.search.executors", 1),
    ],
)
def test_a_users_module_tasks_that_hides_the_suites_is_named(tmp_path, files, code, ends):
    """Python looks in the folder where it is started first, unless a command such as `odyssey` starts it."""
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("MINE = 1")
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == ends
    text = run.stderr.splitlines()[-1].partition(": ")[2]
    assert text == f"{tmp_path / files[0]} hides the suite's own tasks: rename it, or start Python elsewhere"
    assert "During handling" not in run.stderr


def test_a_folder_without_modules_hides_nothing(tmp_path):
    (tmp_path / "tasks").mkdir()
    code = "from suite.config import load_preset; import tasks; tasks.TASKS"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    ("file", "reference"), [("tasks.py", "tasks:MINE"), ("tasks/mine.py", "tasks.mine:MINE")]
)
def test_a_users_module_tasks_that_the_suites_hides_is_named(tmp_path, monkeypatch, file, reference):
    """The command `odyssey` looks in the current folder last."""
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("from tasks import music21_chorales as MINE")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    with pytest.raises(Refusal) as caught:
        tasks.find_task(reference)
    mine = tmp_path / file.partition("/")[0]
    assert str(caught.value).endswith(f"; {tasks.__file__} hides {mine}: rename yours")
