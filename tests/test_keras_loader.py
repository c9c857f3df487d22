"""Loading Keras: silent if it goes well, and all is shown that was said before it failed."""

import os
import subprocess
import sys

import pytest

from suite import environment

CODE = "from suite.keras_loader import load_keras; load_keras()"
SETTERS = "set_floatx = set_epsilon = set_image_data_format = lambda value: None"


@pytest.mark.parametrize(
    ("then", "code", "said"),
    [
        ("os.abort()", -6, "it says why\n"),
        ("raise RuntimeError('no such thing')", 1, "RuntimeError: no such thing\n"),
        (f"class config: {SETTERS}", 0, ""),
        ("import torch_is_not_here", 1, "No module named 'torch_is_not_here'\n"),
    ],
)
def test_what_a_backend_says_as_it_loads_is_seen_if_it_fails(tmp_path, then, code, said):
    """Also where it ends the process, as one does whose instructions this machine lacks."""
    (tmp_path / "keras.py").write_text(f"import os\nos.write(2, b'it says why\\n')\n{then}\n")
    ours = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", CODE], env=os.environ | ours, capture_output=True, text=True)
    assert done.returncode == code
    assert done.stderr.endswith(said)
    assert ("it says why" in done.stderr) == bool(said)


def test_settings_of_the_user_that_change_numbers_are_removed(monkeypatch):
    theirs = {"JAX_DEBUG_NANS": "1", "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu", "MPLBACKEND": "nonsense"}
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KERAS_NNX_ENABLED", "true")
    environment.set_library_environment()
    assert not {"JAX_DEBUG_NANS", "JAX_ENABLE_X64"} & os.environ.keys()
    assert os.environ["JAX_PLATFORMS"] == "cpu"
    assert os.environ["MPLBACKEND"] == "agg"
    assert os.environ["KERAS_NNX_ENABLED"] == "false"


def test_a_notebook_keeps_the_backend_of_its_figures(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setitem(sys.modules, "ipykernel", None)
    environment.set_library_environment()
    assert os.environ["MPLBACKEND"].startswith("module://")
