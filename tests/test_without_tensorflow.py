"""The suite without one of the backends: only suite/backend/tensorflow.py needs TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [p for top in ("suite", "tasks") for p in sorted(ROOT.glob(f"{top}/**/*.py"))]
MODULES = [".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for p in FILES]
ODYSSEY = "from suite.cli import main; main()"
TINY = ["--task=tiny:PARITY", "--cell=rnn", "--trials=2", "--epochs=2", "--range=units=2:3"]


@pytest.fixture
def without(tmp_path):
    """Return a function that runs Python code as if one package were not installed."""

    def run(package, code, *words, backend=None):
        absent = tmp_path / "absent" / package
        absent.mkdir(parents=True, exist_ok=True)
        line = f'raise ModuleNotFoundError("No module named {package!r}", name={package!r})\n'
        (absent / "__init__.py").write_text(line)
        paths = [absent.parent, ROOT, ROOT / "tests" / "search"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
        environment.pop("KERAS_BACKEND", None)
        if backend:
            environment["KERAS_BACKEND"] = backend
        command = [sys.executable, "-c", code, *map(str, words)]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)

    return run


def test_every_other_module_can_be_imported_without_tensorflow(without):
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "import keras_tuner\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    assert "suite.backend.tensorflow" in MODULES
    names = [name for name in MODULES if name != "suite.backend.tensorflow"]
    done = without("tensorflow", code, *names, backend="jax")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [["list", "cells"], ["doctor", "--data=."]], ids=" ".join)
def test_the_command_line_runs_without_tensorflow(without, words):
    done = without("tensorflow", ODYSSEY, *words, backend="jax")
    assert (done.returncode, done.stderr) == (0, "")
    assert {"list": "cifg", "doctor": "a sweep"}[words[0]] in done.stdout


def test_a_sweep_and_its_report_run_without_tensorflow(without, tmp_path):
    options = ["--results=mine", "--reports=first", "--workers=1"]
    done = without("tensorflow", ODYSSEY, "sweep", *TINY, *options, "--backend=jax")
    assert done.returncode == 0, done.stderr
    assert "2/2 trials" in done.stdout
    code = (
        "from pathlib import Path; from suite import store\n"
        "frame = store.load(Path('mine')); print(*frame['status'], *set(frame['backend']))"
    )
    assert without("tensorflow", code).stdout.split() == ["done", "done", "jax"]
    again = without("tensorflow", ODYSSEY, "report", "mine", "--out=again")
    assert again.returncode == 0, again.stderr
    pages = [(tmp_path / folder / "index.html").read_bytes() for folder in ("first", "again")]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("command", [["doctor"], ["sweep", *TINY], ["train", "tiny:PARITY", "rnn"]])
@pytest.mark.parametrize(
    ("package", "option", "backend", "message"),
    [
        ("tensorflow", [], None, "'tensorflow' is not installed: choose the other with --backend jax, or"),
        (
            "jax",
            ["--backend=jax"],
            None,
            "'jax' is not installed: choose the other with --backend tensorflow",
        ),
        ("tensorflow", [], "torch", "'torch': populations train on tensorflow or jax"),
        ("tensorflow", [], "numpie", "'numpie': populations train on tensorflow or jax"),
    ],
    ids=["unset", "jax", "torch", "misspelt"],
)
def test_a_backend_that_cannot_train_is_refused_in_one_line(
    without, tmp_path, command, package, option, backend, message
):
    done = without(package, ODYSSEY, *command, *option, backend=backend)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"absent"}
