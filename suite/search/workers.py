"""Who trains: this process, or one single-threaded worker process a core (Dask)."""

import heapq
import itertools
import os
import signal

os.environ.setdefault("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "120s")  # a busy machine is no dead one
os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")  # errors of a unit come back as such
from distributed import Client, LocalCluster, TimeoutError, WorkerPlugin, wait

from suite import machine
from suite.search.unit import Unit, train_unit


class Crew:
    """Units that wait, costliest first, and those in training."""

    def __init__(self):
        self.waiting: list[tuple[float, int, Unit]] = []
        self.count = itertools.count()

    def submit(self, unit: Unit) -> None:
        """Take on a unit."""
        heapq.heappush(self.waiting, (-unit.cost, next(self.count), unit))

    def next(self) -> Unit:
        """Return the costliest unit that waits."""
        return heapq.heappop(self.waiting)[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Here(Crew):
    """Training in this process."""

    rows = iter(())

    def wait(self) -> None:
        """Train until the next row is there."""
        while next(self.rows, None) is None:
            self.rows = train_unit(self.next())


SINGLE_THREADED = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


class Pinned(WorkerPlugin):
    """A worker that keeps to one core, and leaves Ctrl-C to the driver."""

    name = "pinned"

    def __init__(self, cores: list[int]):
        self.cores = cores

    def setup(self, worker):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        machine.pin(self.cores[int(worker.name) % len(self.cores)])


class Workers(Crew):
    """Training by worker processes on this machine, each on a core of its own."""

    def __init__(self, count: int):
        super().__init__()
        self.size = count
        self.cluster = LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            memory_limit=0,  # Dask would kill a worker for the memory TensorFlow reserves
            env=SINGLE_THREADED,
        )
        self.client = Client(self.cluster)
        self.client.register_plugin(Pinned(machine.cores()))
        self.running = []

    def wait(self, seconds: float = 0.5) -> None:
        """Keep every worker busy, and return when a unit has ended or some time has passed."""
        while self.waiting and len(self.running) < self.size:
            self.running.append(self.client.submit(train_all, self.next(), pure=False))
        try:
            wait(self.running, timeout=seconds, return_when="FIRST_COMPLETED")
        except TimeoutError:
            return
        for future in [future for future in self.running if future.done()]:
            self.running.remove(future)
            future.result()

    def __exit__(self, *_):
        self.client.close()
        self.cluster.close()


def train_all(unit: Unit) -> int:
    """Train a unit in a worker; the rows are in the results folder, their number comes back."""
    return sum(1 for _ in train_unit(unit))
