"""Names of cells: their list, the class that a name finds, and the names that are refused."""

import inspect
import subprocess
import sys
import textwrap

import pytest
from plugins import install

from suite import Refusal, cells, registry
from suite.cells.base import Cell

REPORT_ORDER = ["rnn", "lstm", "nig", "nfg", "nog", "niaf", "noaf", "np", "cifg", "fgr", "gru"]

MINE = """
    from keras.ops import tanh

    from suite.cells.base import Cell


    class Mine(Cell):
        '''Somebody's cell.

        And more of it.
        '''

        gates = ("z",)

        def step(self, x, h):
            [z] = self.affine("z", x, h)
            return tanh(z)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that Python imports from, with a cell in the module `somebodys`."""
    (tmp_path / "somebodys.py").write_text(textwrap.dedent(MINE), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("somebodys", None)


def test_cells_are_listed_in_report_order():
    assert list(cells.BUILTIN_CELLS) == REPORT_ORDER
    assert list(cells.CELLS) == list(cells.cell_references())
    assert list(cells.cell_references())[: len(REPORT_ORDER)] == REPORT_ORDER


@pytest.mark.parametrize("name", cells.cell_references())
def test_a_name_finds_a_cell_whose_docstring_begins_with_a_sentence(name):
    result = cells.find_cell(name)
    assert issubclass(result, Cell)
    line = registry.summary(cells.cell_references()[name])
    assert line == inspect.getdoc(result).splitlines()[0]
    assert line.endswith(".")


def test_a_reference_finds_a_class_outside_the_tree(folder):
    assert cells.find_cell("somebodys:Mine").__name__ == "Mine"
    assert registry.summary("somebodys:Mine") == "Somebody's cell."


def test_the_cell_of_an_installed_package_is_listed_last(folder):
    install(folder, "odyssey.cells", "mine = somebodys:Mine")
    assert list(cells.cell_references()) == [*REPORT_ORDER, "mine"]
    assert cells.find_cell("mine").__name__ == "Mine"


def test_a_name_that_is_taken_is_refused_with_its_reference(folder):
    install(folder, "odyssey.cells", "gru = somebodys:Mine")
    with pytest.raises(Refusal, match=r"'gru' is taken by suite\.cells\.gru:GRU.*somebodys:Mine"):
        cells.cell_references()


@pytest.mark.parametrize(("name", "nearest"), [("ltsm", "lstm"), ("LSTM", "lstm"), ("gruu", "gru")])
def test_an_unknown_name_is_refused_with_the_nearest_alone(name, nearest):
    with pytest.raises(Refusal) as refusal:
        cells.find_cell(name)
    assert str(refusal.value) == f"unknown cell '{name}'. Did you mean '{nearest}'?"


def test_a_name_like_no_other_is_refused_without_a_guess():
    with pytest.raises(Refusal, match=r"^unknown cell 'transformer'\. Known: rnn, lstm"):
        cells.find_cell("transformer")


@pytest.mark.parametrize("name", ["somebodys:Nobody", "nobodys:Mine", "somebodys:", ":Mine"])
def test_a_reference_to_nothing_in_a_module_is_refused(folder, name):
    with pytest.raises(Refusal, match=f"cannot import {name}"):
        cells.find_cell(name)


@pytest.mark.parametrize(
    "name", ["somebodys:tanh", "collections:OrderedDict", "suite.cells.base:with_lanes_axis"]
)
def test_an_object_that_is_not_a_cell_is_refused(folder, name):
    with pytest.raises(
        Refusal, match=rf"cell {name}: expected a subclass of suite\.cells\.base\.Cell, got <"
    ):
        cells.find_cell(name)


def test_names_and_summaries_need_no_keras():
    program = """
        import sys
        from suite import cells, registry

        assert all(registry.summary(reference) for reference in cells.cell_references().values())
        print({"keras", "tensorflow", "jax"} & set(sys.modules))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n", done.stdout + done.stderr


@pytest.mark.parametrize("reference", [".x:Y", "nosuch:Mine", "nosuch.mod:Mine", "sys:Mine", "xml:Mine"])
def test_a_reference_to_nothing_is_refused(reference):
    with pytest.raises(Refusal, match=f"cannot import {reference}"):
        cells.find_cell(reference)


@pytest.mark.parametrize("reference", [".x:Y", "nosuch:Mine", "nosuch.mod:Mine"])
def test_a_summary_from_a_missing_module_is_refused(reference):
    with pytest.raises(Refusal, match=f"cannot import {reference}"):
        registry.summary(reference)


@pytest.mark.parametrize("reference", ["sys:Mine", "xml:Mine", "suite.cells.lstm:Mine"])
def test_the_summary_of_a_class_without_source_is_empty(reference):
    assert registry.summary(reference) == ""
