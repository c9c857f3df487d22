"""Verify that a worker has the same code, versions, backend and results folder as the driver of a sweep."""

import os
import sys
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import distributed
from distributed import Worker, get_worker

from suite import Refusal, files, identity, machine


class UnfitWorker(Refusal):
    """The error for a worker that differs from the driver: its address and the differences."""

    def __str__(self) -> str:
        return "worker {} {}".format(*self.args)


@dataclass(frozen=True)
class VerifyWorker:
    """Rejects a worker whose threads, code, versions, backend or results folder do not fit the sweep.

    Sent to a worker with every unit and run there before training. A Dask plugin would not do: if a plugin
    raises in a worker that joins later, Dask logs the error and the worker trains. A worker keeps the backend
    of its first unit and the modules of users' cells and tasks, and is rejected by a later sweep with others.

    - `marker_file`, `token`: a file in the results folder, and the text a worker must find in it.
    - `backend`: the Keras backend of the driver.
    - `data`: the driver's folder of data files; None for the default places.
    - `working_folder`: the driver's current folder, from which users' modules are imported.
    - `requirements`: versions and hashes that must be equal, by name (see `worker_requirements`).
    """

    marker_file: Path
    token: str
    backend: str
    data: Path | None
    working_folder: str
    requirements: dict[str, str]

    def __call__(self, dask_worker: Worker | None = None) -> int:
        """Return the bytes of this worker's smallest GPU, 0 without a GPU; raise `UnfitWorker` if it differs.

        Dask passes `dask_worker` if this is called by `Client.run`, and not inside a unit.
        """
        worker = dask_worker or get_worker()
        if self.working_folder not in sys.path:
            sys.path.append(self.working_folder)
        for problem in self.problems(worker.state.nthreads):
            raise UnfitWorker(worker.address, problem)
        return min(machine.gpu_memories(), default=0)

    def configure_process(self) -> None:
        """Set the environment of a verified worker: the driver's data folder and backend; a GPU or one core.

        Called before each unit; once a backend is loaded, only the data folder is set.
        """
        if self.data:
            os.environ["ODYSSEY_DATA"] = str(self.data)
        if "keras" in sys.modules:
            return
        os.environ["KERAS_BACKEND"] = self.backend
        if memories := machine.gpu_memories():
            machine.claim_gpu(machine.visible_gpu_ids(len(memories)))
        else:
            os.environ.update(machine.SINGLE_CORE_ENV)

    def problems(self, threads: int) -> Iterator[str]:
        """Yield, as text, each reason why this process, with its `threads` threads, must not train."""
        if threads != 1:
            yield f"has {threads} threads: start it with --nthreads 1, and use --nworkers for more workers"
        own = worker_requirements(
            name.removeprefix(CELL_PREFIX) for name in self.requirements if name.startswith(CELL_PREFIX)
        )
        for name in sorted(self.requirements.keys() | own.keys()):
            required, actual = self.requirements.get(name), own.get(name)
            if required != actual:
                yield (
                    f"has {name} {actual or 'not'}, and the driver {required or 'not'}: install the same on "
                    f"both, and restart the worker"
                )
        if not self.sees_folder():
            folder = self.marker_file.parents[1]
            yield (
                f"does not see the driver's folder {folder}: name one with --results that all machines share"
            )
        if (loaded := loaded_backend()) not in (None, self.backend):
            yield f"has loaded the backend {loaded} for another sweep: restart it"

    def remove_marker(self) -> None:
        """Remove the marker file; from then on every worker is rejected."""
        self.marker_file.unlink(missing_ok=True)

    def sees_folder(self) -> bool:
        """Whether this process can read the driver's marker file in the results folder."""
        try:
            return self.marker_file.read_text() == self.token
        except OSError:
            return False


def loaded_backend() -> str | None:
    """Return the Keras backend that this process has loaded or is loading in another thread; None if none."""
    if "keras" not in sys.modules:
        return None
    try:
        return sys.modules["keras"].backend.backend()
    except AttributeError:  # half loaded: it will be the one that `configure_process` has set
        return os.environ.get("KERAS_BACKEND")


CELL_PREFIX = "cell "  # of the names of cells in `worker_requirements`


def make_verifier(folder: Path, cells: Iterable[str] = ()) -> VerifyWorker:
    """Return the verification of workers for a sweep of `cells` in a results folder, driven by this process.

    Writes a marker file for workers to find. Its name is unique, as a second driver may try the same sweep
    and be refused. It lies in `running/`, which is removed at the end of the sweep even if this process is
    killed and another one finishes.
    """
    token, data = uuid.uuid4().hex, os.environ.get("ODYSSEY_DATA")
    marker_file = folder.resolve() / "running" / f"driver-{token}"
    files.write_atomic(marker_file, token.encode())
    return VerifyWorker(
        marker_file,
        token,
        os.environ.get("KERAS_BACKEND", "tensorflow"),
        Path(data).expanduser().resolve() if data else None,
        os.getcwd(),
        worker_requirements(cells),
    )


def worker_requirements(cells: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions and hashes, by name, that must be equal in worker and driver."""
    # modules such as this one cannot change a row, but driver and worker exchange objects of their classes
    search_files = {path.stem: path for path in Path(__file__).parent.glob("*.py")}
    suite = {
        "distributed": distributed.__version__,
        "suite": identity.suite_hash(),
        "suite.search": identity.files_hash(search_files),
    }
    cell_hashes = {f"{CELL_PREFIX}{name}": identity.cell_hash(name) for name in cells}
    return machine.package_versions() | suite | cell_hashes
