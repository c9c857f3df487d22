"""Workers from elsewhere: of a scheduler started by hand, and of SLURM."""

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
from sweeps import HERE, command, comparable, hand_started, scheduler, started, waited, workers_of

from suite import Refusal, machine, store
from suite.config import Protocol
from suite.search import clusters, executors
from suite.search.clusters import RemoteExecutor
from suite.search.executors import InProcess
from suite.search.verify import loaded_backend, make_verifier
from suite.search.work_unit import CodeMismatch, WorkUnit

OURS = keras.backend.backend()
OTHER = {"jax": "tensorflow", "tensorflow": "jax"}[OURS]


def test_the_workers_of_a_running_scheduler_give_the_same_rows(undisturbed, tmp_path):
    """Two sweeps at once, as the same workers may serve any number; one of another backend is refused."""
    with hand_started(tmp_path, workers=2) as address:
        asked = [command(tmp_path / name, f"--scheduler={address}") for name in ("tiny", "beside")]
        assert [process.wait(300) for process in [subprocess.Popen(one, cwd=HERE) for one in asked]] == [0, 0]
        for name in ("tiny", "beside"):
            frame = store.load(tmp_path / name).assign(sweep="tiny")
            pd.testing.assert_frame_equal(comparable(frame), comparable(undisturbed))
        with Client(address) as client:
            plugins = client.run_on_scheduler(lambda dask_scheduler: set(dask_scheduler.worker_plugins))
            assert plugins <= {"shuffle"}  # Dask's own: of the sweeps nothing is left
        if find_spec(OTHER):
            line = refused(tmp_path / "other", f"--scheduler={address}", f"--backend={OTHER}")
            assert f"has loaded the backend {OURS} for another sweep: start it anew" in line


def test_a_worker_that_joins_late_is_refused_and_the_others_go_on(tmp_path):
    """One that would train on another backend, with two threads; Dask alone would let it."""
    folder = tmp_path / "tiny"
    longer = [f"--backend={OURS}", "--trials=4", "--epochs=200", "--patience=200"]
    with hand_started(tmp_path, workers=1) as address:
        asked = command(folder, f"--scheduler={address}", *longer)
        process = subprocess.Popen(asked, cwd=HERE, stderr=subprocess.PIPE, text=True)
        waited((folder / "sweep.toml").exists)
        late = [address, "--nthreads=2", "--no-nanny", "--no-dashboard", f"--local-directory={tmp_path}"]
        with started("dask_worker", *late, KERAS_BACKEND=OTHER):
            said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said
    [line] = said.splitlines()
    assert "has 2 threads: start it with --nthreads 1" in line
    assert line.endswith("the sweep goes on without it")
    frame = store.load(folder)
    assert frame["backend"].tolist() == [OURS] * 8


class Agreeing:
    """In place of what is sent to workers, whose answers are given."""

    def remove_marker(self):
        pass


class Fit:
    """In place of what is sent with a unit, where the worker agrees."""

    data = None

    def __call__(self):
        pass

    configure_process = __call__


class Joining:
    """A client of two workers, whose answers are given."""

    closed = False

    def __init__(self, *answers):
        self.answers = dict(zip("ab", answers, strict=True))

    def nthreads(self):
        return dict.fromkeys(self.answers, 1)

    def run(self, function, workers, on_error):
        return {address: self.answers[address] for address in workers}

    def close(self):
        self.closed = True


ABSENT = ModuleNotFoundError("No module named 'suite'")


def test_a_worker_without_the_suite_is_refused_and_one_that_dies_is_asked_again(capsys):
    client = Joining(0, ABSENT)
    assert executors.DaskExecutor(client, verify=Agreeing()).verified == {"a": 0}
    assert "worker b cannot run this suite (ModuleNotFoundError" in capsys.readouterr().err
    client = Joining(0, CommClosedError())
    crew = executors.DaskExecutor(client, verify=Agreeing())
    assert (crew.verified, crew.refused) == ({"a": 0}, {})
    client.answers["b"] = 7
    assert crew.capacity() == 2
    del client.answers["a"]
    assert (crew.capacity(), crew.verified) == (1, {"b": 7})


def test_the_last_worker_to_be_refused_ends_the_sweep(capsys):
    """Else it would wait for another one without an end, as where a task never loads the same data twice."""
    crew = executors.DaskExecutor(Joining(0, 0), verify=Agreeing())
    crew.refuse_worker("a", "would make other rows")
    crew.verified.clear()  # the other one is just dead
    crew.refuse_worker("a", "would make other rows")
    crew.verify_new_workers()
    assert "worker a would make other rows; the sweep goes on without it" in capsys.readouterr().err
    with pytest.raises(Refusal, match=r"worker b would make other rows$"):
        crew.refuse_worker("b", "would make other rows")


def test_a_worker_with_other_data_than_the_driver_is_refused_and_not_the_sweep(monkeypatch):
    def differs(unit):
        raise CodeMismatch("the data of tiny: a worker has another than the driver")

    monkeypatch.setattr(executors, "train_unit", differs)
    monkeypatch.setattr(executors, "get_worker", lambda: SimpleNamespace(address="a"))
    unit = WorkUnit("s", "tiny", "rnn", (), Protocol(), 6, 1, Path(), None, 1, 1)
    with pytest.raises(executors.UnfitWorker, match=r"^worker a would make other rows \(the data of tiny: "):
        executors.train_in_worker(unit, Fit())
    with pytest.raises(CodeMismatch):  # a worker of the driver's own is like all others
        executors.train_in_worker(unit)


def test_where_no_worker_is_fit_the_sweep_is_refused(capsys):
    client = Joining(executors.UnfitWorker("a", "has 2 threads"), ABSENT)
    with pytest.raises(Refusal, match="worker a has 2 threads"):
        executors.DaskExecutor(client, verify=Agreeing())
    assert client.closed
    assert capsys.readouterr().err == ""


def refused(folder, *more):
    """Return the one line with which a command refuses, having written nothing."""
    done = subprocess.run(command(folder, *more), cwd=HERE, capture_output=True, text=True)
    [line] = done.stderr.splitlines()
    assert done.returncode == 2
    assert not folder.exists()
    return line


def test_a_worker_with_another_version_is_refused(tmp_path, monkeypatch):
    """The driver is the one that says to have another version: the worker has what is installed."""
    program = "from suite import machine; versions = machine.package_versions() | {'numpy': '9.9'}; "
    program += "machine.package_versions = lambda: versions; from suite.cli import main; main()"
    with hand_started(tmp_path, workers=1) as address:
        asked = command(tmp_path / "tiny", f"--scheduler={address}")
        asked[asked.index("-c") + 1] = program
        done = subprocess.run(asked, cwd=HERE, capture_output=True, text=True)
    assert done.returncode == 2
    assert "has numpy" in done.stderr
    assert "and the driver 9.9: install the same on both" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_worker_with_several_threads_is_refused(tmp_path):
    with (
        scheduler(tmp_path) as address,
        started("dask_worker", address, "--nthreads=2", f"--local-directory={tmp_path}"),
    ):
        assert "has 2 threads: start it with --nthreads 1" in refused(
            tmp_path / "tiny", f"--scheduler={address}"
        )


def test_a_worker_that_does_not_see_the_results_is_refused(tmp_path):
    needed = make_verifier(tmp_path)
    assert list(needed.problems(threads=1)) == []
    make_verifier(tmp_path).remove_marker()  # that of a second driver, which is refused
    assert list(needed.problems(threads=1)) == []
    needed.marker_file.write_text("of another machine")
    [wrong] = needed.problems(threads=1)
    assert wrong.startswith(f"does not see the driver's folder {tmp_path}")


def test_a_backend_that_is_just_being_loaded_is_known(monkeypatch):
    """A worker that joins is verified while its thread imports Keras for the unit of another sweep."""
    assert loaded_backend() == OURS
    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace())
    monkeypatch.setenv("KERAS_BACKEND", "just being loaded")
    assert loaded_backend() == "just being loaded"
    monkeypatch.delitem(sys.modules, "keras")
    assert loaded_backend() is None


def test_a_worker_that_has_loaded_another_version_of_a_users_cell_is_refused(tmp_path, monkeypatch):
    """A worker goes on with the module it has loaded. Nothing of the user's is imported to tell."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "package").mkdir()
    for name in ("mine.py", "package/__init__.py", "package/cells.py"):
        (tmp_path / name).write_text("raise AssertionError")
    needed = make_verifier(tmp_path, ["mine:A", "package.cells:C", "lstm"])
    assert {"cell mine:A", "cell package.cells:C", "cell lstm"} <= needed.requirements.keys()
    assert list(needed.problems(threads=1)) == []
    edited = replace(needed, requirements=needed.requirements | {"cell mine:A": "edited"})
    [wrong] = edited.problems(threads=1)
    assert re.fullmatch(
        "has cell mine:A [0-9a-f]{16}, and the driver edited: install the same on both", wrong
    )


def test_a_worker_gets_the_drivers_settings_before_it_has_a_backend(tmp_path):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from suite import machine; from suite.search import verify\n"
        "os.environ['KERAS_BACKEND'] = 'ours'; needed = verify.make_verifier(Path(sys.argv[1]))\n"
        "os.environ['KERAS_BACKEND'] = 'another'; machine.gpu_memories = lambda: [10**9] * int(sys.argv[2])\n"
        "needed.configure_process(); print(os.environ['KERAS_BACKEND'], "
        "os.environ.get('CUDA_VISIBLE_DEVICES'),\n"
        "                      os.environ.get('OMP_NUM_THREADS'), 'keras' in sys.modules)"
    )
    clean = {k: v for k, v in os.environ.items() if k not in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")}
    listed = f"first-{os.getpid()},second-{os.getpid()}"
    for gpus, devices, threads in (("0", "None", "1"), ("2", f"first-{os.getpid()}", "None")):
        environment = clean | ({"CUDA_VISIBLE_DEVICES": listed} if gpus == "2" else {})
        run = [sys.executable, "-c", code, tmp_path, gpus]
        said = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
        assert said.split() == ["ours", devices, threads, "False"]


def test_units_are_cut_for_the_hardware_of_the_workers():
    """The driver may have none, or a GPU that they have not; of workers unlike each other, for the larger."""
    driver = machine.Plan(workers=2, lanes=None, gpus=("0", "1"), gpu_memory=10**9)
    crew = RemoteExecutor(Joining(0, 8 * 10**10), verify=Agreeing())
    assert crew.worker_plan(machine.Plan(2)) == machine.Plan(2, None, ("0",), 8 * 10**10)
    assert RemoteExecutor(Joining(0, 0), verify=Agreeing()).worker_plan(driver) == machine.Plan(2)
    assert InProcess().worker_plan(driver) is driver


def test_where_no_scheduler_is_nothing_is_written(tmp_path):
    line = refused(tmp_path / "tiny", "--scheduler=tcp://127.0.0.1:1")
    assert line.startswith("odyssey: no scheduler answers at tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--scheduler=tcp://127.0.0.1:1", "--workers=2"], "expected one of --workers, --scheduler, --slurm"),
        (["--tls-ca=ca.pem"], "are for --scheduler ADDRESS"),
        (["--scheduler=tls://127.0.0.1:1", "--tls-ca=ca.pem"], "--tls-ca: expected a PEM file, got ca.pem"),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path, more, said):
    assert said in refused(tmp_path / "tiny", *more)


@pytest.mark.skipif(not find_spec("cryptography"), reason="needs cryptography to make keys")
def test_what_is_sent_can_be_encrypted(undisturbed, tmp_path):
    """TLS with keys of one's own: workers and driver without them are turned away."""
    security = Security.temporary()
    files = {"ca": security.tls_ca_file, "cert": security.tls_client_cert, "key": security.tls_client_key}
    for name, content in files.items():
        (tmp_path / f"{name}.pem").write_text(content)
    ours = [f"--tls-ca={tmp_path}/ca.pem", f"--tls-cert={tmp_path}/cert.pem", f"--tls-key={tmp_path}/key.pem"]
    theirs = [option.replace("--tls-ca=", "--tls-ca-file=") for option in ours]
    with scheduler(tmp_path, 0, *theirs) as address, workers_of(address, tmp_path, 1, *theirs):
        assert address.startswith("tls://")
        subprocess.run(command(tmp_path / "tiny", f"--scheduler={address}", *ours), cwd=HERE, check=True)
        bare = command(tmp_path / "bare", f"--scheduler={address.replace('tls', 'tcp')}")
        assert subprocess.run(bare, cwd=HERE, stderr=subprocess.DEVNULL).returncode == 2
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
def test_the_script_of_a_job_is_shown_before_any_is_submitted(tmp_path):
    (tmp_path / "cluster.toml").write_text(SLURM)
    asked = command(tmp_path / "tiny", f"--slurm={tmp_path}/cluster.toml", "--dry-run")
    said = subprocess.run(asked, cwd=HERE, check=True, capture_output=True, text=True).stdout
    assert "2 searches, 12 trials of at most 4 epochs" in said
    assert "#SBATCH -p short" in said
    assert "#SBATCH -t 00:10:00" in said
    assert "export MALLOC_MMAP_MAX_=0" in said
    assert re.search(r"distributed\.cli\.dask_worker tls://\S+ .*--nthreads 1 .*--memory-limit 0", said)
    assert not (tmp_path / "tiny").exists()


@slurm
@pytest.mark.parametrize(
    ("more", "directive"),
    [
        ("", "--gres=gpu:2"),
        ("job_extra_directives = ['--gpus-per-node=a100:2', '--exclusive']", "--gpus-per-node=a100:2"),
    ],
)
def test_a_job_with_gpus_has_a_worker_for_each(tmp_path, more, directive):
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
    ("text", "said"),
    [
        ("cores = 2\ngpus = 1\nprocesses = 2\nmemory = '1GB'", "expected a process for each of 1 GPUs"),
        ("cores = 2\ngpus = 'all'\nmemory = '1GB'", "expected gpus .of a job. of at least 0, got 'all'"),
        ("jobs = 0", "expected jobs of at least 1, got 0"),
        ("jobs = 1", "expected cores and memory"),
        ("cores = 2\nprocesses = 1\nmemory = '1GB'", "expected a process for each of 2 cores"),
        ("jobs =", "expected a TOML file"),
        ("cores = 1\nmemory = '1GB'\nqueeu = 'short'", "queeu"),
    ],
)
def test_a_slurm_file_that_cannot_be_is_refused(tmp_path, text, said):
    (tmp_path / "cluster.toml").write_text(text)
    with pytest.raises(Refusal, match=said):
        clusters.slurm_job_script(*clusters.read_slurm_file(tmp_path / "cluster.toml"), tmp_path)


@slurm
def test_jobs_of_slurm_give_the_same_rows(undisturbed, tmp_path, monkeypatch):
    """SLURM itself is not here: `sbatch` runs a copy of the script it is given, `scancel` ends it."""
    jobs, path = tmp_path / "jobs", tmp_path / "bin"
    path.mkdir()
    run = f"setsid bash {tmp_path}/job$$.sh >{tmp_path}/job.log 2>&1 &"
    sbatch = f"cp $1 {tmp_path}/job$$.sh\n{run}\necho $! >>{jobs}\necho Submitted batch job $!"
    for name, text in {"sbatch": sbatch, "scancel": "kill -- -$1"}.items():
        (path / name).write_text(f"#!/bin/sh\n{text}\n")
        (path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{path}:{os.environ['PATH']}")
    (tmp_path / "cluster.toml").write_text(SLURM + 'interface = "lo"')
    asked = command(tmp_path / "tiny", f"--slurm={tmp_path}/cluster.toml")
    subprocess.run(asked, cwd=HERE, check=True)
    frame = store.load(tmp_path / "tiny")
    pd.testing.assert_frame_equal(comparable(frame.assign(sweep="tiny")), comparable(undisturbed))
    assert len(jobs.read_text().split()) >= 2
