"""From templates to files: what every page shares, whatever it is about."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from suite.report.formatting import unique_short_names

MAX_SLUG_BYTES = 120  # bytes of a name within that of a file, which may have 255 in all


def write_files(files: dict[str, bytes], folder: Path) -> Path:
    """Write files by their names into a folder, each whole or not at all; return the path of the last one."""
    for name, content in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    return path


def render_template(template: str, page: dict) -> bytes:
    """Return a page: a template filled in. What ends in .html.j2 is escaped, the rest by its filter `md`."""
    return JINJA_ENVIRONMENT.get_template(template).render(page).encode()


def slugify(name: str) -> str:
    """Return a name that stands in names of files and in links, cut where it is too long for them."""
    return re.sub(r"[^\w.-]+", "-", name).encode()[:MAX_SLUG_BYTES].decode(errors="ignore")


def unique_slugs(names: Iterable[str]) -> dict[str, str]:
    """Return the slug of each name, no two alike."""
    return unique_short_names(names, slugify, "{}-{}")


def inline_svg(svg: bytes, prefix: str, alt: str) -> Markup:
    """Return a figure to stand in a page: its ids made the page's own, its alternative text said."""
    text = svg.decode()
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", text[text.index("<svg ") :])
    return Markup(text.replace("<svg ", Markup('<svg role="img" aria-label="{}" ').format(alt), 1))


def escape_markdown(text: object) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>|#~$])", r"\\\1", " ".join(str(text).split()))


JINJA_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=lambda name: name is not None and name.endswith(".html.j2"),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
)
JINJA_ENVIRONMENT.filters["md"] = escape_markdown
