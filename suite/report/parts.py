"""The data model of a page: sections, and the kinds of parts that a section may hold.

A part holds content only; `suite/report/templates` define its layout in HTML and in Markdown.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as MatplotlibFigure
from pandas.api.types import is_numeric_dtype

from suite.analysis.verdicts import Verdict
from suite.report.formatting import NO_VALUE, format_number

LONG_TEXT = 24  # characters: a column of longer texts wraps


@dataclass(frozen=True)
class Link:
    """Text that links to a file of the report, or to a section of the page by "#" and its id."""

    text: str
    target: str


@dataclass(frozen=True)
class Strong:
    """Text in bold."""

    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph: a string, or strings, links and bold texts in a row; `style` is a class of style.css."""

    content: str | Sequence[str | Link | Strong]
    style: str = ""

    @property
    def runs(self) -> Sequence[str | Link | Strong]:
        """The strings, links and bold texts of the paragraph."""
        return [self.content] if isinstance(self.content, str) else self.content


@dataclass(frozen=True)
class Bullets:
    """A list of paragraphs."""

    items: Sequence[Text]


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str


@dataclass(frozen=True)
class Figure:
    """A figure: the name of its files, its alternative text, its caption, and the table with its data.

    `natural_size` keeps a figure from being stretched. `trial_titles` has a text for each trial by its
    variant and number: the page shows it when the pointer is over a point that stands for the trial.
    """

    name: str
    drawing: MatplotlibFigure
    alt: str
    caption: str
    table_name: str
    natural_size: bool = False
    trial_titles: Mapping[tuple[str, int], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Claims:
    """Verdicts on published claims, each with its evidence."""

    verdicts: Sequence[Verdict]


@dataclass(frozen=True)
class Details:
    """Parts that are folded away behind a summary."""

    summary: str
    parts: "Sequence[Part]"


@dataclass(frozen=True)
class TableColumn:
    """A column of a table on a page: its heading, the frame's column it sorts by, and its text.

    `show` formats the value of the column; `show_row` formats the whole row, if the text needs several
    values. `highlight_lowest` marks the lowest value of the column.
    """

    label: str
    key: str
    show: Callable[[Any], str] | None = None
    show_row: Callable[[dict], str] | None = None
    highlight_lowest: bool = False

    def text(self, row: dict) -> str:
        """Return what a page shows of a row."""
        if self.show_row:
            return self.show_row(row)
        value = row[self.key]
        if self.show:
            return self.show(value)
        if pd.isna(value):
            return NO_VALUE
        return value if isinstance(value, str) else format_number(value)


@dataclass(frozen=True)
class TableCell:
    """One cell of a table: `text` is shown, and the column sorts by `value`, which is "" if there is none."""

    text: str
    value: object
    numeric: bool
    highlighted: bool

    @property
    def is_long(self) -> bool:
        """Whether the text wraps."""
        return len(self.text) > LONG_TEXT


@dataclass(frozen=True)
class TableRow:
    """A row of a table on a page; `variant` is the variant that the row describes, or "".

    `against` is the variant that a row compares it with, if the table has a column of such variants, or "".
    """

    variant: str
    against: str
    cells: list[TableCell]


@dataclass(frozen=True)
class Table:
    """A table: the name of its CSV file, its caption, its data frame, and the columns to show."""

    name: str
    caption: str
    frame: pd.DataFrame
    columns: Sequence[TableColumn] = ()

    def to_csv(self) -> bytes:
        """Return the frame as CSV with all digits."""
        return self.frame.to_csv(index=False, lineterminator="\n").encode()

    def head(self) -> list[TableCell]:
        """Return the headings."""
        numeric = [is_numeric_dtype(self.frame[column.key]) for column in self.columns]
        return [
            TableCell(column.label, "", number, False)
            for column, number in zip(self.columns, numeric, strict=True)
        ]

    def body(self) -> list[TableRow]:
        """Return the rows of the page's table."""
        compares = any(column.key == "against" for column in self.columns)
        return [
            TableRow(
                str(row.get("cell", "")),
                str(row["against"]) if compares else "",
                [self._cell(column, row) for column in self.columns],
            )
            for row in self.frame.to_dict("records")
        ]

    def _cell(self, column: TableColumn, row: dict) -> TableCell:
        value, values = row[column.key], self.frame[column.key]
        is_finite = not pd.isna(value) and value not in (math.inf, -math.inf)
        marked = column.highlight_lowest and len(values) > 1 and is_finite and value == values.min()
        return TableCell(column.text(row), value if is_finite else "", is_numeric_dtype(values), bool(marked))


Part = Text | Bullets | Heading | Table | Figure | Claims | Details


@dataclass(frozen=True)
class Section:
    """A section of a page: its id in links, its title, its parts, and tables that are only written as CSV."""

    id: str
    title: str
    parts: Sequence[Part]
    data: Sequence[Table] = ()

    def flat_parts(self) -> Iterator[Part]:
        """Return all parts, including those that are folded away."""
        return _flatten(self.parts)


def _flatten(parts: Sequence[Part]) -> Iterator[Part]:
    for part in parts:
        yield part
        if isinstance(part, Details):
            yield from _flatten(part.parts)
