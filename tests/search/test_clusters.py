"""Workers on other machines: of a scheduler started by hand, and of SLURM."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import keras
import pandas as pd
import pytest
from distributed import Client, Security
from distributed.comm import CommClosedError
from sweeps import (
    HERE,
    command,
    comparable,
    dask_cluster,
    dask_program,
    dask_scheduler,
    dask_workers,
    wait_until,
)

from suite import Refusal, machine, store
from suite.config import Protocol
from suite.search import clusters, executors
from suite.search.clusters import RemoteExecutor
from suite.search.executors import InProcess
from suite.search.verify import loaded_backend, make_verifier
from suite.search.work_unit import CodeMismatch, WorkUnit

BACKEND = keras.backend.backend()
OTHER_BACKEND = {"jax": "tensorflow", "tensorflow": "jax"}[BACKEND]


def test_the_workers_of_a_running_scheduler_give_the_same_rows(undisturbed, tmp_path):
    """Two sweeps share the workers at the same time; a third, with another backend, is refused."""
    with dask_cluster(tmp_path, workers=2) as address:
        names = "tiny", "second"
        processes = [
            subprocess.Popen(command(tmp_path / name, f"--scheduler={address}"), cwd=HERE) for name in names
        ]
        assert [process.wait(300) for process in processes] == [0, 0]
        for name in names:
            frame = store.load(tmp_path / name).assign(sweep="tiny")
            pd.testing.assert_frame_equal(comparable(frame), comparable(undisturbed))
        with Client(address) as client:
            plugins = client.run_on_scheduler(lambda dask_scheduler: set(dask_scheduler.worker_plugins))
            assert plugins <= {"shuffle"}  # Dask's own: a sweep leaves no plugin behind
        verifier = replace(make_verifier(tmp_path / "third"), backend=OTHER_BACKEND)
        with pytest.raises(Refusal, match=f"has loaded the backend {BACKEND} for another sweep: restart it"):
            RemoteExecutor(Client(address), verify=verifier)


def test_an_unfit_worker_that_joins_late_is_refused_and_the_others_continue(tmp_path):
    """It has two threads and another backend. A Dask plugin that raises would not stop it from training."""
    folder = tmp_path / "tiny"
    longer = [f"--backend={BACKEND}", "--trials=4", "--epochs=200", "--patience=200"]
    with dask_cluster(tmp_path, workers=1) as address:
        arguments = command(folder, f"--scheduler={address}", *longer)
        process = subprocess.Popen(arguments, cwd=HERE, stderr=subprocess.PIPE, text=True)
        wait_until((folder / "sweep.toml").exists)
        late = [address, "--nthreads=2", "--no-nanny", "--no-dashboard", f"--local-directory={tmp_path}"]
        with dask_program("dask_worker", *late, KERAS_BACKEND=OTHER_BACKEND):
            stderr = process.communicate(timeout=300)[1]
    assert process.returncode == 0, stderr
    [line] = stderr.splitlines()
    assert "has 2 threads: start it with --nthreads 1" in line
    assert line.endswith("the sweep continues without it")
    frame = store.load(folder)
    assert frame["backend"].tolist() == [BACKEND] * 8


class NoMarker:
    """A stand-in for `VerifyWorker` in the driver; `FakeClient` gives the replies of workers."""

    def remove_marker(self):
        pass


class AcceptsEveryWorker:
    """A stand-in for `VerifyWorker` in a worker, with no check."""

    data = None

    def __call__(self):
        pass

    configure_process = __call__


class FakeClient:
    """A Dask client with two workers, "a" and "b", whose replies to the verification are given."""

    closed = False

    def __init__(self, *replies):
        self.replies = dict(zip("ab", replies, strict=True))

    def nthreads(self):
        return dict.fromkeys(self.replies, 1)

    def run(self, function, workers, on_error):
        return {address: self.replies[address] for address in workers}

    def close(self):
        self.closed = True


SUITE_MISSING = ModuleNotFoundError("No module named 'suite'")


def test_a_worker_without_the_suite_is_refused_and_one_that_dies_is_verified_again(capsys):
    client = FakeClient(0, SUITE_MISSING)
    assert executors.DaskExecutor(client, verify=NoMarker()).verified == {"a": 0}
    assert "worker b cannot run this suite (ModuleNotFoundError" in capsys.readouterr().err
    client = FakeClient(0, CommClosedError())
    executor = executors.DaskExecutor(client, verify=NoMarker())
    assert (executor.verified, executor.refused) == ({"a": 0}, {})
    client.replies["b"] = 7
    assert executor.capacity() == 2
    del client.replies["a"]
    assert (executor.capacity(), executor.verified) == (1, {"b": 7})


def test_a_sweep_ends_when_its_last_worker_is_refused(capsys):
    """Otherwise it would wait forever, for example where a task loads other data each time."""
    executor = executors.DaskExecutor(FakeClient(0, 0), verify=NoMarker())
    executor.refuse_worker("a", "would produce different rows")
    executor.verified.clear()  # the other worker has died
    executor.refuse_worker("a", "would produce different rows")
    executor.verify_new_workers()
    assert "worker a would produce different rows; the sweep continues without it" in capsys.readouterr().err
    with pytest.raises(Refusal, match=r"worker b would produce different rows$"):
        executor.refuse_worker("b", "would produce different rows")


def test_other_data_in_a_worker_refuse_the_worker_and_not_the_sweep(monkeypatch):
    def train_unit(unit):
        raise CodeMismatch("the data of tiny: a worker has another version than the driver")

    monkeypatch.setattr(executors, "train_unit", train_unit)
    monkeypatch.setattr(executors, "get_worker", lambda: SimpleNamespace(address="a"))
    unit = WorkUnit("s", "tiny", "rnn", (), Protocol(), 6, 1, Path(), None, 1, 1)
    with pytest.raises(
        executors.UnfitWorker, match=r"^worker a would produce different rows \(the data of tiny: "
    ):
        executors.train_in_worker(unit, AcceptsEveryWorker())
    with pytest.raises(CodeMismatch):  # the driver started the worker: all others would fail too
        executors.train_in_worker(unit)


def test_a_sweep_whose_workers_are_all_unfit_is_refused(capsys):
    client = FakeClient(executors.UnfitWorker("a", "has 2 threads"), SUITE_MISSING)
    with pytest.raises(Refusal, match="worker a has 2 threads"):
        executors.DaskExecutor(client, verify=NoMarker())
    assert client.closed
    assert capsys.readouterr().err == ""


@pytest.fixture
def refusal_line(odyssey, tmp_path):
    """Run a sweep in this process that is refused and writes nothing; return its one line on stderr."""

    def run(*more):
        code, out, err = odyssey(*command(tmp_path / "tiny", *more)[3:])
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert not (tmp_path / "tiny").exists()
        return err

    return run


def wait_for_worker(address):
    """Wait until a worker has joined: if one is refused after the start, a sweep waits for others."""
    with Client(address) as client:
        client.wait_for_workers(1, timeout=60)


def test_a_worker_with_another_version_is_refused(refusal_line, tmp_path, monkeypatch):
    """The driver pretends to have another version: the worker has the installed one."""
    versions = machine.package_versions() | {"numpy": "9.9"}
    monkeypatch.setattr(machine, "package_versions", lambda: versions)
    with dask_cluster(tmp_path, workers=1) as address:
        wait_for_worker(address)
        line = refusal_line(f"--scheduler={address}")
    assert "has numpy" in line
    assert "and the driver 9.9: install the same on both" in line


def test_a_worker_with_several_threads_is_refused(refusal_line, tmp_path):
    with (
        dask_scheduler(tmp_path) as address,
        dask_program("dask_worker", address, "--nthreads=2", f"--local-directory={tmp_path}"),
    ):
        wait_for_worker(address)
        assert "has 2 threads: start it with --nthreads 1" in refusal_line(f"--scheduler={address}")


def test_a_worker_that_cannot_read_the_results_folder_is_refused(tmp_path):
    verifier = make_verifier(tmp_path)
    assert list(verifier.problems(threads=1)) == []
    make_verifier(tmp_path).remove_marker()  # as a second driver does when it is refused
    assert list(verifier.problems(threads=1)) == []
    verifier.marker_file.write_text("of another machine")
    [problem] = verifier.problems(threads=1)
    assert problem.startswith(f"does not see the driver's folder {tmp_path}")


def test_a_backend_that_is_being_loaded_counts_as_loaded(monkeypatch):
    """A worker may be verified while another thread of it imports Keras for the unit of another sweep."""
    assert loaded_backend() == BACKEND
    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace())
    monkeypatch.setenv("KERAS_BACKEND", "being loaded")
    assert loaded_backend() == "being loaded"
    monkeypatch.delitem(sys.modules, "keras")
    assert loaded_backend() is None


@pytest.mark.parametrize("name", ["suite", "suite.search", "distributed", "python"])
def test_a_worker_with_other_code_or_versions_is_refused(tmp_path, name):
    """Also with another `suite.search.executors`, which is not in the hash of the suite."""
    verifier = make_verifier(tmp_path)
    other = replace(verifier, requirements=verifier.requirements | {name: "another"})
    [problem] = other.problems(threads=1)
    assert re.fullmatch(rf"has {name} \S+, and the driver another: install the same on both, .*", problem)


def test_a_worker_with_another_version_of_a_users_cell_is_refused(tmp_path, monkeypatch):
    """A worker keeps a module that it has loaded. The comparison reads the file and imports nothing."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "package").mkdir()
    for name in ("mine.py", "package/__init__.py", "package/cells.py"):
        (tmp_path / name).write_text("raise AssertionError")
    verifier = make_verifier(tmp_path, ["mine:A", "package.cells:C", "lstm"])
    assert {"cell mine:A", "cell package.cells:C", "cell lstm"} <= verifier.requirements.keys()
    assert list(verifier.problems(threads=1)) == []
    edited = replace(verifier, requirements=verifier.requirements | {"cell mine:A": "edited"})
    [problem] = edited.problems(threads=1)
    assert re.fullmatch(
        "has cell mine:A [0-9a-f]{16}, and the driver edited: install the same on both, .*", problem
    )


def test_a_worker_gets_the_settings_of_the_driver_before_a_backend_is_loaded(tmp_path):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from suite import machine; from suite.search import verify\n"
        "os.environ |= {'KERAS_BACKEND': 'driver', 'ODYSSEY_DATA': '/data'}\n"
        "verifier = verify.make_verifier(Path(sys.argv[1])); del os.environ['ODYSSEY_DATA']\n"
        "os.environ['KERAS_BACKEND'] = 'another'; machine.gpu_memories = lambda: [10**9] * int(sys.argv[2])\n"
        "verifier.configure_process(); print(os.environ['KERAS_BACKEND'], os.environ['ODYSSEY_DATA'], "
        "os.environ.get('CUDA_VISIBLE_DEVICES'),\n"
        "                      os.environ.get('OMP_NUM_THREADS'), 'keras' in sys.modules)"
    )
    clean = {k: v for k, v in os.environ.items() if k not in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")}
    listed = f"first-{os.getpid()},second-{os.getpid()}"
    for gpus, devices, threads in (("0", "None", "1"), ("2", f"first-{os.getpid()}", "None")):
        environment = clean | ({"CUDA_VISIBLE_DEVICES": listed} if gpus == "2" else {})
        run = [sys.executable, "-c", code, tmp_path, gpus]
        stdout = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
        assert stdout.split() == ["driver", "/data", devices, threads, "False"]


def test_a_sweep_is_cut_into_units_for_the_hardware_of_its_workers():
    """Not of the driver, which may have no GPU; of unlike workers, the one with most memory counts."""
    driver = machine.Plan(workers=2, lanes=None, gpus=("0", "1"), gpu_memory=10**9)
    executor = RemoteExecutor(FakeClient(0, 8 * 10**10), verify=NoMarker())
    assert executor.worker_plan(machine.Plan(2)) == machine.Plan(2, None, ("0",), 8 * 10**10)
    assert RemoteExecutor(FakeClient(0, 0), verify=NoMarker()).worker_plan(driver) == machine.Plan(2)
    assert InProcess().worker_plan(driver) is driver


def test_without_a_scheduler_nothing_is_written(refusal_line, monkeypatch):
    """The driver tries for ten seconds; here for one."""
    monkeypatch.setattr(clusters, "Client", lambda *words, **named: Client(*words, **named | {"timeout": 1}))
    line = refusal_line("--scheduler=tcp://127.0.0.1:1")
    assert line.startswith("odyssey: no scheduler answers at tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--scheduler=tcp://127.0.0.1:1", "--workers=2"], "expected one of --workers, --scheduler, --slurm"),
        (["--tls-ca=ca.pem"], "are for --scheduler ADDRESS"),
        (["--scheduler=tls://127.0.0.1:1", "--tls-ca=ca.pem"], "--tls-ca: expected a PEM file, got ca.pem"),
    ],
)
def test_options_that_contradict_each_other_are_refused(refusal_line, more, message):
    assert message in refusal_line(*more)


@pytest.mark.skipif(not find_spec("cryptography"), reason="needs cryptography to make keys")
def test_the_connection_to_a_scheduler_can_use_tls(undisturbed, tmp_path):
    """With the user's own keys; a driver without them cannot connect."""
    security = Security.temporary()
    files = {"ca": security.tls_ca_file, "cert": security.tls_client_cert, "key": security.tls_client_key}
    for name, content in files.items():
        (tmp_path / f"{name}.pem").write_text(content)
    driver_keys = [
        f"--tls-ca={tmp_path}/ca.pem",
        f"--tls-cert={tmp_path}/cert.pem",
        f"--tls-key={tmp_path}/key.pem",
    ]
    dask_keys = [option.replace("--tls-ca=", "--tls-ca-file=") for option in driver_keys]
    with dask_scheduler(tmp_path, 0, *dask_keys) as address, dask_workers(address, tmp_path, 1, *dask_keys):
        assert address.startswith("tls://")
        process = subprocess.Popen(
            command(tmp_path / "tiny", f"--scheduler={address}", *driver_keys), cwd=HERE
        )
        with pytest.raises(Refusal, match="no scheduler answers"):
            clusters.SchedulerExecutor(address.replace("tls", "tcp"), tmp_path / "without keys")
        assert process.wait(120) == 0
    frame = store.load(tmp_path / "tiny")
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(undisturbed))


slurm = pytest.mark.skipif(
    not (find_spec("dask_jobqueue") and find_spec("cryptography")), reason="needs the extra slurm"
)
SLURM = """
jobs = 2
queue = "short"
cores = 1
memory = "2GB"
walltime = "00:10:00"
"""


@slurm
def test_a_dry_run_prints_the_job_script_and_submits_nothing(odyssey, tmp_path, monkeypatch):
    monkeypatch.setattr("suite.cli.forecast.device_rate", lambda *_: 1e9)  # measured by other processes
    (tmp_path / "cluster.toml").write_text(SLURM)
    code, stdout, _ = odyssey(
        *command(tmp_path / "tiny", f"--slurm={tmp_path}/cluster.toml", "--dry-run")[3:]
    )
    assert code == 0
    assert "2 searches, 12 trials of at most 4 epochs" in stdout
    assert "#SBATCH -p short" in stdout
    assert "#SBATCH -t 00:10:00" in stdout
    assert "export MALLOC_MMAP_MAX_=0" in stdout
    assert re.search(r"distributed\.cli\.dask_worker tls://\S+ .*--nthreads 1 .*--memory-limit 0", stdout)
    assert not (tmp_path / "tiny").exists()


@slurm
@pytest.mark.parametrize(
    ("more", "directive"),
    [
        ("", "--gres=gpu:2"),
        ("job_extra_directives = ['--gpus-per-node=a100:2', '--exclusive']", "--gpus-per-node=a100:2"),
    ],
)
def test_a_job_with_gpus_has_a_worker_for_each_gpu(tmp_path, more, directive):
    (tmp_path / "cluster.toml").write_text(f"cores = 8\ngpus = 2\nmemory = '1GB'\n{more}")
    jobs, options = clusters.read_slurm_file(tmp_path / "cluster.toml")
    assert (jobs, options["processes"], clusters.requests_gpus(options)) == (1, 2, True)
    script = clusters.slurm_job_script(jobs, options, tmp_path)
    assert [line for line in script.splitlines() if line.startswith("#SBATCH --g")] == [
        f"#SBATCH {directive}"
    ]
    assert "#SBATCH --cpus-per-task=8" in script
    assert re.search(r"--nworkers 2 .*--nthreads 1 --memory-limit 0", script)


@slurm
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "cores = 2\ngpus = 1\nprocesses = 2\nmemory = '1GB'",
            "for each of 1 GPUs, got processes = 2; leave processes out",
        ),
        (
            "cores = 2\ngpus = 'all'\nmemory = '1GB'",
            "expected gpus of a job to be an integer of at least 0, got 'all'",
        ),
        ("jobs = 0", "expected jobs to be an integer of at least 1, got 0"),
        ("jobs = 1", "expected cores and memory of a job, got neither"),
        ("cores = 2\nprocesses = 1\nmemory = '1GB'", "expected a process for each of 2 cores"),
        ("jobs =", "expected a TOML file"),
        ("cores = 1\nmemory = '1GB'\nqueeu = 'short'", "queeu"),
    ],
)
def test_an_invalid_slurm_file_is_refused(tmp_path, text, message):
    (tmp_path / "cluster.toml").write_text(text)
    with pytest.raises(Refusal, match=message):
        clusters.slurm_job_script(*clusters.read_slurm_file(tmp_path / "cluster.toml"), tmp_path)


@slurm
def test_slurm_jobs_give_the_same_rows(undisturbed, tmp_path, monkeypatch):
    """Scripts stand in for SLURM: `sbatch` runs a copy of the job script, `scancel` ends its processes."""
    jobs, path = tmp_path / "jobs", tmp_path / "bin"
    path.mkdir()
    run = f"setsid bash {tmp_path}/job$$.sh >{tmp_path}/job.log 2>&1 &"
    sbatch = f"cp $1 {tmp_path}/job$$.sh\n{run}\necho $! >>{jobs}\necho Submitted batch job $!"
    for name, text in {"sbatch": sbatch, "scancel": "kill -- -$1"}.items():
        (path / name).write_text(f"#!/bin/sh\n{text}\n")
        (path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{path}:{os.environ['PATH']}")
    (tmp_path / "cluster.toml").write_text(SLURM + 'interface = "lo"')
    arguments = command(tmp_path / "tiny", f"--slurm={tmp_path}/cluster.toml")
    subprocess.run(arguments, cwd=HERE, check=True)
    frame = store.load(tmp_path / "tiny")
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(undisturbed))
    assert len(jobs.read_text().split()) >= 2
