"""Data files are found, verified, fetched, or refused in one line that says what to do."""

import hashlib
import socket
import sys
import types
from pathlib import Path

import pytest

from suite import Refusal
from tasks import data, find_task

CONTENT = b"the right content\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME, URL = "tunes.mat", "https://example.org/data/tunes.mat"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, no folder named, and a `get_file` that fails at once, as without a network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("ODYSSEY_DATA", raising=False)
    downloads(monkeypatch, OSError("URL fetch failure:\n no network"))
    return tmp_path / "keras" / "odyssey"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def downloads(monkeypatch, content):
    """Have `keras.utils.get_file` write this content, or raise this error; Keras is not imported."""

    def get_file(fname, origin, *, file_hash, cache_dir, cache_subdir):
        assert socket.getdefaulttimeout() == data.STALL_TIMEOUT
        print("Downloading data from", origin)
        path = f"{cache_dir}/{cache_subdir}/{fname}"
        with open(path, "wb") as file:
            file.write(CONTENT[:5])
            if isinstance(content, Exception):
                raise content
            file.seek(0)
            file.write(content)
        if hashlib.sha256(content).hexdigest() != file_hash:
            raise ValueError("Incomplete or corrupted file detected.")
        return path

    monkeypatch.setitem(sys.modules, "keras.utils", types.SimpleNamespace(get_file=get_file))


def refusal(folder=None):
    with pytest.raises(Refusal) as caught:
        data.find_data_file(NAME, SHA256, URL, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_named_folder_comes_before_the_variable(folder, tmp_path, monkeypatch):
    (folder / NAME).write_bytes(CONTENT)
    monkeypatch.setenv("ODYSSEY_DATA", str(tmp_path / "elsewhere"))
    assert data.find_data_file(NAME, SHA256, URL, folder) == folder / NAME


def test_the_variable_names_a_folder_too(folder, monkeypatch):
    (folder / NAME).write_bytes(CONTENT)
    monkeypatch.setenv("ODYSSEY_DATA", str(folder))
    assert data.find_data_file(NAME, SHA256, URL) == folder / NAME


@pytest.mark.parametrize("content", [CONTENT[:-3], b"", CONTENT.replace(b"right", b"wrong")])
def test_a_truncated_or_altered_file_is_refused_with_both_checksums_and_left_alone(folder, content):
    (folder / NAME).write_bytes(content)
    text = refusal(folder)
    for word in (str(folder / NAME), SHA256, hashlib.sha256(content).hexdigest(), URL):
        assert word in text
    assert (folder / NAME).read_bytes() == content


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_a_folder_or_a_broken_link_in_place_of_a_file_is_refused_before_a_download(make, folder):
    make(folder / NAME)
    assert str(folder / NAME) in refusal(folder)
    assert "cannot be read" in refusal(folder)


def test_a_file_that_cannot_be_downloaded_is_refused_with_its_url_and_where_to_save_it(folder, cache):
    text = refusal(folder)
    assert f"is not in {folder}" in text
    assert f"save {URL} as {folder / NAME}" in text
    assert "no network" in text
    assert list(cache.iterdir()) == []


def test_without_a_named_folder_the_refusal_says_how_to_name_one():
    text = refusal()
    assert f"save {URL} as {NAME}" in text
    assert "--data" in text
    assert "$ODYSSEY_DATA" in text


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    assert str(tmp_path / "none") in refusal(tmp_path / "none")


def test_a_file_that_the_folder_lacks_is_downloaded_once_and_silently(folder, cache, monkeypatch, capfd):
    downloads(monkeypatch, CONTENT)
    assert data.find_data_file(NAME, SHA256, URL, folder) == cache / NAME
    assert (cache / NAME).read_bytes() == CONTENT
    assert [path.name for path in cache.iterdir()] == [NAME]
    assert capfd.readouterr() == ("", "")
    downloads(monkeypatch, OSError("asked twice"))
    assert data.find_data_file(NAME, SHA256, URL, folder) == cache / NAME
    assert socket.getdefaulttimeout() is None


def test_without_downloads_a_file_is_found_or_refused(folder, cache, monkeypatch):
    downloads(monkeypatch, CONTENT)
    with data.without_downloads():
        said = f"{NAME} is not in {folder}: it is downloaded on first use, from {URL}"
        assert refusal(folder) == said
        assert "is not in Keras's cache, and no data folder is named: it is downloaded on" in refusal()
        cache.mkdir(parents=True)
        (cache / NAME).write_bytes(CONTENT)
        assert data.find_data_file(NAME, SHA256, URL) == cache / NAME
    (cache / NAME).unlink()
    assert data.find_data_file(NAME, SHA256, URL).exists()


def test_a_damaged_file_in_the_cache_is_downloaded_again(cache, monkeypatch):
    cache.mkdir(parents=True)
    (cache / NAME).write_bytes(CONTENT[:4])
    downloads(monkeypatch, CONTENT)
    assert data.find_data_file(NAME, SHA256, URL).read_bytes() == CONTENT


def test_a_download_of_another_content_is_refused_and_leaves_nothing(cache, monkeypatch):
    downloads(monkeypatch, b"a page that says: sign in")
    assert "Incomplete or corrupted" in refusal()
    assert list(cache.iterdir()) == []


def test_get_file_of_keras_downloads_into_the_cache(tmp_path, cache, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "keras.utils")
    pytest.importorskip("keras")
    (tmp_path / "served.mat").write_bytes(CONTENT)
    capsys.readouterr()
    assert data.find_data_file(NAME, SHA256, (tmp_path / "served.mat").as_uri()) == cache / NAME
    assert capsys.readouterr().out == ""
    assert [path.name for path in cache.iterdir()] == [NAME]


@pytest.mark.parametrize("name", ["jsb", "nottingham", "musedata", "piano_midi"])
def test_a_truncated_set_is_refused_before_it_is_opened(name, folder):
    task = find_task(name)
    file = task.load.args[0]
    (folder / f"tcn_{file}.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    with pytest.raises(Refusal, match=f"tcn_{file}.mat: expected the SHA-256"):
        task.load(folder)
