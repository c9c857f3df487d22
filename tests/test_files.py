"""Files on file systems that lack something, and names for files."""

import errno
import fcntl
import itertools
import os
import re
import stat

import pytest

from suite import Refusal, files


def failing(number):
    """Return a function that fails as the system does where it has not what is asked for."""

    def fail(*_):
        raise OSError(number, os.strerror(number))

    return fail


NAMES = ["a", "b", "a/b", "a_b", "a-b", "a~b", "-b", "a-", "A", "é", "a-vs", "vs-b", "x" * 300, "x" * 301]


@pytest.mark.parametrize("between", ["-", "-vs-"])
def test_different_names_give_different_files_that_any_system_can_have(between):
    made = [*itertools.product(NAMES), *itertools.product(NAMES, repeat=2)]
    plain = [files.safe_file_name(names, between) for names in made]
    assert len(set(map(str.lower, plain))) == len(made)
    assert all(re.fullmatch(r"[\w.~-]{1,120}", name, re.ASCII) for name in plain)


def test_names_that_are_files_names_stay():
    assert files.safe_file_name(["chorales", "lstm"]) == "chorales-lstm"
    assert files.safe_file_name(["cpu-1", "gpu"], "-vs-") == "cpu-1-vs-gpu"


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.EINVAL, errno.ENOLCK])
def test_where_files_cannot_be_locked_a_sweep_is_refused_and_one_who_looks_is_not(
    tmp_path, monkeypatch, number
):
    monkeypatch.setattr(fcntl, "flock", failing(number))
    with pytest.raises(Refusal, match=r"driver cannot be locked \(.*\), .*; name .* with --results$"):
        files.lock_file(tmp_path / "driver", {})
    assert files.lock_holder(tmp_path / "driver")["who"].startswith("not known")


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF])
def test_a_file_is_written_where_folders_cannot_be_synchronised(tmp_path, monkeypatch, number):
    fsync, fail = os.fsync, failing(number)
    monkeypatch.setattr(os, "fsync", lambda fd: fail() if stat.S_ISDIR(os.fstat(fd).st_mode) else fsync(fd))
    files.write_atomic(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_a_disk_that_fails_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(Refusal, match=r"file cannot be used"):
        files.write_atomic(tmp_path / "file", b"whole")
