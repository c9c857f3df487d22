"""The cache of compiled programs saves compilation, and no fault in it ends training."""

import importlib.util
import os
import shutil
import subprocess
import sys

import keras
import pytest
from marks import LONG

from suite import Refusal, program_cache
from suite.search import work_unit

CACHE_VARIABLES = (program_cache.JAX_CACHE_VARIABLE, "TF_XLA_FLAGS")


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """Return an empty cache folder of the user, with no cache set for a backend."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in CACHE_VARIABLES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tmp_path


def folder():
    return os.environ[program_cache.JAX_CACHE_VARIABLE]


def test_programs_of_different_compiler_settings_are_stored_apart(cache, monkeypatch):
    """By those of the process itself; folders set by the process that started it are replaced."""
    folders = set()
    for flags in ("", "--one", "--one"):
        monkeypatch.setenv("XLA_FLAGS", flags)
        assert program_cache.enable_cache() == ""
        folders.add(folder())
        assert os.environ["TF_XLA_FLAGS"] == f'{program_cache.TENSORFLOW_CACHE_FLAG}"{folder()}"'
    assert len(folders) == 2


def test_cache_folders_that_the_user_has_set_are_kept(cache, monkeypatch):
    monkeypatch.setenv(program_cache.JAX_CACHE_VARIABLE, str(cache / "user"))
    monkeypatch.setenv("TF_XLA_FLAGS", f"--of_another {program_cache.TENSORFLOW_CACHE_FLAG}{cache}/user")
    (cache / "user").mkdir()
    (cache / "user" / "a program").touch()
    before = {name: os.environ[name] for name in CACHE_VARIABLES}
    assert program_cache.enable_cache() == ""
    assert {name: os.environ[name] for name in CACHE_VARIABLES} == before
    assert not program_cache.clear_cache()
    assert (cache / "user" / "a program").exists()


def no_home_folder(monkeypatch, cache):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda _: {}["no such user"])


def file_instead_of_folder(monkeypatch, cache):
    (cache / program_cache.CACHE_FOLDER_NAME).touch()


def full_disk(monkeypatch, cache):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", cache], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted: {mounted.stderr.decode()}")


@pytest.mark.parametrize("fault", [no_home_folder, file_instead_of_folder, full_disk])
def test_no_cache_is_set_if_its_folder_cannot_be_used(cache, monkeypatch, fault):
    """Settings inherited from the process that started this one are removed."""
    assert program_cache.enable_cache() == ""
    assert program_cache.JAX_CACHE_VARIABLE in os.environ
    shutil.rmtree(cache / program_cache.CACHE_FOLDER_NAME)
    fault(monkeypatch, cache)
    try:
        assert program_cache.enable_cache()
        assert program_cache.JAX_CACHE_VARIABLE not in os.environ
        assert program_cache.CACHE_FOLDER_NAME not in os.environ["TF_XLA_FLAGS"]
    finally:
        if fault is full_disk:
            subprocess.run(["umount", "-l", cache], check=True)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"] if LONG else ["tensorflow"])
def test_a_program_is_compiled_once_for_all_processes(tmp_path, backend):
    """If its file is truncated, as by a power failure, it is removed and compiled again without a message.

    The path of the folder has a space, at which TensorFlow splits its flags.
    """
    cache = tmp_path / "a b"
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    code = (
        "from suite.keras_loader import load_keras; load_keras()\n"
        "import numpy as np; from suite.backend import compile\n"
        "def train_epoch(x): return x @ x\n"
        "compile(train_epoch)(np.ones((3, 3), 'float32'))"
    )
    environment = {name: value for name, value in os.environ.items() if name not in CACHE_VARIABLES}
    environment |= {"KERAS_BACKEND": backend, "XDG_CACHE_HOME": str(cache)}
    environment |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    stored = []
    for damaged in (False, True, False):
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
        files = [*cache.glob("rnn-odyssey/*/jit_train_epoch-*-cache"), *cache.rglob("xla_compile_cache*.pb")]
        stored.append({file: file.stat().st_mtime_ns for file in files})
        for file in files if damaged else ():
            file.write_bytes(file.read_bytes()[:-100])
    [file] = stored[0]
    assert stored[0] == stored[1]
    assert not file.exists()


class BackendError(Exception):
    """An error with the message of one of TensorFlow's."""


@pytest.mark.parametrize(
    ("message", "memory"),
    [
        ("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes", True),
        ("ResourceExhaustedError: /x/xla_compile_cache__1.pb; No space left on device", False),
        ("ResourceExhaustedError: /x/xla_compile_cache__1.pb; Disk quota exceeded", False),
    ],
)
def test_a_full_disk_is_not_taken_for_a_lack_of_memory(message, memory):
    """A lack of memory would halve the lanes."""
    assert work_unit.is_out_of_memory(BackendError(message)) == memory


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX ignores errors of its cache itself")
@pytest.mark.parametrize(("path", "attempts"), [("/x/xla_compile_cache__1.pb; ", 2), ("", 1)])
def test_a_disk_that_stays_full_is_refused_and_a_lack_of_memory_is_raised(cache, monkeypatch, path, attempts):
    import tensorflow as tf

    from suite.backend.tensorflow import compile

    compilations = []

    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, f"{path}no room")

    monkeypatch.setattr(tf, "function", lambda *_, **__: compilations.append(1) or full)
    assert program_cache.enable_cache() == ""
    with pytest.raises(Refusal if path else tf.errors.ResourceExhaustedError, match="no room"):
        compile(len)([])
    assert len(compilations) == attempts
