"""The cache of compiled programs: it saves time, and nothing that befalls it ends training."""

import importlib.util
import os
import shutil
import subprocess
import sys

import keras
import pytest

from suite import Refusal, program_cache
from suite.search import work_unit

SET = (program_cache.JAX_CACHE_VARIABLE, "TF_XLA_FLAGS")


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """Have an empty folder for what is cached, and nothing set."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in SET:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tmp_path


def folder():
    return os.environ[program_cache.JAX_CACHE_VARIABLE]


def test_programs_are_kept_apart_by_compiler_settings(cache, monkeypatch):
    """By those of the process itself, whatever the one has set that it was started by."""
    folders = set()
    for flags in ("", "--one", "--one"):
        monkeypatch.setenv("XLA_FLAGS", flags)
        assert program_cache.enable_cache() == ""
        folders.add(folder())
        assert os.environ["TF_XLA_FLAGS"] == f'{program_cache.TENSORFLOW_CACHE_FLAG}"{folder()}"'
    assert len(folders) == 2


def test_what_the_user_has_set_stays(cache, monkeypatch):
    monkeypatch.setenv(program_cache.JAX_CACHE_VARIABLE, str(cache / "theirs"))
    monkeypatch.setenv("TF_XLA_FLAGS", f"--of_another {program_cache.TENSORFLOW_CACHE_FLAG}{cache}/theirs")
    (cache / "theirs").mkdir()
    (cache / "theirs" / "a program").touch()
    before = {name: os.environ[name] for name in SET}
    assert program_cache.enable_cache() == ""
    assert {name: os.environ[name] for name in SET} == before
    assert not program_cache.clear_cache()
    assert (cache / "theirs" / "a program").exists()


def nobody(monkeypatch, cache):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda _: {}["no such user"])


def file_in_its_place(monkeypatch, cache):
    (cache / program_cache.CACHE_FOLDER_NAME).touch()


def full_disk(monkeypatch, cache):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", cache], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted: {mounted.stderr.decode()}")


@pytest.mark.parametrize("wrong", [nobody, file_in_its_place, full_disk])
def test_where_nothing_can_be_kept_nothing_is_set(cache, monkeypatch, wrong):
    """Not even what the process that started this one has set."""
    assert program_cache.enable_cache() == ""
    assert program_cache.JAX_CACHE_VARIABLE in os.environ
    shutil.rmtree(cache / program_cache.CACHE_FOLDER_NAME)
    wrong(monkeypatch, cache)
    try:
        assert program_cache.enable_cache()
        assert program_cache.JAX_CACHE_VARIABLE not in os.environ
        assert program_cache.CACHE_FOLDER_NAME not in os.environ["TF_XLA_FLAGS"]
    finally:
        if wrong is full_disk:
            subprocess.run(["umount", "-l", cache], check=True)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_program_is_compiled_once_for_all_processes(tmp_path, backend):
    """And anew, without a word, where its file was truncated, as by a loss of power; that file is removed.

    In a folder whose path has a space, at which TensorFlow splits its flags.
    """
    cache = tmp_path / "a b"
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    code = (
        "from suite.keras_loader import load_keras; load_keras()\n"
        "from suite.bench import engines; engines.odyssey('np', 5, 100, 60, 1)[0]()"
    )
    ours = {"KERAS_BACKEND": backend, "XDG_CACHE_HOME": str(cache)}
    settings = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    clean = {name: value for name, value in os.environ.items() if name not in SET}  # of this process
    kept = []
    for damaged in (False, True, False):
        done = subprocess.run([sys.executable, "-c", code], env=clean | ours | settings, capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
        files = [*cache.glob("rnn-odyssey/*/jit_train_epoch-*-cache"), *cache.rglob("xla_compile_cache*.pb")]
        kept.append({file: file.stat().st_mtime_ns for file in files})
        for file in files if damaged else ():
            file.write_bytes(file.read_bytes()[:-100])
    [file] = kept[0]
    assert kept[0] == kept[1]
    assert not file.exists()


class Said(Exception):
    """An error with words of TensorFlow's."""


@pytest.mark.parametrize(
    ("words", "memory"),
    [
        ("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes", True),
        ("ResourceExhaustedError: /x/xla_compile_cache__1.pb; No space left on device", False),
        ("ResourceExhaustedError: /x/xla_compile_cache__1.pb; Disk quota exceeded", False),
    ],
)
def test_a_full_disk_is_no_lack_of_memory(words, memory):
    """Which would halve the lanes."""
    assert work_unit.is_out_of_memory(Said(words)) == memory


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX goes on by itself")
@pytest.mark.parametrize(("path", "tried"), [("/x/xla_compile_cache__1.pb; ", 2), ("", 1)])
def test_a_disk_that_stays_full_is_refused_and_a_lack_of_memory_is_none(cache, monkeypatch, path, tried):
    import tensorflow as tf

    from suite.backend.tensorflow import compile

    made = []

    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, f"{path}no room")

    monkeypatch.setattr(tf, "function", lambda *_, **__: made.append(1) or full)
    assert program_cache.enable_cache() == ""
    with pytest.raises(Refusal if path else tf.errors.ResourceExhaustedError, match="no room"):
        compile(len)([])
    assert len(made) == tried
