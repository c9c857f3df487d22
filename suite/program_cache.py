"""The cache of compiled programs: on disk, for later processes; never what training fails for."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from suite import machine

NAME = "rnn-odyssey"  # in the user's cache
ROOM = 16 * 2**20  # bytes that must be free: a program takes 1 to 8 MB
JAX_FOLDER = "JAX_COMPILATION_CACHE_DIR"
TENSORFLOW_FOLDER = "--tf_xla_persistent_cache_directory="
FLAG = re.compile(rf"""{TENSORFLOW_FOLDER}(?:"([^"]*)"|(\S*))""")  # TensorFlow would split a path at a space


def enable() -> str:
    """Have the backend, not loaded yet, keep what it compiles, and find what has been compiled before.

    Kept apart for each processor, each setting of the compiler and all versions. A folder that the user has
    named to the backend stays. Returns why nothing can be kept, or "".
    """
    remove_inherited()
    flags = os.environ.get("XLA_FLAGS", "")
    made_by = repr((machine.processor(), machine.cpuinfo("flags"), flags, machine.versions()))
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        folder = cache / NAME / hashlib.sha256(made_by.encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(ROOM))
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        return str(error)
    os.environ.setdefault(JAX_FOLDER, str(folder))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
    if "persistent_cache" not in (given := os.environ.get("TF_XLA_FLAGS", "")):
        os.environ["TF_XLA_FLAGS"] = f'{given} {TENSORFLOW_FOLDER}"{folder}"'.strip()
    return ""


def clear() -> bool:
    """Remove all programs on disk, where one is damaged or cannot be written: no error says which for sure.

    Returns whether there is a folder of ours.
    """
    flags = FLAG.finditer(os.environ.get("TF_XLA_FLAGS", ""))
    named = {os.environ.get(JAX_FOLDER, ""), *map(folder_of, flags)}
    folders = [Path(name) for name in named if is_ours(name)]
    for folder in folders:
        for file in folder.glob("*"):
            file.unlink(missing_ok=True)
    return bool(folders)


def remove_inherited() -> None:
    """Remove what the process that started this one has set: its compiler may have had other settings."""
    if is_ours(os.environ.get(JAX_FOLDER, "")):
        del os.environ[JAX_FOLDER]
    if flags := os.environ.get("TF_XLA_FLAGS"):
        os.environ["TF_XLA_FLAGS"] = FLAG.sub(lambda f: "" if is_ours(folder_of(f)) else f[0], flags).strip()


def folder_of(flag: re.Match) -> str:
    """Return the folder that a flag names to TensorFlow, in quotation marks or not."""
    return flag[1] or flag[2] or ""


def is_ours(name: str) -> bool:
    """Whether a folder was set by `enable`."""
    return Path(name).parent.name == NAME
