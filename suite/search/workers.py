"""Who trains: this process, or worker processes (Dask), one a GPU or a single-threaded one a core."""

import dataclasses
import heapq
import itertools
import os
import signal

os.environ.setdefault("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "120s")  # a busy machine is no dead one
os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")  # errors of a unit come back as such
from distributed import (
    Client,
    Future,
    KilledWorker,
    LocalCluster,
    TimeoutError,
    WorkerPlugin,
    get_worker,
    wait,
)

from suite import machine
from suite.search.unit import PROGRAMS, Unit, give_up, program_of, progress, train_unit


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

    @property
    def idle(self) -> bool:
        """Whether no unit waits or is in training."""
        return not (self.waiting or self.running)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Here(Crew):
    """Training in this process."""

    size = 1
    running = None

    def wait(self) -> None:
        """Train until the next row is there, or no unit is left."""
        while not self.idle:
            self.running = self.running or train_unit(self.next())
            if next(self.running, None):
                return
            self.running = None


class Pinned(WorkerPlugin):
    """A worker that keeps to one GPU, else to one core, and leaves Ctrl-C to the driver."""

    name = "pinned"

    def __init__(self, cores: list[int], gpus: tuple[str, ...]):
        self.cores, self.gpus = cores, gpus

    def setup(self, worker):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        number = int(worker.name)
        if self.gpus:  # no backend is loaded yet: it will see this one alone
            os.environ["CUDA_VISIBLE_DEVICES"] = self.gpus[number % len(self.gpus)]
        else:
            machine.pin(self.cores[number % len(self.cores)])


class Workers(Crew):
    """Training by worker processes on this machine, each on a GPU, or on a core of its own."""

    def __init__(self, count: int, gpus: tuple[str, ...] = ()):
        super().__init__()
        self.size = count
        self.cluster = LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port: None is 8787, which another sweep may have
            memory_limit=0,  # Dask would kill a worker for the memory TensorFlow reserves
            env={} if gpus else machine.ALONE,
        )
        self.client = Client(self.cluster)
        self.client.register_plugin(Pinned(machine.cores(), gpus))
        self.running: dict[Future, tuple[Unit, object]] = {}

    def wait(self, seconds: float = 0.5) -> None:
        """Keep every worker busy, and return when a unit has ended or some time has passed."""
        while self.waiting and len(self.running) < self.size:
            unit = self.next()
            self.running[self.client.submit(train_all, unit, pure=False)] = unit, progress(unit)
        try:
            wait(list(self.running), timeout=seconds, return_when="FIRST_COMPLETED")
        except TimeoutError:
            return
        for future in [future for future in self.running if future.done()]:
            unit, before = self.running.pop(future)
            try:
                worker, programs = future.result()
            except KilledWorker as error:
                self.revive(unit, before, error)
            else:
                if programs >= PROGRAMS:
                    self.client.restart_workers([worker])

    def revive(self, unit: Unit, before: object, error: KilledWorker) -> None:
        """Submit a unit again that several workers in a row have died of, or with.

        As it was, if it got on meanwhile. If not, they may lack memory: in half as many lanes. Of a single
        lane, its trials get rows that say so.
        """
        if progress(unit) != before:
            self.submit(unit)
        elif unit.lanes > 1:
            self.submit(dataclasses.replace(unit, lanes=unit.lanes // 2))
        else:
            give_up(unit, str(error))

    def __exit__(self, *_):
        self.client.close()
        self.cluster.close()


def train_all(unit: Unit) -> tuple[str, int]:
    """Train a unit in a worker; its rows are in the results folder.

    Returns the worker's address, and how many programs its process has compiled so far.
    """
    for _ in train_unit(unit):
        pass
    return get_worker().address, program_of.cache_info().misses
