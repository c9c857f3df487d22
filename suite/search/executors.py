"""Who trains units: this process, or workers of a Dask cluster."""

import contextlib
import dataclasses
import heapq
import itertools
import os
import sys
import time
from concurrent.futures import CancelledError

from distributed import Client, Future, KilledWorker, TimeoutError, WorkerPlugin, get_worker, wait
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
    """Units that wait, costliest first, and those in training.

    `file_visibility_delay` is how many seconds a file that a worker has written may take to be seen by this
    process.
    """

    file_visibility_delay = 0.0

    def __init__(self):
        self.waiting: list[tuple[float, int, WorkUnit]] = []
        self.submission_count = itertools.count()

    def submit(self, unit: WorkUnit) -> None:
        """Take on a unit."""
        heapq.heappush(self.waiting, (-unit.cost, next(self.submission_count), unit))

    def pop_costliest(self) -> WorkUnit:
        """Return the costliest unit that waits."""
        return heapq.heappop(self.waiting)[-1]

    def worker_plan(self, plan: machine.Plan) -> machine.Plan:
        """Return what units are cut for: how a worker uses its machine; `plan` is that of this one."""
        return plan

    @property
    def idle(self) -> bool:
        """Whether no unit waits or is in training."""
        return not (self.waiting or self.running)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class InProcess(Executor):
    """Training in this process."""

    size = 1
    running = None

    def wait(self) -> list[WorkUnit]:
        """Train until the next row is there, or a unit has ended; return that."""
        if self.idle:
            return []
        if not self.running:
            unit = self.pop_costliest()
            self.running = unit, train_unit(unit)
        unit, rows = self.running
        if next(rows, None):
            return []
        self.running = None
        return [unit]


class DaskExecutor(Executor):
    """Training by the worker processes of a Dask cluster (`suite.search.clusters`).

    `expected_workers` is how many there are to be, at least. `plugin` is what each of them begins with.
    Workers that are not of our own making are verified before they get a unit, and refused where they differ:
    those that are there, and those that join later.
    """

    def __init__(
        self,
        client: Client,
        expected_workers: int = 1,
        plugin: WorkerPlugin | None = None,
        verify: VerifyWorker | None = None,
    ):
        super().__init__()
        self.client, self.expected_workers, self.plugin, self.verify = (
            client,
            expected_workers,
            plugin,
            verify,
        )
        self.running: dict[Future, tuple[WorkUnit, object]] = {}
        self.verified: dict[str, int] = {}  # address → bytes of its GPU, 0 without one
        self.refused: dict[str, str] = {}  # address → why
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
        """Have all workers begin with `plugin`, again where one died meanwhile: Dask then hangs up on all."""
        for left in reversed(range(attempts if self.plugin else 0)):
            try:
                self.client.register_plugin(self.plugin)
                return
            except CommClosedError:
                if not left:
                    raise
                time.sleep(0.5)

    def verify_new_workers(self) -> list[tuple[str, str]]:
        """Verify the workers that are new; return those that are refused, each with the reason."""
        if not self.verify:
            return []
        there = self.client.nthreads().keys()
        self.verified = {address: self.verified[address] for address in self.verified.keys() & there}
        if not (new := there - self.verified.keys() - self.refused.keys()):
            return []
        before = len(self.refused)
        for address, said in self.client.run(self.verify, workers=sorted(new), on_error="return").items():
            if isinstance(said, UnfitWorker):
                self.refused[address] = said.args[1]
            elif isinstance(said, Exception) and not isinstance(said, OSError):  # else it has just died
                self.refused[address] = f"cannot run this suite ({said!r}): install the same on both"
            elif not isinstance(said, Exception):
                self.verified[address] = said
        return list(self.refused.items())[before:]

    def print_refusal(self, refused: tuple[str, str]) -> None:
        """Say that a worker is refused, while the sweep goes on with the others."""
        print(f"odyssey: {UnfitWorker(*refused)}; the sweep goes on without it", file=sys.stderr, flush=True)

    @property
    def size(self) -> int:
        """How many workers there are, or are to be."""
        return max(self.expected_workers, len(self.client.nthreads().keys() - self.refused.keys()))

    def report_unfit_workers(self) -> list[tuple[str, str]]:
        """Look for new workers; return those that are refused, each with the reason, which is told."""
        refused = self.verify_new_workers()
        for worker in refused:
            self.print_refusal(worker)
        return refused

    def capacity(self) -> int:
        """Return how many units may be with the workers at a time."""
        if not self.verify:
            return self.size
        self.report_unfit_workers()
        return len(self.verified)

    def start_unit(self, unit: WorkUnit) -> None:
        """Give a unit to a worker, one that is not refused.

        Where all others have just gone, Dask may still take such a one, which then refuses by itself.
        """
        where = {"workers": list(self.verified), "allow_other_workers": True} if self.refused else {}
        future = self.client.submit(train_in_worker, unit, self.verify, pure=False, **where)
        self.running[future] = unit, unit_progress(unit)

    def wait(self, seconds: float = 0.5) -> list[WorkUnit]:
        """Keep every worker busy until a unit has ended or some time has passed; return those that ended."""
        room = self.capacity() if self.waiting else 0
        while self.waiting and len(self.running) < room:
            self.start_unit(self.pop_costliest())
        if not self.running:  # there is no worker, or rows are still to be seen
            time.sleep(seconds)
            return []
        with contextlib.suppress(TimeoutError, CancelledError):
            wait(list(self.running), timeout=seconds, return_when="FIRST_COMPLETED")
        ended = []
        for future in [future for future in self.running if future.done()]:
            unit, before = self.running.pop(future)
            try:
                worker, programs = future.result()
            except KilledWorker as error:
                self.resubmit_killed(unit, before, error)
            except CancelledError:
                self.resubmit_after_reconnect(unit)
            except UnfitWorker as error:
                self.refuse_worker(*error.args)
                self.submit(unit)
            except Refusal:
                raise
            except Exception:  # may be that of a worker without this suite, which has just joined
                if not self.report_unfit_workers():
                    raise
                self.submit(unit)
            else:
                ended.append(unit)
                if programs >= MAX_PROGRAMS_PER_PROCESS:
                    self.client.run(restart_worker_process, workers=[worker], on_error="ignore")
        return ended

    def refuse_worker(self, address: str, why: str) -> None:
        """Give a worker no more units, and say so, once; end the sweep where it was the last one."""
        if address in self.refused:
            return
        self.verified.pop(address, None)
        self.refused[address] = why
        if not self.verified:
            raise UnfitWorker(address, why)
        self.print_refusal((address, why))

    def resubmit_killed(self, unit: WorkUnit, progress_before: object, error: KilledWorker) -> None:
        """Submit a unit again that several workers in a row have died of, or with.

        As it was, if it got on meanwhile. If not, they may lack memory: in half as many lanes. Of a single
        lane, its trials get rows that say so.
        """
        if unit_progress(unit) != progress_before:
            self.submit(unit)
        elif min(unit.width_trials, unit.lanes or unit.width_trials) >> unit.lane_halvings > 1:
            self.submit(dataclasses.replace(unit, lane_halvings=unit.lane_halvings + 1))
        else:
            write_failed_rows(unit, str(error))

    def resubmit_after_reconnect(self, unit: WorkUnit) -> None:
        """Submit a unit again that was lost with the scheduler, to the one that is there next."""
        while self.client.status == "connecting":
            time.sleep(0.1)
        if self.client.status != "running":
            raise Refusal(
                f"the scheduler went away and did not come back in {CONNECT_TIMEOUT}; start it again "
                "and ask again: "
                f"all finished trials are kept"
            )
        self.register_plugin()
        self.submit(unit)

    def __exit__(self, *_):
        if self.verify:
            self.verify.remove_marker()
        self.client.close()


def train_in_worker(unit: WorkUnit, verify: VerifyWorker | None = None) -> tuple[str, int]:
    """Train a unit in a worker; its rows are in the results folder.

    Returns the worker's address, and how many programs its process has compiled so far. Raises `UnfitWorker`
    where the worker must not train it.
    """
    if verify:
        verify()
        verify.configure_process()
        unit = dataclasses.replace(unit, data=unit.data or verify.data)
    try:
        for _ in train_unit(unit):
            pass
    except CodeMismatch as error:
        if not verify:  # a worker of the driver's own: all of them have the same
            raise
        raise UnfitWorker(get_worker().address, f"would make other rows ({error})") from error
    return get_worker().address, compiled_program.cache_info().misses


def restart_worker_process(dask_worker) -> None:
    """End the process of a worker, which its nanny starts anew; not where it has work of another sweep.

    At once: where Dask restarts a worker in order, its nanny may leave too, and none comes back
    (dask/distributed issues 6494 and 7312).
    """
    at_work = {task.state for task in dask_worker.state.tasks.values()} - {"memory", "error", "released"}
    if dask_worker.nanny and not at_work:
        os._exit(0)
