"""TensorFlow and JAX compute the same."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import run_cells

from suite.cells import BUILTIN_CELLS


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX is the other process, as it starts sooner")
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_outputs_and_gradients_of_every_cell_are_those_of_the_other_backend(tmp_path):
    w, x, direction = run_cells.drawn()
    np.savez(tmp_path / "given.npz", names=list(BUILTIN_CELLS), x=x, direction=direction, **w)
    command = [sys.executable, run_cells.__file__, tmp_path / "given.npz", tmp_path / "found.npz"]
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(command, check=True, env=environment)
    here = run_cells.everything(BUILTIN_CELLS, w, x, direction)
    with np.load(tmp_path / "found.npz") as present:
        assert set(present) == set(here)
        for key, result in here.items():
            np.testing.assert_allclose(result, present[key], rtol=1e-11, atol=1e-14, err_msg=key)
