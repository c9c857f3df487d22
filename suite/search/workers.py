"""Who trains units: this process, or workers of a Dask cluster."""

import contextlib
import dataclasses
import heapq
import itertools
import os
import time
from concurrent.futures import CancelledError

from distributed import Client, Future, KilledWorker, TimeoutError, WorkerPlugin, get_worker, wait
from distributed.comm import CommClosedError

from suite import Refusal
from suite.search import CONNECT
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


class Workers(Crew):
    """Training by the worker processes of a Dask cluster (`suite.search.clusters`).

    `ready` is the plugin that each of them begins with, those that join later too; `expected` is how many
    there are to be, at least.
    """

    def __init__(self, client: Client, ready: WorkerPlugin, expected: int = 1):
        super().__init__()
        self.client, self.ready, self.expected = client, ready, expected
        self.running: dict[Future, tuple[Unit, object]] = {}
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise

    def begin(self, attempts: int = 10) -> None:
        """Have all workers begin with `ready`, again where one died meanwhile: Dask then hangs up on all."""
        for left in reversed(range(attempts)):
            try:
                self.client.register_plugin(self.ready)
                return
            except CommClosedError:
                if not left:
                    raise
                time.sleep(0.5)

    @property
    def size(self) -> int:
        """How many workers there are, or are to be."""
        return max(self.expected, len(self.client.nthreads()))

    def wait(self, seconds: float = 0.5) -> None:
        """Keep every worker busy, and return when a unit has ended or some time has passed."""
        while self.waiting and len(self.running) < self.size:
            unit = self.next()
            self.running[self.client.submit(train_all, unit, pure=False)] = unit, progress(unit)
        with contextlib.suppress(TimeoutError, CancelledError):
            wait(list(self.running), timeout=seconds, return_when="FIRST_COMPLETED")
        for future in [future for future in self.running if future.done()]:
            unit, before = self.running.pop(future)
            try:
                worker, programs = future.result()
            except KilledWorker as error:
                self.revive(unit, before, error)
            except CancelledError:
                self.reconnect(unit)
            else:
                if programs >= PROGRAMS:
                    self.client.run(leave, workers=[worker], on_error="ignore")

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

    def reconnect(self, unit: Unit) -> None:
        """Submit a unit again that was lost with the scheduler, to the one that is there next."""
        while self.client.status == "connecting":
            time.sleep(0.1)
        if self.client.status != "running":
            raise Refusal(
                f"the scheduler went away and did not come back in {CONNECT}; start it again and ask again: "
                f"all finished trials are kept"
            )
        self.begin()
        self.submit(unit)

    def __exit__(self, *_):
        self.client.close()


def train_all(unit: Unit) -> tuple[str, int]:
    """Train a unit in a worker; its rows are in the results folder.

    Returns the worker's address, and how many programs its process has compiled so far.
    """
    for _ in train_unit(unit):
        pass
    return get_worker().address, program_of.cache_info().misses


def leave(dask_worker) -> None:
    """End the process of a worker, which its nanny starts anew.

    At once: where Dask restarts a worker in order, its nanny may leave too, and none comes back
    (dask/distributed issues 6494 and 7312).
    """
    if dask_worker.nanny:
        os._exit(0)
