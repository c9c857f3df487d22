"""Where Dask's workers come from: this machine, a running scheduler, or SLURM."""

import importlib.util
import inspect
import os
import signal
import socket
import sys
import tomllib
import uuid
from pathlib import Path

import dask
import distributed
from distributed import Client, LocalCluster, Security, WorkerPlugin

from suite import Refusal, files, identity, machine, registry
from suite.search import CONNECT, DASK
from suite.search.workers import Workers


class Local(Workers):
    """Workers on this machine, each on a GPU, or on a core of its own; all on loopback."""

    def __init__(self, count: int, gpus: tuple[str, ...] = ()):
        environment = {} if gpus else machine.ALONE
        check_loopback()
        settings = {
            **own_config(),
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
        super().__init__(Client(self.cluster), Pinned(machine.cores(), gpus), count)

    def wait(self, seconds: float = 0.5) -> None:
        """Wait as any crew does, and start workers anew that Dask has given up.

        It does that where a worker dies while it starts, or takes more than 15 seconds to come back.
        """
        super().wait(seconds)
        if len(self.cluster.workers) < self.expected:
            self.cluster.scale(self.expected)

    def __exit__(self, *_):
        super().__exit__()
        self.cluster.close()


class Remote(Workers):
    """Workers of a scheduler that is running."""

    def __init__(self, address: str, folder: Path, security: Security | None = None):
        try:
            Client(address, security=security, timeout=10).close()
            client = Client(address, security=security, timeout=CONNECT)  # to connect again, too
        except (OSError, ValueError, TypeError) as error:
            raise Refusal(
                f"no scheduler answers at {address} ({error}); start one: dask scheduler"
            ) from error
        super().__init__(client, Ready(folder))


class Slurm(Workers):
    """Workers that are jobs of SLURM, so many at any time, encrypted with keys of their own."""

    def __init__(self, jobs: int, options: dict, folder: Path):
        self.cluster = slurm_cluster(options, folder)
        self.cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)  # one that ends is asked for again
        super().__init__(Client(self.cluster), Ready(folder), jobs * options["processes"])

    def __exit__(self, *_):
        super().__exit__()
        self.cluster.close()


def own_config() -> dict:
    """Return Dask's configuration without a site's or user's, which may ask for keys, other ports, an end."""
    return dask.config.merge(*dask.config.defaults, dask.config.collect_env(DASK))


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


class Pinned(WorkerPlugin):
    """A worker that keeps to one GPU, else to one core, and leaves Ctrl-C and SIGTERM to the driver."""

    name = "pinned"

    def __init__(self, cores: list[int], gpus: tuple[str, ...]):
        self.cores, self.gpus = cores, gpus

    def setup(self, worker):
        for number in (signal.SIGINT, signal.SIGTERM):  # both may reach all processes at once
            signal.signal(number, signal.SIG_IGN)
        number = int(worker.name)
        if self.gpus:  # no backend is loaded yet: it will see this one alone
            os.environ["CUDA_VISIBLE_DEVICES"] = self.gpus[number % len(self.gpus)]
        else:
            machine.pin(self.cores[number % len(self.cores)])


class Ready(WorkerPlugin):
    """A worker from elsewhere that is refused unless its rows would be those of a worker of our own.

    It must have one thread, the driver's versions and code, and see the driver's results folder. It gets
    the driver's backend, data and import path, and, without a GPU, the settings of a process with one core.
    """

    def __init__(self, folder: Path):
        self.mark, self.token = folder.resolve() / "workers", uuid.uuid4().hex
        files.write_atomic(self.mark, self.token.encode())
        self.name = f"ready-{self.token}"
        self.made_by = made_by()
        self.path = os.getcwd()
        names = ("KERAS_BACKEND", "ODYSSEY_DATA")
        self.environment = {name: os.environ[name] for name in names if name in os.environ}

    def setup(self, worker):
        for wrong in self.wrong(worker.state.nthreads):
            raise Refusal(f"worker {worker.address} {wrong}")
        os.environ.update(self.environment)
        if not machine.gpu_memories():
            os.environ.update(machine.ALONE)
        sys.path.append(self.path)

    def wrong(self, threads: int):
        """Yield what is wrong with this process as a worker."""
        if threads != 1:
            yield f"has {threads} threads: start it with --nthreads 1, and --nworkers for more of them"
        here = made_by()
        for name in sorted(self.made_by.keys() | here.keys()):
            if (there := self.made_by.get(name)) != (mine := here.get(name)):
                yield f"has {name} {mine or 'not'}, and the driver {there or 'not'}: install the same on both"
        if not self.mark.exists() or self.mark.read_text() != self.token:
            yield f"does not see the driver's folder {self.mark.parent}: name one with --results that all see"
        if (keras := sys.modules.get("keras")) and keras.backend.backend() != self.environment[
            "KERAS_BACKEND"
        ]:
            yield f"has loaded the backend {keras.backend.backend()} for another sweep: start it anew"


def made_by() -> dict[str, str]:
    """Return what must be the same in a worker as in the driver."""
    return {**machine.versions(), "distributed": distributed.__version__, "code": identity.suite_code()}


def security(ca: Path | None, cert: Path | None, key: Path | None) -> Security | None:
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


def jobs_asked(path: Path) -> tuple[int, dict]:
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
    options = {"processes": table["cores"], **table}
    if options["processes"] != options["cores"]:
        raise Refusal(f"--slurm {path}: expected a process for each of {options['cores']} cores")
    return jobs, options


def slurm_cluster(options: dict, folder: Path):
    """Return a cluster whose workers are jobs: none yet. Its scheduler is this process."""
    from dask_jobqueue import SLURMCluster
    from dask_jobqueue.core import Job, JobQueueCluster

    takers = (Job, JobQueueCluster, SLURMCluster.job_cls)
    known = {name for taker in takers for name in inspect.signature(taker.__init__).parameters}
    for name in options.keys() - known:
        raise registry.unknown("setting of a SLURM cluster", name, sorted(known - {"self"}))
    defaults = {
        "security": True,
        "shared_temp_directory": str(folder.resolve()),  # of its keys, which the jobs read
        "python": sys.executable,
        "scheduler_options": {"dashboard_address": "127.0.0.1:0"},
        "worker_extra_args": ["--memory-limit", "0"],  # SLURM has its own
        "job_script_prologue": [
            f"export {name}={value}" for name, value in machine.ALONE.items() if "MALLOC" in name
        ],
    }
    return SLURMCluster(**defaults | options)


def script(jobs: int, options: dict, folder: Path) -> str:
    """Return the script that each job would run."""
    with slurm_cluster(options, folder) as cluster:
        return cluster.job_script()
