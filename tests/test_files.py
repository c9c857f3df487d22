"""Files on limited file systems, and safe file names."""

import errno
import fcntl
import itertools
import os
import re
import stat

import pytest

from suite import Refusal, files


def failing(number):
    """Return a function that fails with a number of `errno`, as a system call does."""

    def fail(*_):
        raise OSError(number, os.strerror(number))

    return fail


NAMES = ["a", "b", "a/b", "a_b", "a-b", "a~b", "-b", "a-", "A", "é", "a-vs", "vs-b", "x" * 300, "x" * 301]


@pytest.mark.parametrize("separator", ["-", "-vs-"])
def test_different_lists_of_names_give_different_valid_file_names(separator):
    lists = [*itertools.product(NAMES), *itertools.product(NAMES, repeat=2)]
    file_names = [files.safe_file_name(names, separator) for names in lists]
    assert len(set(map(str.lower, file_names))) == len(lists)
    assert all(re.fullmatch(r"[\w.~@=,-]{1,120}", name, re.ASCII) for name in file_names)


def test_names_that_are_safe_file_names_are_joined_unchanged():
    assert files.safe_file_name(["chorales", "lstm"]) == "chorales-lstm"
    assert files.safe_file_name(["cpu-1", "gpu"], "-vs-") == "cpu-1-vs-gpu"
    names = ["adding@length=100", "lstm@direction=both,layers=2"]
    assert files.safe_file_name(names) == "adding@length=100-lstm@direction=both,layers=2"


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.EINVAL, errno.ENOLCK])
def test_without_file_locks_a_sweep_is_refused_and_its_status_is_not(tmp_path, monkeypatch, number):
    monkeypatch.setattr(fcntl, "flock", failing(number))
    with pytest.raises(Refusal, match=r"driver cannot be locked \(.*\), .*; name .* with --results$"):
        files.lock_file(tmp_path / "driver", {})
    assert files.lock_holder(tmp_path / "driver")["who"].startswith("not known")


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF])
def test_a_file_is_written_if_folders_cannot_be_flushed_to_disk(tmp_path, monkeypatch, number):
    fsync, fail = os.fsync, failing(number)
    monkeypatch.setattr(os, "fsync", lambda fd: fail() if stat.S_ISDIR(os.fstat(fd).st_mode) else fsync(fd))
    files.write_atomic(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_a_failing_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(Refusal, match=r"file cannot be used"):
        files.write_atomic(tmp_path / "file", b"whole")
