"""What a worker from elsewhere must agree in with the driver of a sweep, verified in the worker itself."""

import os
import sys
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import distributed
from distributed import get_worker

from suite import Refusal, files, identity, machine


class UnfitWorker(Refusal):
    """A worker whose rows would not be those of the driver's own: its address, and what is wrong with it."""

    def __str__(self):
        return "worker {} {}".format(*self.args)


@dataclass(frozen=True)
class VerifyWorker:
    """What the workers of a sweep must agree in: one thread, the driver's versions and code, and its folder.

    It is sent with every unit, not as Dask's plugin: of a worker that joins later, Dask logs the error of a
    plugin and lets it train. Nothing of it stays in a worker beyond what is loaded anyway: the backend of its
    first unit, and the modules of users' cells and tasks. A later sweep with others is refused there.
    """

    marker_file: Path
    token: str
    backend: str
    data: Path | None
    working_folder: str
    requirements: dict[str, str]

    def __call__(self, dask_worker=None) -> int:
        """Raise `UnfitWorker` unless this worker agrees; return the bytes of its GPU, 0 where it has none.

        `dask_worker` is what Dask's `run` gives, where there is no unit.
        """
        worker = dask_worker or get_worker()
        if self.working_folder not in sys.path:
            sys.path.append(self.working_folder)
        for wrong in self.problems(worker.state.nthreads):
            raise UnfitWorker(worker.address, wrong)
        return min(machine.gpu_memories(), default=0)

    def configure_process(self) -> None:
        """Give this worker, which agrees, the driver's backend and a GPU, or the settings of a single core.

        Called before each unit; none of it has an effect once a backend is loaded.
        """
        if "keras" in sys.modules:
            return
        os.environ["KERAS_BACKEND"] = self.backend
        if memories := machine.gpu_memories():
            machine.claim_gpu(machine.visible_gpu_ids(len(memories)))
        else:
            os.environ.update(machine.SINGLE_CORE_ENV)

    def problems(self, threads: int) -> Iterator[str]:
        """Yield what is wrong with this process as a worker."""
        if threads != 1:
            yield f"has {threads} threads: start it with --nthreads 1, and --nworkers for more of them"
        here = worker_requirements(
            name.removeprefix(CELL_PREFIX) for name in self.requirements if name.startswith(CELL_PREFIX)
        )
        for name in sorted(self.requirements.keys() | here.keys()):
            if (there := self.requirements.get(name)) != (mine := here.get(name)):
                yield f"has {name} {mine or 'not'}, and the driver {there or 'not'}: install the same on both"
        if not self.sees_folder():
            folder = self.marker_file.parents[1]
            yield f"does not see the driver's folder {folder}: name one with --results that all see"
        if (loaded := loaded_backend()) not in (None, self.backend):
            yield f"has loaded the backend {loaded} for another sweep: start it anew"

    def remove_marker(self) -> None:
        """Remove the mark, where no worker is to look for it any more."""
        self.marker_file.unlink(missing_ok=True)

    def sees_folder(self) -> bool:
        """Whether the driver's mark can be read in its results folder."""
        try:
            return self.marker_file.read_text() == self.token
        except OSError:
            return False


def loaded_backend() -> str | None:
    """Return the backend that this process has loaded, or is just loading for a unit in another thread."""
    if "keras" not in sys.modules:
        return None
    try:
        return sys.modules["keras"].backend.backend()
    except AttributeError:  # it is half loaded, by what `configure_process` has set
        return os.environ.get("KERAS_BACKEND")


CELL_PREFIX = "cell "  # before the name of a cell, in what must agree


def make_verifier(folder: Path, cells: Iterable[str] = ()) -> VerifyWorker:
    """Return what workers must agree in with this process, of a sweep of these cells in a folder.

    A mark is left in the folder, for workers to find: one of this process's own, as another one may try the
    same sweep and be refused, and in `running/`, which is removed at the end whatever befalls this process.
    """
    token, data = uuid.uuid4().hex, os.environ.get("ODYSSEY_DATA")
    mark = folder.resolve() / "running" / f"driver-{token}"
    files.write_atomic(mark, token.encode())
    return VerifyWorker(
        mark,
        token,
        os.environ.get("KERAS_BACKEND", "tensorflow"),
        Path(data).expanduser().resolve() if data else None,
        os.getcwd(),
        worker_requirements(cells),
    )


def worker_requirements(cells: Iterable[str] = ()) -> dict[str, str]:
    """Return what must be the same in a worker as in the driver of a sweep of these cells."""
    ours = {"distributed": distributed.__version__, "suite": identity.suite_hash()}
    return (
        machine.package_versions()
        | ours
        | {f"{CELL_PREFIX}{name}": identity.cell_hash(name) for name in cells}
    )
