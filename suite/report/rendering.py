"""From sections to files: the page in HTML and in Markdown, its figures and its tables."""

import html
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from suite.report import figures
from suite.report.formatting import unique_short_names
from suite.report.parts import Figure, Section, Table

MAX_SLUG_BYTES = 120  # bytes of a name within that of a file, which may have 255 in all
TEMPLATES = {"report.md": "page.md.j2", "index.html": "page.html.j2"}


@dataclass(frozen=True)
class Page:
    """A page: the name of the sweep, its title, its progress, and its sections in order.

    `baseline` is the variant whose rows are set off in tables; `variants` are those that can be hidden.
    """

    name: str
    title: str
    progress: str
    sections: Sequence[Section]
    baseline: str = ""
    variants: Sequence[str] = ()


def write_page(page: Page, folder: Path) -> Path:
    """Write a page and everything beside it into a folder; return the path of its HTML, which comes last."""
    return write_files(page_files(page), folder)


def page_files(page: Page) -> dict[str, bytes]:
    """Return every file of a page by its name, pages last."""
    files, drawings = {}, {}
    for section in page.sections:
        parts = list(section.flat_parts())
        for table in (*(part for part in parts if isinstance(part, Table)), *section.data):
            files[f"tables/{table.name}.csv"] = table.to_csv()
        for figure in (part for part in parts if isinstance(part, Figure)):
            svg = figures.to_svg(figure.drawing)
            files[f"figures/{figure.name}.svg"] = svg
            files[f"figures/{figure.name}.png"] = figures.to_png(figure.drawing)
            drawings[figure.name] = inline_svg(svg, figure)
    context = {"page": page, "drawings": drawings}
    pages = {
        name: JINJA_ENVIRONMENT.get_template(template).render(context).encode()
        for name, template in TEMPLATES.items()
    }
    return files | pages


def write_files(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write files by their names into a folder, each atomically; return the path of the last one."""
    for name, content in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    return path


def slugify(name: str) -> str:
    """Return a name that is safe in file names and links, shortened if it is too long."""
    return re.sub(r"[^\w.-]+", "-", name).encode()[:MAX_SLUG_BYTES].decode(errors="ignore")


def unique_slugs(names: Iterable[str]) -> dict[str, str]:
    """Return the slug of each name, no two alike."""
    return unique_short_names(names, slugify, "{}-{}")


def inline_svg(svg: bytes, figure: Figure) -> Markup:
    """Return a figure as SVG for a page: with unique ids, its alternative text, and titles of points."""
    text = add_trial_titles(svg.decode(), figure.trial_titles)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{figure.name}-", text[text.index("<svg ") :])
    return Markup(text.replace("<svg ", Markup('<svg role="img" aria-label="{}" ').format(figure.alt), 1))


def add_trial_titles(svg: str, titles: Mapping[tuple[str, int], str]) -> str:
    """Return an SVG with a title on each point of a trial; `titles` holds them by variant and trial number.

    Points have an attribute data-trial, and are in a group with an attribute data-cell.
    """

    def titled(point: re.Match) -> str:
        title = titles.get((html.unescape(cell), int(point[2])), "")
        return f"<{point[1]}{point[3]}><title>{escape(title)}</title></{point[1]}>" if title else point[0]

    before, *groups = re.split(r'<g data-cell="([^"]*)"', svg)
    for cell, group in zip(groups[::2], groups[1::2], strict=True):
        group = re.sub(r'<(use|path) data-trial="(\d+)"([^>]*?) */>', titled, group)
        before += f'<g data-cell="{cell}"{group}'
    return before


def escape_markdown(text: object) -> str:
    """Return text on one line, escaped so that Markdown shows it literally."""
    return re.sub(r"([\\`*_{}\[\]<>|#~$&])", r"\\\1", re.sub(r"\s+", " ", str(text)))


JINJA_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=lambda name: name is not None and name.endswith(".html.j2"),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
)
JINJA_ENVIRONMENT.filters["md"] = escape_markdown
JINJA_ENVIRONMENT.filters["kind"] = lambda part: type(part).__name__
JINJA_ENVIRONMENT.filters["upper_first"] = lambda text: text[:1].upper() + text[1:]
