"""The cache of compiled programs: on disk, for later processes; never what training fails for."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from suite import machine

CACHE_FOLDER_NAME = "rnn-odyssey"  # in the user's cache
MIN_FREE_BYTES = 16 * 2**20  # bytes that must be free: a program takes 1 to 8 MB
JAX_CACHE_VARIABLE = "JAX_COMPILATION_CACHE_DIR"
TENSORFLOW_CACHE_FLAG = "--tf_xla_persistent_cache_directory="
CACHE_FLAG_PATTERN = re.compile(
    rf"""{TENSORFLOW_CACHE_FLAG}(?:"([^"]*)"|(\S*))"""
)  # TensorFlow would split a path at a space


def enable_cache() -> str:
    """Have the backend, not loaded yet, keep what it compiles, and find what has been compiled before.

    Kept apart for each processor, each setting of the compiler and all versions. A folder that the user has
    named to the backend stays. Returns why nothing can be kept, or "".
    """
    remove_inherited_settings()
    flags = os.environ.get("XLA_FLAGS", "")
    made_by = repr((machine.processor_name(), machine.cpuinfo("flags"), flags, machine.package_versions()))
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        folder = cache / CACHE_FOLDER_NAME / hashlib.sha256(made_by.encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(MIN_FREE_BYTES))
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        return str(error)
    os.environ.setdefault(JAX_CACHE_VARIABLE, str(folder))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
    if "persistent_cache" not in (given := os.environ.get("TF_XLA_FLAGS", "")):
        os.environ["TF_XLA_FLAGS"] = f'{given} {TENSORFLOW_CACHE_FLAG}"{folder}"'.strip()
    return ""


def clear_cache() -> bool:
    """Remove all programs on disk, where one is damaged or cannot be written: no error says which for sure.

    Returns whether there is a folder of ours.
    """
    flags = CACHE_FLAG_PATTERN.finditer(os.environ.get("TF_XLA_FLAGS", ""))
    named = {os.environ.get(JAX_CACHE_VARIABLE, ""), *map(flag_folder, flags)}
    folders = [Path(name) for name in named if is_own_folder(name)]
    for folder in folders:
        for file in folder.glob("*"):
            file.unlink(missing_ok=True)
    return bool(folders)


def remove_inherited_settings() -> None:
    """Remove what the process that started this one has set: its compiler may have had other settings."""
    if is_own_folder(os.environ.get(JAX_CACHE_VARIABLE, "")):
        del os.environ[JAX_CACHE_VARIABLE]
    if flags := os.environ.get("TF_XLA_FLAGS"):
        os.environ["TF_XLA_FLAGS"] = CACHE_FLAG_PATTERN.sub(
            lambda f: "" if is_own_folder(flag_folder(f)) else f[0], flags
        ).strip()


def flag_folder(flag: re.Match) -> str:
    """Return the folder that a flag names to TensorFlow, in quotation marks or not."""
    return flag[1] or flag[2] or ""


def is_own_folder(name: str) -> bool:
    """Whether a folder was set by `enable_cache`."""
    return Path(name).parent.name == CACHE_FOLDER_NAME
