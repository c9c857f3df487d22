"""`odyssey compare`: sweeps side by side."""

from pathlib import Path
from typing import Annotated

import typer

from suite import Refusal


def compare(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FOLDER",
            help="Results folders; the first is what the others are compared with.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Report folder; else reports/A-vs-B.")] = None,
) -> None:
    """Compare sweeps: do their scores agree, and what did each take? Two machines, backends, versions."""
    folders = folders or []
    if len(folders) < 2:
        raise Refusal(f"expected two results folders or more to compare, got {len(folders)}; name another")
    named = folder_labels(folders)
    from suite import files, store
    from suite.report import comparison

    sweeps = {name: (store.load(folder), store.read_sweep(folder)) for name, folder in named.items()}
    page, answer = comparison.write_comparison(
        sweeps, out or Path("reports") / files.safe_file_name(named, "-vs-")
    )
    print("\n".join(answer))
    print(f"report   {page}")


def folder_labels(folders: list[Path]) -> dict[str, Path]:
    """Return folders by the shortest ends of their paths that tell them apart: jsb; gpu/jsb and cpu/jsb."""
    whole = [folder.resolve() for folder in folders]
    for folder in whole:
        if whole.count(folder) > 1:
            raise Refusal(f"expected different results folders to compare, got {folder.name} twice")
    for length in range(1, max(len(path.parts) for path in whole) + 1):
        ends = ["/".join(path.parts[-length:]) for path in whole]
        if len(set(ends)) == len(ends):
            break
    return dict(zip(ends, folders, strict=True))
