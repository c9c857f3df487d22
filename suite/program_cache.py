"""A cache of compiled programs on disk, for later processes; training works without it."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from suite import machine

CACHE_FOLDER_NAME = "rnn-odyssey"  # in the user's cache folder
MIN_FREE_BYTES = 16 * 2**20  # of disk space, to use the cache: a program takes 1 to 8 MB
JAX_CACHE_VARIABLE = "JAX_COMPILATION_CACHE_DIR"
TENSORFLOW_CACHE_FLAG = "--tf_xla_persistent_cache_directory="
# the folder is quoted, as TensorFlow splits its flags at spaces
CACHE_FLAG_PATTERN = re.compile(rf"""{TENSORFLOW_CACHE_FLAG}(?:"([^"]*)"|(\S*))""")


def enable_cache() -> str:
    """Set the backend, before it is loaded, to store compiled programs on disk and to reuse stored ones.

    Programs are stored in a folder of their own for each processor, each XLA_FLAGS and each set of package
    versions. A cache folder that the user has set for a backend is left as it is. Returns "", or the reason
    why the cache cannot be used.
    """
    remove_inherited_settings()
    flags = os.environ.get("XLA_FLAGS", "")
    cache_key = repr((machine.processor_name(), machine.cpuinfo("flags"), flags, machine.package_versions()))
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        folder = cache / CACHE_FOLDER_NAME / hashlib.sha256(cache_key.encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(MIN_FREE_BYTES))
    except (OSError, RuntimeError) as error:  # RuntimeError: the user has no home folder
        return str(error)
    os.environ.setdefault(JAX_CACHE_VARIABLE, str(folder))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
    if "persistent_cache" not in (given := os.environ.get("TF_XLA_FLAGS", "")):
        os.environ["TF_XLA_FLAGS"] = f'{given} {TENSORFLOW_CACHE_FLAG}"{folder}"'.strip()
    return ""


def clear_cache() -> bool:
    """Remove all programs from the cache that `enable_cache` has set; return whether it has set one.

    Called when a stored program is damaged or cannot be written: the error does not say reliably which one.
    """
    flags = CACHE_FLAG_PATTERN.finditer(os.environ.get("TF_XLA_FLAGS", ""))
    cache_folders = {os.environ.get(JAX_CACHE_VARIABLE, ""), *map(flag_folder, flags)}
    folders = [Path(name) for name in cache_folders if is_own_folder(name)]
    for folder in folders:
        for file in folder.glob("*"):
            file.unlink(missing_ok=True)
    return bool(folders)


def remove_inherited_settings() -> None:
    """Remove cache settings inherited from the process that started this one.

    They name the folder for that process's XLA_FLAGS, which may differ from those of this process.
    """
    if is_own_folder(os.environ.get(JAX_CACHE_VARIABLE, "")):
        del os.environ[JAX_CACHE_VARIABLE]
    if flags := os.environ.get("TF_XLA_FLAGS"):
        os.environ["TF_XLA_FLAGS"] = CACHE_FLAG_PATTERN.sub(
            lambda f: "" if is_own_folder(flag_folder(f)) else f[0], flags
        ).strip()


def flag_folder(flag: re.Match) -> str:
    """Return the folder in a match of `CACHE_FLAG_PATTERN`, quoted or not."""
    return flag[1] or flag[2] or ""


def is_own_folder(name: str) -> bool:
    """Whether a folder was set by `enable_cache`."""
    return Path(name).parent.name == CACHE_FOLDER_NAME
