"""Executors whose Dask workers run on this machine, at a running scheduler, or in SLURM jobs."""

import importlib.util
import inspect
import os
import signal
import socket
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import dask
from distributed import Client, LocalCluster, Security, Worker, WorkerPlugin

from suite import Refusal, machine, registry
from suite.search import CONNECT_TIMEOUT, DASK_ENV
from suite.search.executors import DaskExecutor
from suite.search.verify import make_verifier
from suite.search.work_unit import WorkUnit

if TYPE_CHECKING:  # of the extra `slurm`
    from dask_jobqueue import SLURMCluster


class LocalExecutor(DaskExecutor):
    """Executor with workers on this machine, each on a GPU or its own core; they listen on loopback only."""

    def __init__(self, count: int, gpus: tuple[str, ...] = ()):
        environment = {} if gpus else machine.SINGLE_CORE_ENV
        check_loopback()
        settings = {
            **dask_config(),
            "distributed.nanny.pre-spawn-environ": environment,  # before malloc reads it: `env` is too late
            "distributed.worker.profile.enabled": False,  # costs up to 4 % of the time
        }
        with dask.config.set(settings):
            self.cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # any free port: None is 8787, perhaps in use
                memory_limit=0,  # else Dask kills a worker for the memory that TensorFlow reserves
                env=environment,
            )
        workers_per_gpu = -(-count // len(gpus)) if gpus else 1
        super().__init__(Client(self.cluster), count, PinWorker(gpus, workers_per_gpu))

    def wait(self, seconds: float = 0.5) -> list[WorkUnit]:
        """Wait as the base class does, and replace workers that Dask has given up.

        Dask gives up a worker that dies while it starts, or that takes more than 15 seconds to restart.
        """
        ended_units = super().wait(seconds)
        if len(self.cluster.workers) < self.expected_workers:
            self.cluster.scale(self.expected_workers)
        return ended_units

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.cluster.close()


class RemoteExecutor(DaskExecutor):
    """Executor with workers on other machines; the results folder may be on a network file system."""

    file_visibility_delay = 60.0  # NFS may cache the contents of a folder for this long
    gpu_memory = 0  # expected bytes of a worker's GPU, used until a worker has reported its own

    def worker_plan(self, plan: machine.Plan) -> machine.Plan:
        """Return the plan of the worker with the most GPU memory, or of a core if there is no GPU."""
        memory = max(self.verified.values(), default=self.gpu_memory)
        return replace(plan, gpus=("0",) if memory else (), gpu_memory=memory)


class SchedulerExecutor(RemoteExecutor):
    """Executor with the workers of a running Dask scheduler. `cells` are the names of the sweep's cells."""

    def __init__(
        self, address: str, folder: Path, security: Security | None = None, cells: Iterable[str] = ()
    ):
        try:
            Client(address, security=security, timeout=10).close()
            client = Client(address, security=security, timeout=CONNECT_TIMEOUT)  # also for reconnecting
        except (OSError, ValueError, TypeError) as error:
            raise Refusal(
                f"no scheduler answers at {address} ({error}); start one with: dask scheduler"
            ) from error
        super().__init__(client, verify=make_verifier(folder, cells))


class SlurmExecutor(RemoteExecutor):
    """Executor with workers in SLURM jobs, `jobs` of them at any time, over TLS with temporary keys."""

    def __init__(self, jobs: int, options: dict, folder: Path, cells: Iterable[str] = ()):
        self.gpu_memory = machine.ASSUMED_GPU_MEMORY if requests_gpus(options) else 0
        self.cluster = slurm_cluster(options, folder)
        self.cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)  # a job that ends is replaced
        super().__init__(
            Client(self.cluster), jobs * options["processes"], verify=make_verifier(folder, cells)
        )

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.cluster.close()


def dask_config() -> dict:
    """Return Dask's default configuration and `DASK_ENV`, without the files of the site and the user.

    Those may require encryption, set other ports, or let workers end after some time.
    """
    return dask.config.merge(*dask.config.defaults, dask.config.collect_env(DASK_ENV))


def check_loopback() -> None:
    """Refuse a machine whose processes cannot connect to each other: Dask would retry for minutes."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=10).close()
    except OSError as error:
        raise Refusal(
            f"workers cannot be reached on the loopback interface of this machine, 127.0.0.1 ({error}); "
            f"bring it up, or train in one process with --workers 0"
        ) from None


class PinWorker(WorkerPlugin):
    """Worker plugin that assigns a GPU to a worker, or pins it to a core, and makes it ignore signals.

    `gpus` are the names of this machine's GPUs for CUDA; `workers_per_gpu` workers share each of them.
    """

    name = "pinned"

    def __init__(self, gpus: tuple[str, ...], workers_per_gpu: int = 1):
        self.gpus, self.workers_per_gpu = gpus, workers_per_gpu

    def setup(self, worker: Worker) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):  # may reach all processes; the driver handles them
            signal.signal(number, signal.SIG_IGN)
        if self.gpus:  # works because no backend is loaded yet
            machine.claim_gpu(self.gpus)
            os.environ[machine.WORKERS_PER_GPU_VARIABLE] = str(self.workers_per_gpu)
        else:
            machine.pin_to_free_core()


def tls_security(ca: Path | None, cert: Path | None, key: Path | None) -> Security | None:
    """Return Dask's TLS settings from three PEM files; None if none is given, refused if only some are."""
    files = {"--tls-ca": ca, "--tls-cert": cert, "--tls-key": key}
    if not any(files.values()):
        return None
    for option, file in files.items():
        if not (file and file.is_file()):
            raise Refusal(
                f"{option}: expected a PEM file, got {file}; give all of --tls-ca, --tls-cert, --tls-key"
            )
    return Security(
        tls_ca_file=str(ca), tls_client_cert=str(cert), tls_client_key=str(key), require_encryption=True
    )


def read_slurm_file(path: Path) -> tuple[int, dict]:
    """Return how many jobs a TOML file for `--slurm` requests, and the settings of each job."""
    if not importlib.util.find_spec("dask_jobqueue"):
        raise Refusal("--slurm needs dask-jobqueue: pip install 'rnn-odyssey[slurm]'")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Refusal(f"--slurm {path}: expected a TOML file, and it cannot be read ({error})") from None
    jobs = table.pop("jobs", 1)
    if not isinstance(jobs, int) or jobs < 1:
        raise Refusal(f"--slurm {path}: expected jobs to be an integer of at least 1, got {jobs!r}")
    if not {"cores", "memory"} <= table.keys():
        raise Refusal(
            f"--slurm {path}: expected cores and memory of a job, got {', '.join(table) or 'neither'}; "
            f"add, for example, cores = 8 and memory = '16GB'"
        )
    gpus = table.pop("gpus", 0)
    if not isinstance(gpus, int) or gpus < 0:
        raise Refusal(f"--slurm {path}: expected gpus of a job to be an integer of at least 0, got {gpus!r}")
    count, device = (gpus, "GPUs") if gpus else (table["cores"], "cores")
    options = {"processes": count, **table}
    if options["processes"] != count:
        raise Refusal(
            f"--slurm {path}: expected a process for each of {count} {device}, got processes = "
            f"{options['processes']!r}; leave processes out"
        )
    if gpus and not requests_gpus(options):
        options["job_extra_directives"] = [*options.get("job_extra_directives", []), f"--gres=gpu:{gpus}"]
    return jobs, options


def requests_gpus(options: dict) -> bool:
    """Whether the settings of a job request GPUs, for example by --gres=gpu:1 or --gpus=1."""
    return any("gpu" in directive for directive in options.get("job_extra_directives", []))


def slurm_cluster(options: dict, folder: Path) -> "SLURMCluster":
    """Return a cluster with its scheduler in this process and workers in SLURM jobs, not submitted yet."""
    from dask_jobqueue import SLURMCluster
    from dask_jobqueue.core import Job, JobQueueCluster

    classes = (Job, JobQueueCluster, SLURMCluster.job_cls)  # the settings are arguments of any of these
    known = {name for cls in classes for name in inspect.signature(cls.__init__).parameters}
    for name in options.keys() - known:
        raise registry.unknown_name_error("setting of a SLURM cluster", name, sorted(known - {"self"}))
    defaults = {
        "security": True,  # dask-jobqueue makes temporary TLS keys
        "shared_temp_directory": str(folder.resolve()),  # for the keys, which the jobs read
        "python": sys.executable,
        "scheduler_options": {"dashboard_address": "127.0.0.1:0"},
        # these override what dask-jobqueue derives: SLURM limits memory itself, and a job with GPUs has
        # several cores for each worker, which still trains in one thread
        "worker_extra_args": ["--nthreads", "1", "--memory-limit", "0"],
        "job_script_prologue": [
            f"export {name}={value}" for name, value in machine.SINGLE_CORE_ENV.items() if "MALLOC" in name
        ],
    }
    return SLURMCluster(**defaults | options)


def slurm_job_script(jobs: int, options: dict, folder: Path) -> str:
    """Return the script that SLURM would run for each job."""
    with slurm_cluster(options, folder) as cluster:
        return cluster.job_script()
