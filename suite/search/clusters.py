"""Where Dask's workers come from: this machine, a running scheduler, or SLURM."""

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

import dask
from distributed import Client, LocalCluster, Security, WorkerPlugin

from suite import Refusal, machine, registry
from suite.search import CONNECT_TIMEOUT, DASK_ENV
from suite.search.executors import DaskExecutor
from suite.search.verify import make_verifier
from suite.search.work_unit import WorkUnit


class LocalExecutor(DaskExecutor):
    """Workers on this machine, each on a GPU, or on a core of its own; all on loopback."""

    def __init__(self, count: int, gpus: tuple[str, ...] = ()):
        environment = {} if gpus else machine.SINGLE_CORE_ENV
        check_loopback()
        settings = {
            **dask_config(),
            "distributed.nanny.pre-spawn-environ": environment,  # malloc reads it before `env` is there
            "distributed.worker.profile.enabled": False,  # it samples the stack a hundred times a second
        }
        with dask.config.set(settings):
            self.cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # any free port: None is 8787, which another sweep may have
                memory_limit=0,  # Dask would kill a worker for the memory TensorFlow reserves
                env=environment,
            )
        super().__init__(Client(self.cluster), count, PinWorker(gpus, -(-count // len(gpus)) if gpus else 1))

    def wait(self, seconds: float = 0.5) -> list[WorkUnit]:
        """Wait as any crew does, and start workers anew that Dask has given up.

        It does that where a worker dies while it starts, or takes more than 15 seconds to come back.
        """
        ended = super().wait(seconds)
        if len(self.cluster.workers) < self.expected_workers:
            self.cluster.scale(self.expected_workers)
        return ended

    def __exit__(self, *_):
        super().__exit__()
        self.cluster.close()


class RemoteExecutor(DaskExecutor):
    """Workers on other machines, with hardware of their own and a results folder that may be a network's."""

    file_visibility_delay = 60.0  # NFS keeps what it knows of a folder for as long
    gpu_memory = 0  # of a worker's GPU in bytes, where no worker is there to be asked

    def worker_plan(self, plan: machine.Plan) -> machine.Plan:
        """Return the plan of the worker here with the most memory of a GPU, else of one with a core."""
        memory = max(self.verified.values(), default=self.gpu_memory)
        return replace(plan, gpus=("0",) if memory else (), gpu_memory=memory)


class SchedulerExecutor(RemoteExecutor):
    """Workers of a scheduler that is running. `cells` are those of the sweep."""

    def __init__(
        self, address: str, folder: Path, security: Security | None = None, cells: Iterable[str] = ()
    ):
        try:
            Client(address, security=security, timeout=10).close()
            client = Client(address, security=security, timeout=CONNECT_TIMEOUT)  # to connect again, too
        except (OSError, ValueError, TypeError) as error:
            raise Refusal(
                f"no scheduler answers at {address} ({error}); start one: dask scheduler"
            ) from error
        super().__init__(client, verify=make_verifier(folder, cells))


class SlurmExecutor(RemoteExecutor):
    """Workers that are jobs of SLURM, so many at any time, encrypted with keys of their own."""

    def __init__(self, jobs: int, options: dict, folder: Path, cells: Iterable[str] = ()):
        self.gpu_memory = machine.ASSUMED_GPU_MEMORY if requests_gpus(options) else 0
        self.cluster = slurm_cluster(options, folder)
        self.cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)  # one that ends is asked for again
        super().__init__(
            Client(self.cluster), jobs * options["processes"], verify=make_verifier(folder, cells)
        )

    def __exit__(self, *_):
        super().__exit__()
        self.cluster.close()


def dask_config() -> dict:
    """Return Dask's configuration without a site's or user's, which may ask for keys, other ports, an end."""
    return dask.config.merge(*dask.config.defaults, dask.config.collect_env(DASK_ENV))


def check_loopback() -> None:
    """Refuse a machine whose processes cannot reach each other: Dask would try for minutes."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=10).close()
    except OSError as error:
        raise Refusal(
            f"no worker could be reached on this machine's loopback, 127.0.0.1 ({error}); bring it up, or "
            f"train in one process with --workers 0"
        ) from None


class PinWorker(WorkerPlugin):
    """A worker of our own, on a GPU that so many share, else on a core; it leaves signals to the driver."""

    name = "pinned"

    def __init__(self, gpus: tuple[str, ...], workers_per_gpu: int = 1):
        self.gpus, self.workers_per_gpu = gpus, workers_per_gpu

    def setup(self, worker):
        for number in (signal.SIGINT, signal.SIGTERM):  # both may reach all processes at once
            signal.signal(number, signal.SIG_IGN)
        if self.gpus:  # no backend is loaded yet: it will see this one alone
            machine.claim_gpu(self.gpus)
            os.environ[machine.WORKERS_PER_GPU_VARIABLE] = str(self.workers_per_gpu)
        else:
            machine.pin_to_free_core()


def tls_security(ca: Path | None, cert: Path | None, key: Path | None) -> Security | None:
    """Return the TLS settings of three files in PEM: all or none."""
    files = {"--tls-ca": ca, "--tls-cert": cert, "--tls-key": key}
    if not any(files.values()):
        return None
    for option, file in files.items():
        if not (file and file.is_file()):
            raise Refusal(
                f"{option}: expected a PEM file, got {file}; TLS needs --tls-ca, --tls-cert, --tls-key"
            )
    return Security(
        tls_ca_file=str(ca), tls_client_cert=str(cert), tls_client_key=str(key), require_encryption=True
    )


def read_slurm_file(path: Path) -> tuple[int, dict]:
    """Return how many jobs a file for `--slurm` asks for, and the settings of each."""
    if not importlib.util.find_spec("dask_jobqueue"):
        raise Refusal("--slurm needs dask-jobqueue: pip install 'rnn-odyssey[slurm]'")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Refusal(f"--slurm {path}: expected a TOML file ({error})") from None
    jobs = table.pop("jobs", 1)
    if not isinstance(jobs, int) or jobs < 1:
        raise Refusal(f"--slurm {path}: expected jobs of at least 1, got {jobs!r}")
    if not {"cores", "memory"} <= table.keys():
        raise Refusal(
            f"--slurm {path}: expected cores and memory (of a job), such as cores = 8, memory = '16GB'"
        )
    gpus = table.pop("gpus", 0)
    if not isinstance(gpus, int) or gpus < 0:
        raise Refusal(f"--slurm {path}: expected gpus (of a job) of at least 0, got {gpus!r}")
    count, what = (gpus, "GPUs") if gpus else (table["cores"], "cores")
    options = {"processes": count, **table}
    if options["processes"] != count:
        raise Refusal(f"--slurm {path}: expected a process for each of {count} {what}")
    if gpus and not requests_gpus(options):
        options["job_extra_directives"] = [*options.get("job_extra_directives", []), f"--gres=gpu:{gpus}"]
    return jobs, options


def requests_gpus(options: dict) -> bool:
    """Whether a job asks for GPUs, as --gres=gpu:1, --gpus=1 and --gpus-per-node=1 do."""
    return any("gpu" in directive for directive in options.get("job_extra_directives", []))


def slurm_cluster(options: dict, folder: Path):
    """Return a cluster whose workers are jobs: none yet. Its scheduler is this process."""
    from dask_jobqueue import SLURMCluster
    from dask_jobqueue.core import Job, JobQueueCluster

    takers = (Job, JobQueueCluster, SLURMCluster.job_cls)
    known = {name for taker in takers for name in inspect.signature(taker.__init__).parameters}
    for name in options.keys() - known:
        raise registry.unknown_name_error("setting of a SLURM cluster", name, sorted(known - {"self"}))
    defaults = {
        "security": True,
        "shared_temp_directory": str(folder.resolve()),  # of its keys, which the jobs read
        "python": sys.executable,
        "scheduler_options": {"dashboard_address": "127.0.0.1:0"},
        # they hold against those that Dask derives: SLURM has its own limit, and a GPU's worker several cores
        "worker_extra_args": ["--nthreads", "1", "--memory-limit", "0"],
        "job_script_prologue": [
            f"export {name}={value}" for name, value in machine.SINGLE_CORE_ENV.items() if "MALLOC" in name
        ],
    }
    return SLURMCluster(**defaults | options)


def slurm_job_script(jobs: int, options: dict, folder: Path) -> str:
    """Return the script that each job would run."""
    with slurm_cluster(options, folder) as cluster:
        return cluster.job_script()
