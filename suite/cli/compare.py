"""`odyssey compare`: compare the scores and times of sweeps."""

from pathlib import Path
from typing import Annotated

import typer

from suite import Refusal


def compare(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FOLDER",
            help="Two or more results folders; all others are compared with the first.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Report folder.", show_default="reports/A-vs-B")] = None,
) -> None:
    """Compare the scores and times of sweeps, for example from two machines, backends or versions."""
    folders = folders or []
    if len(folders) < 2:
        raise Refusal(f"expected two results folders or more to compare, got {len(folders)}; name another")
    labelled = folder_labels(folders)
    from suite import files, store
    from suite.report import comparison

    sweeps = {name: (store.load(folder), store.read_sweep(folder)) for name, folder in labelled.items()}
    page, answer = comparison.write_comparison(
        sweeps, out or Path("reports") / files.safe_file_name(labelled, "-vs-")
    )
    print("\n".join(answer))
    print(f"report   {page}")


def folder_labels(folders: list[Path]) -> dict[str, Path]:
    """Return folders by the shortest ends of their paths that tell them apart: jsb; gpu/jsb and cpu/jsb."""
    resolved = [folder.resolve() for folder in folders]
    for folder in resolved:
        if resolved.count(folder) > 1:
            raise Refusal(f"expected different results folders to compare, got {folder.name} twice")
    for length in range(1, max(len(path.parts) for path in resolved) + 1):
        labels = ["/".join(path.parts[-length:]) for path in resolved]
        if len(set(labels)) == len(labels):
            break
    return dict(zip(labels, folders, strict=True))
