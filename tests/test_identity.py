"""What identifies the code and the data that made a row."""

from dataclasses import replace

import numpy as np
import pytest

import tasks
from suite import cells, identity
from suite.task import Split

FILES = {
    "apart.py": "",
    "helping.py": "",
    "lazily.py": "",
    "mine/__init__.py": "from .leaky import Leaky",
    "mine/leaky.py": "import numpy\nimport apart.nothing\nfrom suite.cells.base import Cell\n"
    "from .parts import one\nfrom . import gates\ndef step(): import lazily",
    "mine/parts/__init__.py": "",
    "mine/parts/one.py": "import mine.circular",
    "mine/circular.py": "from mine import leaky",
    "mine/gates.py": "",
    "mine/unused.py": "",
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
def own(tmp_path, monkeypatch):
    """A folder of the user's own modules, and one of installed packages."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def edit(path, text):
    """Write a file as another process will find it."""
    path.write_text(text)
    identity.read_source.cache_clear()


@pytest.mark.parametrize("name", FILES)
def test_a_cell_is_all_modules_of_the_users_own_that_it_imports_and_their_packages(own, name):
    before = identity.cell_hash("mine:Leaky")
    edit(own / name, f"{FILES[name]}\nchanged = True")
    module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert (identity.cell_hash("mine:Leaky") != before) == (module in IMPORTED)


def test_a_process_goes_on_with_the_files_it_has_found(own):
    before = identity.cell_hash("mine:Leaky")
    (own / "apart.py").write_text("changed = True")
    assert identity.cell_hash("mine:Leaky") == before


def test_a_cell_of_an_installed_package_is_the_modules_of_its_package_and_the_users_own(own):
    found = identity.module_sources("installed.cell", identity.suite_sources())
    assert found.keys() == {"installed", "installed.cell", "installed.parts", "helping", *IMPORTED}


def test_a_family_of_cells_is_identified_by_its_own_file_alone():
    assert identity.module_sources("suite.cells.gru", identity.suite_sources()).keys() == {"suite.cells.gru"}
    assert identity.cell_hash("lstm") == identity.cell_hash("cifg") != identity.cell_hash("gru")


def test_the_suite_is_what_takes_part_in_training_but_for_its_cells():
    found = identity.suite_sources().keys()
    assert {"suite", "suite.cells", "suite.cells.base", "suite.training.population", "suite.space"} <= found
    families = {reference.partition(":")[0] for reference in cells.BUILTIN_CELLS.values()}
    assert not found & {"suite.report.rendering", "suite.progress", "suite.cli", *families}


def test_nothing_that_is_hashed_imports_what_is_not():
    families = {reference.partition(":")[0] for reference in cells.BUILTIN_CELLS.values()}
    paths = {**identity.suite_sources()} | {
        name: identity.SOURCE_ROOT / f"{name.replace('.', '/')}.py" for name in families
    }
    for name, path in paths.items():
        named = {".".join(module.split(".")[:2]) for module in identity.imported_names(name, path)}
        assert not named & set(identity.NON_TRAINING_MODULES), name


def test_a_file_that_is_no_python_counts_too(own):
    edit(own / "mine" / "gates.py", "1 +")
    before = identity.cell_hash("mine:Leaky")
    edit(own / "mine" / "gates.py", "2 +")
    assert identity.cell_hash("mine:Leaky") != before


def splits(**changes):
    arrays = [np.arange(6, dtype="float32").reshape(3, 2), np.zeros((2, 2), "float32")]
    whole = {name: Split(arrays, [np.array([1]), np.array([0])]) for name in ("train", "valid", "test")}
    return whole | changes


ARRAYS = splits()["train"].inputs
OTHER = {
    "a value": [ARRAYS[0] + 1e-6, ARRAYS[1]],
    "a dtype": [ARRAYS[0], ARRAYS[1].astype("int32")],
    "a shape": [ARRAYS[0].reshape(2, 3), ARRAYS[1]],
    "the order": ARRAYS[::-1],
    "where one ends": [ARRAYS[0][:2], np.vstack([ARRAYS[0][2:], ARRAYS[1]])],
}


@pytest.mark.parametrize("what", OTHER)
@pytest.mark.parametrize("name", ["train", "valid", "test"])
def test_other_data_have_another_hash(what, name):
    there = splits()[name]
    others = (replace(there, inputs=OTHER[what]), replace(there, targets=OTHER[what]))
    found = {identity.data_hash(splits(**{name: other})) for other in others}
    assert len(found | {identity.data_hash(splits())}) == 3


def test_the_same_data_have_the_same_hash_however_they_lie_in_memory():
    otherwise = [np.asfortranarray(ARRAYS[0]), np.zeros((4, 2), "float32")[::2]]
    same = {name: replace(split, inputs=otherwise) for name, split in splits().items()}
    assert identity.data_hash(same) == identity.data_hash(splits())


def test_a_task_is_identified_by_what_a_score_depends_on():
    task = tasks.find_task("jsb")
    code = identity.task_hash(task)
    assert identity.task_hash(replace(task, title="Chorales", load=print)) == code
    for change in ({"features": 87}, {"outputs": 87}, {"loss": "squared"}, {"answers": "last step"}):
        assert identity.task_hash(replace(task, **change)) != code


def test_what_changed_is_counted_in_words():
    code = {"suite": "1", "cell": "2", "task": "3", "data": "4"}
    row = {"task": "jsb", "cell": "lstm", "code": code}
    older, other = row | {"code": {}}, row | {"cell": "gru"}
    codes = {("jsb", "lstm"): code | {"cell": "5", "data": "6"}}
    assert identity.changed_parts([row, row, older, other], codes) == {"cell lstm": 2, "the data of jsb": 2}
    assert identity.changed_parts([row, older], {("jsb", "lstm"): code}) == {}
