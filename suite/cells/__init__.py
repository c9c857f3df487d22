"""The registered cells, in report order; `CELLS` maps each name to its class.

A reference is "module:Class": here, on the command line (`--cell`), and in the entry points of other packages
(group `odyssey.cells`). A class is imported when it is first used, because that imports Keras, which takes
seconds; the names alone do not need it. To add a cell, write its file and add its line here.
"""

from typing import TYPE_CHECKING, Any

from suite import Refusal, registry

if TYPE_CHECKING:
    from suite.cells.base import Cell

BUILTIN_CELLS = {
    "rnn": "suite.cells.rnn:RNN",
    "lstm": "suite.cells.lstm:LSTM",
    "nig": "suite.cells.lstm:NIG",
    "nfg": "suite.cells.lstm:NFG",
    "nog": "suite.cells.lstm:NOG",
    "niaf": "suite.cells.lstm:NIAF",
    "noaf": "suite.cells.lstm:NOAF",
    "np": "suite.cells.lstm:NP",
    "cifg": "suite.cells.lstm:CIFG",
    "fgr": "suite.cells.lstm:FGR",
    "gru": "suite.cells.gru:GRU",
}


def cell_references() -> dict[str, str]:
    """Return the reference of every cell by name: those listed here, then those of installed packages."""
    return registry.merge_entry_points(BUILTIN_CELLS, group="odyssey.cells")


def find_cell(name: str) -> "type[Cell]":
    """Return the class of a cell, by name or as "module:Class"; refuse an unknown name or other class."""
    from suite.cells.base import Cell

    cell = registry.resolve_reference("cell", name, cell_references())
    if not (isinstance(cell, type) and issubclass(cell, Cell)):
        raise Refusal(f"cell {name}: expected a subclass of suite.cells.base.Cell, got {cell!r}")
    return cell


def __getattr__(name: str) -> Any:
    if name == "CELLS":
        return {cell: find_cell(cell) for cell in cell_references()}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
