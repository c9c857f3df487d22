"""Refuses an installation on Windows, which no metadata can; all else stands in pyproject.toml."""

import sys

from setuptools import setup

if sys.platform == "win32":
    sys.exit("RNN Odyssey runs on Linux and macOS, not on Windows; there, install it in WSL")
setup()
