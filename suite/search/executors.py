"""Executors: they train work units in this process, or in the workers of a Dask cluster."""

import contextlib
import dataclasses
import heapq
import itertools
import os
import sys
import time
from concurrent.futures import CancelledError
from typing import Any, Self

from distributed import Client, Future, KilledWorker, TimeoutError, Worker, WorkerPlugin, get_worker, wait
from distributed.comm import CommClosedError

from suite import Refusal, machine
from suite.search import CONNECT_TIMEOUT
from suite.search.verify import UnfitWorker, VerifyWorker
from suite.search.work_unit import (
    MAX_PROGRAMS_PER_PROCESS,
    CodeMismatch,
    WorkUnit,
    compiled_program,
    train_unit,
    unit_progress,
    write_failed_rows,
)


class Executor:
    """Base class: a queue of waiting units, costliest first, and the units in training.

    `file_visibility_delay` is how many seconds may pass until this process sees a file that a worker wrote.
    """

    file_visibility_delay = 0.0
    running: Any = None  # the units in training; false when there are none

    def __init__(self) -> None:
        self.waiting: list[tuple[float, int, WorkUnit]] = []
        self.submission_count = itertools.count()

    def submit(self, unit: WorkUnit) -> None:
        """Add a unit to the queue."""
        heapq.heappush(self.waiting, (-unit.cost, next(self.submission_count), unit))

    def pop_costliest(self) -> WorkUnit:
        """Remove the costliest unit from the queue and return it."""
        return heapq.heappop(self.waiting)[-1]

    def worker_plan(self, plan: machine.Plan) -> machine.Plan:
        """Return the plan of a worker, which sets the size of work units; `plan` is that of this machine."""
        return plan

    @property
    def size(self) -> int:
        """The number of workers, or of expected workers."""
        raise NotImplementedError

    @property
    def idle(self) -> bool:
        """Whether no unit is waiting or in training."""
        return not (self.waiting or self.running)

    def wait(self) -> list[WorkUnit]:
        """Let training continue for a moment; return the units that have ended."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class InProcess(Executor):
    """Executor that trains in this process."""

    @property
    def size(self) -> int:
        return 1

    def wait(self) -> list[WorkUnit]:
        """Train until the next row is written; return the unit in training if it has ended."""
        if self.idle:
            return []
        if not self.running:
            unit = self.pop_costliest()
            self.running = unit, train_unit(unit)
        unit, rows = self.running  # `rows` is a generator, which trains as it is iterated
        if next(rows, None):
            return []
        self.running = None
        return [unit]


class DaskExecutor(Executor):
    """Executor that trains in the worker processes of a Dask cluster (see `suite.search.clusters`).

    At least `expected_workers` workers are expected. Each one runs `plugin` when it starts. With `verify`,
    every worker is verified before it gets a unit, also one that joins during the sweep, and a worker that
    differs from the driver is refused. Workers that this process has started itself need no verification.
    """

    def __init__(
        self,
        client: Client,
        expected_workers: int = 1,
        plugin: WorkerPlugin | None = None,
        verify: VerifyWorker | None = None,
    ):
        super().__init__()
        self.client, self.expected_workers = client, expected_workers
        self.plugin, self.verify = plugin, verify
        self.running: dict[Future, tuple[WorkUnit, object]] = {}  # each unit with its progress at the start
        self.verified: dict[str, int] = {}  # address → bytes of GPU memory, 0 without a GPU
        self.refused: dict[str, str] = {}  # address → reason
        try:
            self.register_plugin()
            self.verify_new_workers()
            if self.refused and not self.verified:
                raise UnfitWorker(*next(iter(self.refused.items())))
            for refused in self.refused.items():
                self.print_refusal(refused)
        except BaseException:
            self.__exit__()
            raise

    def register_plugin(self, attempts: int = 10) -> None:
        """Make every worker run `plugin` when it starts.

        Tried several times: Dask closes the connection of the client if one worker dies during the call.
        """
        if not self.plugin:
            return
        for attempts_left in reversed(range(attempts)):
            try:
                self.client.register_plugin(self.plugin)
                return
            except CommClosedError:
                if not attempts_left:
                    raise
                time.sleep(0.5)

    def verify_new_workers(self) -> list[tuple[str, str]]:
        """Verify new workers; return the address of each refused worker, with the reason."""
        if not self.verify:
            return []
        connected = self.client.nthreads().keys()
        self.verified = {address: self.verified[address] for address in self.verified.keys() & connected}
        if not (new := connected - self.verified.keys() - self.refused.keys()):
            return []
        refused_before = len(self.refused)
        for address, reply in self.client.run(self.verify, workers=sorted(new), on_error="return").items():
            if isinstance(reply, UnfitWorker):
                self.refused[address] = reply.args[1]
            elif isinstance(reply, OSError):
                continue  # the connection failed: the worker has died, or is verified in the next round
            elif isinstance(reply, Exception):
                self.refused[address] = (
                    f"cannot run this suite ({reply!r}); install the same version as the driver's there"
                )
            else:
                self.verified[address] = reply
        return list(self.refused.items())[refused_before:]

    def print_refusal(self, refused: tuple[str, str]) -> None:
        """Print to stderr that a worker is refused, and why."""
        print(
            f"odyssey: {UnfitWorker(*refused)}; the sweep continues without it", file=sys.stderr, flush=True
        )

    @property
    def size(self) -> int:
        """Number of workers: those connected, but at least `expected_workers`."""
        return max(self.expected_workers, len(self.client.nthreads().keys() - self.refused.keys()))

    def report_unfit_workers(self) -> list[tuple[str, str]]:
        """Verify new workers; print and return the address of each refused worker, with the reason."""
        refused = self.verify_new_workers()
        for worker in refused:
            self.print_refusal(worker)
        return refused

    def capacity(self) -> int:
        """Return how many units may be in training at a time."""
        if not self.verify:
            return self.size
        self.report_unfit_workers()
        return len(self.verified)

    def start_unit(self, unit: WorkUnit) -> None:
        """Send a unit to a worker that is not refused.

        If all accepted workers have just left, Dask may choose a refused worker, which verifies itself and
        raises.
        """
        options: dict[str, Any] = (
            {"workers": list(self.verified), "allow_other_workers": True} if self.refused else {}
        )
        future = self.client.submit(train_in_worker, unit, self.verify, pure=False, **options)
        self.running[future] = unit, unit_progress(unit)

    def wait(self, seconds: float = 0.5) -> list[WorkUnit]:
        """Keep all workers busy until a unit has ended or `seconds` have passed; return the ended units."""
        capacity = self.capacity() if self.waiting else 0
        while self.waiting and len(self.running) < capacity:
            self.start_unit(self.pop_costliest())
        if not self.running:  # no worker is connected, or the rows of ended units are not visible yet
            time.sleep(seconds)
            return []
        with contextlib.suppress(TimeoutError, CancelledError):
            wait(list(self.running), timeout=seconds, return_when="FIRST_COMPLETED")
        ended_units = []
        for future in [future for future in self.running if future.done()]:
            unit, progress_before = self.running.pop(future)
            try:
                worker, programs = future.result()
            except KilledWorker as error:
                self.resubmit_killed(unit, progress_before, error)
            except CancelledError:
                self.resubmit_after_reconnect(unit)
            except UnfitWorker as error:
                self.refuse_worker(*error.args)
                self.submit(unit)
            except Refusal:
                raise
            except Exception:  # this may come from a worker that has just joined and cannot import this suite
                if not self.report_unfit_workers():
                    raise
                self.submit(unit)
            else:
                ended_units.append(unit)
                if programs >= MAX_PROGRAMS_PER_PROCESS:
                    self.client.run(restart_worker_process, workers=[worker], on_error="ignore")
            finally:
                # exceptions of `wait` keep futures alive, and Dask computes results of a worker that ended
                # again as long as a future refers to them
                future.release()
        return ended_units

    def refuse_worker(self, address: str, reason: str) -> None:
        """Send a worker no more units and print why; raise `UnfitWorker` if no other worker is left."""
        if address in self.refused:
            return
        self.verified.pop(address, None)
        self.refused[address] = reason
        if not self.verified:
            raise UnfitWorker(address, reason)
        self.print_refusal((address, reason))

    def resubmit_killed(self, unit: WorkUnit, progress_before: object, error: KilledWorker) -> None:
        """Submit a unit again after several workers in a row died while they trained it.

        If its trials advanced meanwhile, something else killed its workers, and the unit is unchanged.
        Otherwise memory may have run out, and the unit is trained in half as many lanes. A unit that already
        had a single lane gets failed rows.
        """
        if unit_progress(unit) != progress_before:
            self.submit(unit)
        elif unit.expected_lanes >> unit.lane_halvings > 1:
            self.submit(dataclasses.replace(unit, lane_halvings=unit.lane_halvings + 1))
        else:
            write_failed_rows(unit, str(error))

    def resubmit_after_reconnect(self, unit: WorkUnit) -> None:
        """Submit a unit that was lost with the scheduler again, once a scheduler is back.

        Refuses if no scheduler comes back: Dask's client tries to reconnect for `CONNECT_TIMEOUT` only.
        """
        while self.client.status == "connecting":
            time.sleep(0.1)
        if self.client.status != "running":
            raise Refusal(
                f"the scheduler stopped and did not come back within {CONNECT_TIMEOUT}; start it and run "
                f"the same command again: all finished trials are kept"
            )
        self.register_plugin()
        self.submit(unit)

    def __exit__(self, *_: object) -> None:
        if self.verify:
            self.verify.remove_marker()
        self.client.close()


def train_in_worker(unit: WorkUnit, verify: VerifyWorker | None = None) -> tuple[str, int]:
    """Train a unit in a worker, which writes its rows to the results folder.

    Returns the worker's address, and how many programs its process has compiled so far. Raises `UnfitWorker`
    if the worker differs from the driver.
    """
    if verify:
        verify()
        verify.configure_process()
        unit = dataclasses.replace(unit, data=unit.data or verify.data)
    try:
        for _ in train_unit(unit):
            pass
    except CodeMismatch as error:
        if not verify:  # started by the driver: every other worker has the same code and data
            raise
        raise UnfitWorker(get_worker().address, f"would produce different rows ({error})") from error
    return get_worker().address, compiled_program.cache_info().misses


def restart_worker_process(dask_worker: Worker) -> None:
    """End the process of a worker so that its nanny starts a new one, unless the worker has other work.

    The process exits at once, without Dask's own restart: with that, the nanny may end too, and no worker
    comes back (dask/distributed issues 6494 and 7312).
    """
    unfinished = {task.state for task in dask_worker.state.tasks.values()} - {"memory", "error", "released"}
    if dask_worker.nanny and not unfinished:
        os._exit(0)
