"""The registered cells, in report order; `CELLS` maps each name to its class.

A reference is "module:Class", here, on the command line (`--cell`) and in the entry points of other
packages (group `odyssey.cells`). Classes are imported when they are asked for: a list of names must not wait
for Keras.
"""

from suite import registry

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
    """Return the reference of every known cell: those listed here, then those of installed packages."""
    return registry.merge_entry_points(BUILTIN_CELLS, group="odyssey.cells")


def find_cell(name: str) -> type:
    """Return the class of a cell, by name or as "module:Class"; refuse an unknown one."""
    from suite.cells.base import Cell

    found = registry.resolve_reference("cell", name, cell_references())
    if not (isinstance(found, type) and issubclass(found, Cell)):
        from suite import Refusal

        raise Refusal(f"cell {name}: expected a subclass of suite.cells.base.Cell, got {found!r}")
    return found


def __getattr__(name):
    if name == "CELLS":
        return {cell: find_cell(cell) for cell in cell_references()}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
