"""Find data files in the user's folder or download them, and verify them before they are opened."""

import contextlib
import hashlib
import io
import os
import socket
import tempfile
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, TypeAlias

from suite import Refusal

STALL_TIMEOUT = 20  # seconds without any data after which a download fails

NO_DOWNLOADS = ContextVar("NO_DOWNLOADS", default=False)  # set by `without_downloads`

# an option of a task: all its data, or a few sequences, for tests
Size: TypeAlias = Literal["full", "tiny"]


def find_data_file(name: str, sha256: str, url: str, folder: Path | None = None) -> Path:
    """Return the path of a data file, after its SHA-256 has been verified.

    The file is looked for in `folder` (by default $ODYSSEY_DATA), then in Keras's cache, and downloaded to
    the cache if it is not there. Raises `Refusal` if the folder does not exist, the file in it has another
    SHA-256 or cannot be read, as a folder or a broken link of that name, or the download fails or is not
    allowed (`without_downloads`).
    """
    home = user_data_folder(folder)
    if home and os.path.lexists(home / name):
        advice = f"replace it by {url}, or remove it to have it downloaded"
        try:
            actual = file_sha256(home / name)
        except OSError as error:
            raise Refusal(f"{home / name} cannot be read ({error.strerror}); {advice}") from error
        if actual != sha256:
            raise Refusal(f"{home / name}: expected the SHA-256 {sha256}, found {actual}; {advice}")
        return home / name
    where = f"in {home}" if home else "in Keras's cache, and no data folder is named"
    if NO_DOWNLOADS.get() and not is_cached(name, sha256):
        raise Refusal(f"{name} is not {where}: it is downloaded on first use, from {url}")
    try:
        return cached_download(name, sha256, url)
    except Exception as error:  # get_file raises plain exceptions
        target = home / name if home else f"{name} in a folder, and name that with --data or $ODYSSEY_DATA"
        reason = " ".join(str(error).replace(f" on {url}", "").split())
        raise Refusal(
            f"{name} is not {where}, and its download failed ({reason}): save {url} as {target}"
        ) from error


def find_data_folder(name: str, source: str, folder: Path | None = None) -> Path:
    """Return the folder of a licensed data set in the user's data folder; its name may have any case.

    Raises `Refusal`, with the `source` of the data set, if it is not there.
    """
    home = user_data_folder(folder)
    matches = [path for path in home.iterdir() if path.name.lower() == name.lower()] if home else []
    for path in sorted(matches):
        if path.is_dir():
            return path
    if home:
        raise Refusal(
            f"the folder {name} is not in {home}: copy {source} there, or name the folder that holds {name} "
            "with --data or $ODYSSEY_DATA"
        )
    raise Refusal(
        f"the folder {name} is missing, as no data folder is named: copy {source} as {name} into a folder, "
        "and name that folder with --data or $ODYSSEY_DATA"
    )


def user_data_folder(folder: Path | None = None) -> Path | None:
    """Return the user's folder of data files, by default $ODYSSEY_DATA; None if none is named.

    Raises `Refusal` if it does not exist.
    """
    path = folder or os.environ.get("ODYSSEY_DATA")
    home = Path(path).expanduser() if path else None
    if home and not home.is_dir():
        problem = "is a file" if home.exists() else "does not exist"
        raise Refusal(f"the data folder {home} {problem}: name a folder that exists")
    return home


@contextlib.contextmanager
def without_downloads() -> Iterator[None]:
    """Have `find_data_file` refuse a file that it would download."""
    token = NO_DOWNLOADS.set(True)
    try:
        yield
    finally:
        NO_DOWNLOADS.reset(token)


def cache_folder() -> Path:
    """Return the folder of downloaded files, in Keras's cache."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "odyssey"


def is_cached(name: str, sha256: str) -> bool:
    """Whether a file has been downloaded, with this SHA-256."""
    path = cache_folder() / name
    return path.is_file() and file_sha256(path) == sha256


def cached_download(name: str, sha256: str, url: str) -> Path:
    """Return the path of a file in Keras's cache; download it if it is missing or has another SHA-256.

    A file is moved into the cache only when it is complete and verified, so that several processes can do
    this at the same time.
    """
    cache = cache_folder()
    if is_cached(name, sha256):
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
def stall_timeout() -> Iterator[None]:
    """Set a timeout for connections that receive no data: `get_file` by itself waits forever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
