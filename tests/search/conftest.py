import sys

import pytest
from sweeps import CONFIG, rows

from suite import cli, store


@pytest.fixture(scope="session")
def undisturbed_folder(tmp_path_factory):
    """Return the folder of a sweep in this process during which nothing fails."""
    folder = tmp_path_factory.mktemp("undisturbed") / "sweep"
    rows(CONFIG, folder)
    return folder


@pytest.fixture(scope="session")
def undisturbed(undisturbed_folder):
    return store.load(undisturbed_folder)


@pytest.fixture
def odyssey(tmp_path, monkeypatch, capsys):
    """Run `odyssey` in this process and an empty folder; return exit code, output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["odyssey", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return run
