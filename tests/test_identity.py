"""The hashes that identify the code and the data of a row."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tasks
from suite import cells, identity, store
from suite.task import Split

FILES = {
    "apart.py": "",
    "helping.py": "",
    "lazily.py": "",
    "mine/__init__.py": "from .leaky import Leaky",
    "mine/leaky.py": "import numpy\nimport apart.nothing\nfrom suite.cells.base import Cell\n"
    "import targeted\nfrom .parts import one\nfrom . import gates\ndef step(): import lazily",
    "mine/parts/__init__.py": "",
    "mine/parts/one.py": "import mine.circular",
    "mine/circular.py": "from mine import leaky",
    "mine/gates.py": "",
    "mine/unused.py": "",
    "anywhere/targeted-1.0.dist-info/METADATA": "",
    "anywhere/targeted/__init__.py": "",
    "site-packages/installed/__init__.py": "import helping",
    "site-packages/installed/cell.py": "from installed import parts",
    "site-packages/installed/parts.py": "import numpy, mine.gates",
}
IMPORTED = {
    "mine",
    "mine.leaky",
    "mine.parts",
    "mine.parts.one",
    "mine.circular",
    "mine.gates",
    "apart",
    "lazily",
}


@pytest.fixture
def user_folder(tmp_path, monkeypatch):
    """Write a user's modules into a folder, with installed packages beside them; return the folder."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    monkeypatch.syspath_prepend(tmp_path / "anywhere")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def edit(path, text):
    """Write a file, and forget its old content as a new process would."""
    path.write_text(text)
    identity.read_source.cache_clear()


@pytest.mark.parametrize("name", FILES)
def test_the_hash_of_a_cell_covers_the_users_modules_that_it_imports_and_their_packages(user_folder, name):
    before = identity.cell_hash("mine:Leaky")
    edit(user_folder / name, f"{FILES[name]}\nchanged = True")
    module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert (identity.cell_hash("mine:Leaky") != before) == (module in IMPORTED)


def test_an_edit_does_not_reach_a_process_that_has_read_the_file(user_folder):
    before = identity.cell_hash("mine:Leaky")
    (user_folder / "apart.py").write_text("changed = True")
    assert identity.cell_hash("mine:Leaky") == before


def test_the_hash_of_an_installed_cell_covers_its_package_and_the_users_modules(user_folder):
    modules = identity.module_sources("installed.cell", identity.suite_sources()).keys()
    assert modules == {"installed", "installed.cell", "installed.parts", "helping", *IMPORTED}


def test_the_hash_of_a_builtin_cell_covers_its_own_file_alone():
    assert identity.module_sources("suite.cells.gru", identity.suite_sources()).keys() == {"suite.cells.gru"}
    assert identity.cell_hash("lstm") == identity.cell_hash("cifg") != identity.cell_hash("gru")


CELL_MODULES = {reference.partition(":")[0] for reference in cells.BUILTIN_CELLS.values()}
# why these: see the comment at `NON_TRAINING_MODULES`; of `executors` a type is imported
IMPORTS_ALLOWED = ("suite.files", "suite.search.executors", "suite.search.stock")


def test_the_hash_of_the_suite_covers_what_trains_without_the_cells():
    modules = identity.suite_sources().keys()
    assert {"suite", "suite.cells", "suite.cells.base", "suite.training.population", "suite.space"} <= modules
    assert not modules & {"suite.report.rendering", "suite.progress", "suite.cli", *CELL_MODULES}


@pytest.mark.parametrize(
    ("edited", "changes"),
    [
        ("suite/training/population.py", True),
        ("suite/search/work_unit.py", True),
        ("suite/keras_loader.py", True),
        ("suite/search/executors.py", False),
        ("suite/search/clusters.py", False),
        ("suite/search/verify.py", False),
        ("suite/files.py", False),
        ("suite/report/rendering.py", False),
    ],
)
def test_an_edit_changes_the_hash_of_the_suite_only_if_it_may_change_a_score(monkeypatch, edited, changes):
    read, before = identity.read_source, identity.suite_hash.__wrapped__()
    monkeypatch.setattr(
        identity, "read_source", lambda path: read(path) + b"#" * (path == identity.SOURCE_ROOT / edited)
    )
    assert (identity.SOURCE_ROOT / edited).exists()
    assert (identity.suite_hash.__wrapped__() != before) == changes


@pytest.mark.parametrize("name", identity.NON_TRAINING_MODULES)
def test_every_non_training_module_exists(name):
    path = identity.SOURCE_ROOT / name.replace(".", "/")
    assert path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def test_no_hashed_module_imports_a_non_training_one():
    cell_files = {name: identity.SOURCE_ROOT / f"{name.replace('.', '/')}.py" for name in CELL_MODULES}
    for name, path in (identity.suite_sources() | cell_files).items():
        imported = [*filter(identity.is_non_training, identity.imported_names(name, path))]
        assert all(module.startswith(IMPORTS_ALLOWED) for module in imported), (name, imported)


def test_a_file_that_is_not_valid_python_is_hashed_too(user_folder):
    edit(user_folder / "mine" / "gates.py", "1 +")
    before = identity.cell_hash("mine:Leaky")
    edit(user_folder / "mine" / "gates.py", "2 +")
    assert identity.cell_hash("mine:Leaky") != before


def make_splits(**changes):
    arrays = [np.arange(6, dtype="float32").reshape(3, 2), np.zeros((2, 2), "float32")]
    splits = {name: Split(arrays, [np.array([1]), np.array([0])]) for name in ("train", "valid", "test")}
    return splits | changes


ARRAYS = make_splits()["train"].inputs
CHANGED_ARRAYS = {
    "a value": [ARRAYS[0] + 1e-6, ARRAYS[1]],
    "a dtype": [ARRAYS[0], ARRAYS[1].astype("int32")],
    "a shape": [ARRAYS[0].reshape(2, 3), ARRAYS[1]],
    "the order": ARRAYS[::-1],
    "where a sequence ends": [ARRAYS[0][:2], np.vstack([ARRAYS[0][2:], ARRAYS[1]])],
}


@pytest.mark.parametrize("change", CHANGED_ARRAYS)
@pytest.mark.parametrize("name", ["train", "valid", "test"])
def test_other_data_have_another_hash(change, name):
    arrays, split = CHANGED_ARRAYS[change], make_splits()[name]
    changed = (replace(split, inputs=arrays), replace(split, targets=arrays))
    hashes = {identity.data_hash(make_splits(**{name: split})) for split in changed}
    assert len(hashes | {identity.data_hash(make_splits())}) == 3


def test_the_hash_of_data_does_not_depend_on_their_memory_layout():
    arrays = [np.asfortranarray(ARRAYS[0]), np.zeros((4, 2), "float32")[::2]]
    same = {name: replace(split, inputs=arrays) for name, split in make_splits().items()}
    assert identity.data_hash(same) == identity.data_hash(make_splits())


def test_the_hash_of_a_task_covers_the_fields_that_a_score_depends_on():
    task = tasks.find_task("jsb")
    code = identity.task_hash(task)
    assert identity.task_hash(replace(task, title="Chorales", load=print)) == code
    for change in (
        *({"features": 87}, {"outputs": 87}, {"loss": "squared"}, {"answers": "last step"}),
        {"class_weights": (1.0, 2.0)},
    ):
        assert identity.task_hash(replace(task, **change)) != code


def test_a_task_has_the_hash_that_is_in_the_rows_of_older_sweeps():
    """They were made before a task had the fields `inputs` and `trivial`."""
    rows = store.load(Path(__file__).parents[1] / "results" / "reference")
    assert {code["task"] for code in rows["code"]} == {identity.task_hash(tasks.find_task("chorales"))}


def test_changed_parts_are_named_with_the_number_of_their_rows():
    code = {"suite": "1", "cell": "2", "task": "3", "data": "4"}
    row = {"task": "jsb", "cell": "lstm", "code": code}
    older, other = row | {"code": {}}, row | {"cell": "gru"}
    codes = {("jsb", "lstm"): code | {"cell": "5", "data": "6"}}
    assert identity.changed_parts([row, row, older, other], codes) == {"cell lstm": 2, "the data of jsb": 2}
    assert identity.changed_parts([row, older], {("jsb", "lstm"): code}) == {}
