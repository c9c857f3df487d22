"""Files that are there whole or not at all, or held by one process; names that cannot leave their folder."""

import contextlib
import fcntl
import json
import os
import re
import socket
import time
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


def within(folder: Path, name: str) -> Path:
    """Return the path of a name in a folder; refuse one that could lie elsewhere."""
    if not isinstance(name, str) or name in ("", ".", "..") or Path(name).name != name:
        raise Refusal(f"name: expected that of a folder in {folder}, without a path, got {name!r}")
    return folder / name


def lock(path: Path, about: dict):
    """Return a file that this process alone holds until it closes it or ends, however it ends.

    What is written in it, beside `about`, names this process; it is refused while another one holds it.
    """
    file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - open for as long as the lock is held
    for _ in range(10):  # one who only looks (`holder`) has it for a moment
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        time.sleep(0.1)
    else:
        file.close()
        who = (holder(path) or {}).get("who", "a process that has just ended")
        raise Refusal(
            f"{path.parent} is being written by {who}; wait for it, stop it, or name another folder"
        )
    try:
        file.truncate(0)
        file.write(json.dumps(about | {"who": f"process {os.getpid()} on {socket.gethostname()}"}))
        file.flush()
    except OSError as error:
        raise unusable(path, error) from error
    return file


def holder(path: Path) -> dict | None:
    """Return what the process that holds a file (`lock`) wrote of itself; None where none does."""
    try:
        with open(path, encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return json.loads(file.read() or '{"who": "a process that is just starting"}')
    except FileNotFoundError:
        pass
    return None
