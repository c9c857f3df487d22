"""Where the suite can be installed."""

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("file", "error"), [("setup.py", SystemExit), ("suite/__init__.py", ImportError)])
def test_windows_is_refused_in_a_sentence(monkeypatch, file, error):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(error, match="runs on Linux and macOS, not on Windows; there, install it in WSL"):
        runpy.run_path(str(ROOT / file))
