"""Checks of cells on the backends that this process has not loaded, for `odyssey check`."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from suite import Refusal
from suite.cli.common import Backend
from suite.keras_loader import load_keras

CHECK_PROGRAM = "import sys; from suite.cli.other_backends import print_faults; print_faults(*sys.argv[1:])"


@contextlib.contextmanager
def checks_on_other_backends(cells: Mapping[str, object]) -> Iterator[dict[str, subprocess.Popen]]:
    """Check cells in a process for each other backend that is installed, as Keras has one a process."""
    backends = [name for name in Backend if name != os.environ["KERAS_BACKEND"] and find_spec(name)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-P", "-c", CHECK_PROGRAM, *cells]
    processes = {
        str(name): subprocess.Popen(
            command, env=environment | {"KERAS_BACKEND": name}, stdout=subprocess.PIPE, text=True
        )
        for name in (backends if cells else [])
    }
    try:
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            with process:  # closes its pipe and waits for its end
                pass


def read_faults(backend: str, process: subprocess.Popen) -> dict[str, dict[str, str]]:
    """Return the faults of each cell that a process found on another backend."""
    output, _ = process.communicate()
    if process.returncode:
        raise Refusal(
            f"the check on {backend} ended with exit code {process.returncode}; the reason is printed above"
        )
    return json.loads(output.splitlines()[-1])


def print_faults(*names: str) -> None:
    """Print the faults of cells by name, as JSON, for the process that started this one."""
    load_keras()
    from suite import cells
    from suite.cells.check import cell_faults

    try:
        print(json.dumps({name: cell_faults(cells.find_cell(name)) for name in names}))
    except Refusal as refusal:
        sys.exit(f"odyssey: {refusal}")
