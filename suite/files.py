"""Files that are there whole or not at all, or held by one process; names that cannot leave their folder."""

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

from suite import Refusal, registry


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
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise unusable_file(path, error) from error


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, where its file system can: CIFS, for one, cannot."""
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP):
            raise
    finally:
        os.close(directory)


def unusable_file(path: Path, error: Exception) -> Refusal:
    """Return the refusal of a file that cannot be read or written: the disk is full, another holds it, ..."""
    return Refusal(f"{path} cannot be used ({error}); mend that, or restore it from a copy, and ask again")


def nearest_path_hint(path: Path, content: str = "", *folders: Path) -> str:
    """Return ". Did you mean …?" with the path nearest to one that is not there; "" where none is near.

    Paths beside it and in `folders` are considered, those that hold a file `content`.
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
    """Return names joined to that of a file, which no other names give and which cannot leave its folder.

    Where they hold anything else than lower case, digits, "_" and ".", or what is between them, or are long,
    they are made so and a hash is added. In lower case, as some file systems ignore it.
    """
    names = list(map(str, names))
    joined = separator.join(names)
    separators = len(re.findall(f"(?={re.escape(separator)})", joined))  # also such as overlap
    if re.fullmatch(r"[a-z0-9_][a-z0-9_.-]{,99}", joined) and separators == len(names) - 1:
        return joined
    digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()
    return re.sub(r"[^A-Za-z0-9_.-]", "_", joined)[:80].lstrip(".") + f"~{digest[:12]}"


def path_in_folder(folder: Path, name: str) -> Path:
    """Return the path of a name in a folder; refuse one that could lie elsewhere."""
    if not isinstance(name, str) or name in ("", ".", "..") or Path(name).name != name:
        raise Refusal(f"name: expected that of a folder in {folder}, without a path, got {name!r}")
    return folder / name


def lock_file(path: Path, about: dict):
    """Return a file that this process alone holds until it closes it or ends, however it ends.

    What is written in it, beside `about`, names this process; it is refused while another one holds it.
    """
    file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - open for as long as the lock is held
    for _ in range(10):  # one who only looks (`lock_holder`) has it for a moment
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(0.1)
        except OSError as error:
            file.close()
            raise Refusal(
                f"{path} cannot be locked ({error}), and two sweeps could write there at once; "
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
    """Return what the process that holds a file (`lock_file`) wrote of itself; None where none does.

    Where files cannot be locked, it says that this is not known.
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
