"""Files that are there whole or not at all, and names that cannot leave their folder."""

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from suite import Refusal


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all, whatever happens; refuse where it cannot be written."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise unusable(path, error) from error


def unusable(path: Path, error: Exception) -> Refusal:
    """Return the refusal of a file that cannot be read or written: the disk is full, another holds it, ..."""
    return Refusal(f"{path} cannot be used ({error}); mend that, or restore it from a copy, and ask again")


def plain(names: Iterable) -> str:
    """Return names joined to one that is a file's and cannot leave its folder."""
    return re.sub(r"[^\w.-]", "_", "-".join(map(str, names)))
