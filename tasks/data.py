"""Data files: found where the user keeps them or downloaded, and always verified before they are opened."""

import contextlib
import hashlib
import io
import os
import socket
import tempfile
from pathlib import Path

from suite import Refusal

STALL_TIMEOUT = 20  # seconds that a download may stand still


def find_data_file(name: str, sha256: str, url: str, folder: Path | None = None) -> Path:
    """Return the path of a data file whose SHA-256 is right.

    Looked for in `folder`, else in $ODYSSEY_DATA; then in Keras's cache, into which it is downloaded.
    Raises `Refusal` if there is no such folder, its file is another one, or the file cannot be had.
    """
    named = folder or os.environ.get("ODYSSEY_DATA")
    home = Path(named).expanduser() if named else None
    if home and not home.is_dir():
        raise Refusal(f"the data folder {home} is not there: create it, or name another")
    if home and (home / name).is_file():
        if (actual := file_sha256(home / name)) != sha256:
            raise Refusal(
                f"{home / name}: expected the SHA-256 {sha256}, found {actual}; "
                f"replace it by {url}, or remove it to have it downloaded"
            )
        return home / name
    try:
        return cached_download(name, sha256, url)
    except Exception as error:  # get_file raises plain ones
        where = f"in {home}" if home else "in Keras's cache, and no data folder is named"
        aim = home / name if home else f"{name} in a folder, and name that with --data or $ODYSSEY_DATA"
        why = " ".join(str(error).split())
        raise Refusal(f"{name} is not {where}; its download failed ({why}): save {url} as {aim}") from error


def cached_download(name: str, sha256: str, url: str) -> Path:
    """Return the path of a file in Keras's cache, downloaded if it is not there or not the right one.

    The cache only ever gets a whole, verified file, even if several processes ask for it at once.
    """
    cache = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "odyssey"
    if (cache / name).is_file() and file_sha256(cache / name) == sha256:
        return cache / name
    cache.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=cache) as fresh,
        stall_timeout(),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        from keras.utils import get_file

        path = get_file(name, url, file_hash=sha256, cache_dir=fresh, cache_subdir="")
        return Path(path).replace(cache / name)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextlib.contextmanager
def stall_timeout():
    """Limit how long a connection may stand still: get_file itself waits forever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
