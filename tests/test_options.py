"""Options in names: `name@key=value,key=value`, by the keyword-only parameters of a function."""

import sys
from typing import Annotated, Literal

import pytest

import tasks
from suite import Refusal, options
from suite.options import Between, Text


def variant(
    cell,
    *,
    layers: Annotated[int, Between(1, 16)] = 1,
    rate: Annotated[float, Between(0, 1)] = 0.5,
    direction: Literal["forward", "both"] = "forward",
    skip: bool = False,
    file: Annotated[str, Text()] = "",
):
    """Stand for a function of options."""
    return cell, layers, rate, direction, skip, file


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("x", "x"),
        ("x@layers=2", "x@layers=2"),
        ("x@skip=yes,layers=03,direction=both", "x@direction=both,layers=3,skip=yes"),
        ("x@layers=1,direction=forward,skip=no,rate=5e-1", "x"),
        ("x@rate=0.1234567890", "x@rate=0.123456789"),
        ("x@rate=1", "x@rate=1"),
        ("module:X@layers=2", "module:X@layers=2"),
        ("x@skip=yes,file=My_data-2.csv", "x@file=My_data-2.csv,skip=yes"),
    ],
)
def test_a_canonical_name_has_sorted_options_without_defaults(name, canonical):
    assert options.canonical_name("cell", name, variant) == canonical
    values = options.parse_options("cell", name, variant)
    assert options.parse_options("cell", canonical, variant).items() <= values.items()
    assert options.canonical_name("cell", canonical, variant) == canonical


ALL = (
    "layers=1…16 (default 1), rate=0…1 (default 0.5), direction=forward|both, skip=no|yes, "
    "file=TEXT (default none)"
)
TEXT = "file: expected letters a to z, digits, and _ . -, beginning with a letter, a digit or _, got "
FORM = "expected options as x@key=value,key=value, got "


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("x@layer=2", f"unknown option 'layer'. Did you mean 'layers'? Options of x: {ALL}"),
        ("x@=2", f"{FORM}'=2'"),
        ("x@", f"{FORM}''"),
        ("x@layers", f"{FORM}'layers'"),
        ("x@layers=", f"{FORM}'layers='"),
        ("x@layers=2,", f"{FORM}''"),
        ("x@layers=2,layers=3", "the option layers is given twice; leave one out"),
        ("x@layers=0", "layers: expected a whole number, 1 to 16, got '0'"),
        ("x@layers=17", "layers: expected a whole number, 1 to 16, got '17'"),
        ("x@layers=2.0", "layers: expected a whole number, 1 to 16, got '2.0'"),
        ("x@layers=x", "layers: expected a whole number, 1 to 16, got 'x'"),
        ("x@layers=2@skip=yes", "layers: expected a whole number, 1 to 16, got '2@skip=yes'"),
        ("x@rate=nan", "rate: expected a number, 0 to 1, got 'nan'"),
        ("x@direction=bot", "direction: expected forward or both, got 'bot'. Did you mean 'both'?"),
        ("x@skip=1", "skip: expected no or yes, got '1'"),
        *(
            (f"x@file={text}", f"{TEXT}{text!r}")
            for text in ("a b", "a/b", "..", "-x", "$x", "ä", "a=b", "~")
        ),
    ],
)
def test_a_wrong_option_is_refused_with_what_there_is(name, said):
    with pytest.raises(Refusal) as refusal:
        options.parse_options("cell", name, variant)
    assert str(refusal.value) == f"cell {name!r}: {said}"


PLUGIN = """
from __future__ import annotations
from typing import Annotated, TYPE_CHECKING
from suite.options import Between
from suite.task import Task
if TYPE_CHECKING:
    from nowhere import Path

def load(folder):
    raise SystemExit

def copy(*, length: Annotated[int, Between(1, 9)] = 3, kind: Literal["a"] = "a") -> Path:
    return 1

def parity(*, length: Annotated[int, Between(1, 9)] = 3) -> Task:
    return Task("mine", f"{length} bits", load, 1, 1, "squared", "squared", "", "last step", "")

def wrong(*, length: Annotated[int, Between(1, 9)] = 3) -> Path:
    return 1 // (4 - length)

def without_range(*, length: int = 3): pass
def with_text_range(*, file: Annotated[str, Between(1, 9)] = ""): pass
def without_default(*, length: Annotated[int, Between(1, 9)]): pass
def with_argument(length, *, more: bool = False): pass
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    (tmp_path / "plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "plugin.py"
    sys.modules.pop("plugin", None)


def test_a_function_of_a_users_module_is_a_task_with_options(plugin):
    """Its annotations are texts, and one of them names what is imported for type checkers only."""
    assert tasks.find_task("plugin:parity@length=5").title == "5 bits"
    assert tasks.find_task("plugin:parity@length=5").name == "plugin:parity@length=5"
    assert tasks.canonical_task("plugin:parity@length=3") == "plugin:parity"


LEGAL = f"and an annotation that is {options.LEGAL_ANNOTATIONS}; got "


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "plugin:parity@length=10",
            "'plugin:parity@length=10': length: expected a whole number, 1 to 9, got '10'",
        ),
        ("plugin:wrong", "plugin:wrong: expected a suite.task.Task, got int"),
        ("plugin:load", "'plugin:load': TypeError: load() missing 1 required positional argument: 'folder'"),
        ("plugin:with_argument@more=yes", "with_argument() missing 1 required positional argument: 'length'"),
        ("plugin:without_range", f"its option length, {LEGAL}length: 'int' = 3"),
        ("plugin:with_text_range", f"its option file, {LEGAL}file: 'Annotated[str, Between(1, 9)]' = ''"),
        ("plugin:without_default", f"its option length, {LEGAL}length: 'Annotated[int, Between(1, 9)]'"),
        ("plugin:copy", f"its option kind, {LEGAL}kind: \"Literal['a']\" = 'a'"),
        (
            "chorales@length=3",
            "'chorales@length=3': unknown option 'length'. Options of chorales: size=full|tiny",
        ),
    ],
)
def test_a_function_that_is_no_task_is_refused_in_one_line(plugin, name, said):
    with pytest.raises(Refusal) as refusal:
        tasks.find_task(name)
    assert str(refusal.value).startswith("task ")
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_function_that_raises_is_refused_with_file_and_line(plugin):
    with pytest.raises(Refusal, match=rf"ZeroDivisionError: .* \({plugin}, line 19\)"):
        tasks.find_task("plugin:wrong@length=4")
