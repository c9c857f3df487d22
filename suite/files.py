"""Write files atomically, lock files, and make names safe as file names."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from suite import Refusal, registry


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file atomically and durably: after a crash it is complete or absent."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise unusable_file(path, error) from error


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk; do nothing if its file system cannot, as CIFS."""
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP):
            raise
    finally:
        os.close(directory)


def unusable_file(path: Path, error: Exception) -> Refusal:
    """Return the refusal for a file that cannot be read or written, such as on a full disk."""
    return Refusal(
        f"{path} cannot be used ({error}); correct that, or restore it from a copy, and run the same command "
        f"again"
    )


def nearest_path_hint(path: Path, content: str = "", *folders: Path) -> str:
    """Return ". Did you mean …?" with the path most similar to a missing one; "" if none is similar.

    The candidates are paths beside it and in `folders` that contain a file `content`.
    """
    if (path / content).exists():
        return ""
    for folder in (path.parent, *folders):
        names = [other.name for other in folder.glob("*") if (other / content).exists()]
        prefix = "" if folder == Path() else f"{folder}/"
        if hint := registry.did_you_mean(path.name, names, prefix, cutoff=0.7):
            return f".{hint}"
    return ""


def safe_file_name(names: Iterable, separator: str = "-") -> str:
    """Return a file name for a list of names: distinct for distinct lists, and without path separators.

    Short names of lower-case letters, digits and "_-.@=,", such as lstm@layers=2, are joined as they are. In
    all other names, and where a name contains the separator, unsafe characters become "_" and a hash is
    added. Upper case needs the hash too, as some file systems do not tell it from lower case.
    """
    names = list(map(str, names))
    joined = separator.join(names)
    separators = len(re.findall(f"(?={re.escape(separator)})", joined))  # overlapping ones too
    if re.fullmatch(r"[a-z0-9_][a-z0-9_.@=,-]{,99}", joined) and separators == len(names) - 1:
        return joined
    digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()
    return re.sub(r"[^A-Za-z0-9_.-]", "_", joined)[:80].lstrip(".") + f"~{digest[:12]}"


def path_in_folder(folder: Path, name: str) -> Path:
    """Return the path of a name in a folder; refuse a name that could lead out of the folder."""
    if not isinstance(name, str) or name in ("", ".", "..") or Path(name).name != name:
        raise Refusal(
            f"name: expected the name of a folder in {folder}, got {name!r}; leave out '/', '.' and '..'"
        )
    return folder / name


def lock_file(path: Path, about: dict) -> TextIO:
    """Lock a file until this process closes it or ends; refuse if another process holds it.

    The file then contains, as JSON, `about` and under "who" a description of this process.
    """
    file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - open for as long as the lock is held
    for _ in range(10):  # `lock_holder` may hold it for a moment
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(0.1)
        except OSError as error:
            file.close()
            raise Refusal(
                f"{path} cannot be locked ({error}), so two sweeps could write there at the same time; "
                f"name a folder on another file system with --results"
            ) from error
    else:
        file.close()
        who = (lock_holder(path) or {}).get("who", "a process that has just ended")
        raise Refusal(
            f"{path.parent} is being written by {who}; wait for it, stop it, or name another folder"
        )
    try:
        file.truncate(0)
        file.write(json.dumps(about | {"who": f"process {os.getpid()} on {socket.gethostname()}"}))
        file.flush()
    except OSError as error:
        raise unusable_file(path, error) from error
    return file


def lock_holder(path: Path) -> dict | None:
    """Return what the process that holds a lock wrote into the file (see `lock_file`); None if it is free.

    On a file system without locks, the holder is described as not known.
    """
    try:
        with open(path, encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return json.loads(file.read() or '{"who": "a process that is just starting"}')
            except OSError as error:
                return {"who": f"not known, as files there cannot be locked ({error})"}
    except FileNotFoundError:
        pass
    return None
