"""Workers from elsewhere: of a scheduler started by hand, and of SLURM."""

import os
import re
import subprocess
from importlib.util import find_spec

import pandas as pd
import pytest
from distributed import Security
from sweeps import HERE, command, comparable, hand_started, scheduler, started, workers_of

from suite import Refusal, store
from suite.search import clusters
from suite.search.verify import verification


def test_the_workers_of_a_running_scheduler_give_the_same_rows(undisturbed, tmp_path):
    """Two sweeps after each other, as the same workers may serve any number of them."""
    with hand_started(tmp_path, workers=2) as address:
        for name in ("tiny", "again"):
            subprocess.run(command(tmp_path / name, f"--scheduler={address}"), cwd=HERE, check=True)
            frame = store.load(tmp_path / name).assign(sweep="tiny")
            pd.testing.assert_frame_equal(comparable(frame), comparable(undisturbed))


def refused(folder, *more):
    """Return the one line with which a command refuses, having written nothing."""
    done = subprocess.run(command(folder, *more), cwd=HERE, capture_output=True, text=True)
    [line] = done.stderr.splitlines()
    assert done.returncode == 2
    assert not folder.exists()
    return line


def test_a_worker_with_another_version_is_refused(tmp_path, monkeypatch):
    """The driver is the one that says to have another version: the worker has what is installed."""
    program = "from suite import machine; versions = machine.versions() | {'numpy': '9.9'}; "
    program += "machine.versions = lambda: versions; from suite.cli import main; main()"
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
    needed = verification(tmp_path)
    assert list(needed.wrong(threads=1)) == []
    (tmp_path / "workers").write_text("of another machine")
    [wrong] = needed.wrong(threads=1)
    assert wrong.startswith(f"does not see the driver's folder {tmp_path}")


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
    ("text", "said"),
    [
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
        clusters.script(*clusters.jobs_asked(tmp_path / "cluster.toml"), tmp_path)


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
