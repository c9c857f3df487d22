"""Loading Keras prints nothing if it succeeds, and everything that was printed if it fails."""

import os
import subprocess
import sys

import pytest

from suite import environment

CODE = "from suite.keras_loader import load_keras; load_keras()"
SETTERS = "set_floatx = set_epsilon = set_image_data_format = lambda value: None"


@pytest.mark.parametrize(
    ("statement", "exit_code", "stderr"),
    [
        ("os.abort()", -6, "a message\n"),
        ("raise RuntimeError('no such thing')", 1, "RuntimeError: no such thing\n"),
        (f"class config: {SETTERS}", 0, ""),
        ("import torch_is_not_here", 1, "No module named 'torch_is_not_here'\n"),
    ],
)
def test_messages_of_a_backend_are_shown_only_if_loading_fails(tmp_path, statement, exit_code, stderr):
    """Also if it ends the process, as a backend does that needs instructions this processor lacks."""
    (tmp_path / "keras.py").write_text(f"import os\nos.write(2, b'a message\\n')\n{statement}\n")
    variables = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=os.environ | variables, capture_output=True, text=True
    )
    assert done.returncode == exit_code
    assert done.stderr.endswith(stderr)
    assert ("a message" in done.stderr) == bool(stderr)


def test_keras_is_loaded_without_what_only_its_plots_and_wrappers_need():
    """A report imports them afterwards; a notebook has them through Keras."""
    checks = (
        "import sys; assert not {'matplotlib', 'sklearn'} & sys.modules.keys(), 'hidden'; "
        "import matplotlib, sklearn, gc; assert gc.isenabled()"
    )
    subprocess.run([sys.executable, "-c", f"{CODE}; {checks}"], check=True)
    notebook = "import sys; sys.modules['ipykernel'] = sys"
    checks = "assert keras.src.visualization.plot_image_gallery.plt, 'plots'"
    subprocess.run([sys.executable, "-c", f"{notebook}; {CODE}; import keras; {checks}"], check=True)


def test_variables_of_the_user_that_change_numbers_are_removed(monkeypatch):
    variables = {
        "JAX_DEBUG_NANS": "1",
        "JAX_ENABLE_X64": "1",
        "JAX_PLATFORMS": "cpu",
        "MPLBACKEND": "nonsense",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KERAS_NNX_ENABLED", "true")
    environment.set_library_environment()
    assert not {"JAX_DEBUG_NANS", "JAX_ENABLE_X64"} & os.environ.keys()
    assert os.environ["JAX_PLATFORMS"] == "cpu"
    assert os.environ["MPLBACKEND"] == "agg"
    assert os.environ["KERAS_NNX_ENABLED"] == "false"


def test_a_notebook_keeps_its_matplotlib_backend(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setitem(sys.modules, "ipykernel", None)
    environment.set_library_environment()
    assert os.environ["MPLBACKEND"].startswith("module://")
