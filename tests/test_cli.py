"""The command line as a user meets it: what it answers, and how it refuses."""

import errno
import fcntl
import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import typer
from rich.console import Console

from suite import Refusal, cli, database, files, identity, store
from suite.cells.check import CELL_RULES
from suite.cli import results_folder, sweep
from suite.cli.execution import run_interruptible
from suite.search.sweep import SweepProgress

SWEEP = [
    "sweep",
    "--task=tiny:PARITY",
    "--cell=rnn",
    "--trials=2",
    "--epochs=2",
    "--workers=0",
    "--range=units=2:3",
]


@pytest.fixture
def odyssey(tmp_path, tmp_path_factory, monkeypatch, capsys):
    """Run `odyssey` in an empty folder that holds the task tiny; return exit code, output and error."""
    shutil.copy(Path(__file__).parent / "search" / "tiny.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("ODYSSEY_DATA", os.environ.get("ODYSSEY_DATA", ""))  # restored: --data sets it

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["odyssey", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep", "quick", "--cell=lstn"], "unknown cell or baseline 'lstn'. Did you mean 'lstm'?"),
        (["sweep", "quick", "--task=chorale"], "unknown task 'chorale'. Did you mean 'chorales'?"),
        (
            ["sweep", "quick", "--oracle=hyperband", "--trials=5", "--epochs=9"],
            "--trials 5: Hyperband sets the number of trials of a search itself (23 of at most 9 epochs)",
        ),
        (["sweep", "quick", "--cell=lstm@layer=2"], "unknown option 'layer'. Did you mean 'layers'?"),
        (
            ["sweep", "quick", "--cell=lstm@direction=both,layers=0"],
            "expected a whole number, 1 to 16, got '0'",
        ),
        (
            ["sweep", "quick", "--cell=gru,lstm,lstm@layers=1"],
            "cells: lstm and lstm@layers=1 are the same; leave one out",
        ),
        (
            ["sweep", "quick", "--task=adding@length=50,adding"],
            "tasks: adding@length=50 and adding are the same; leave one out",
        ),
        (["sweep", "quick", "--task=adding@lenght=7"], "unknown option 'lenght'. Did you mean 'length'?"),
        (
            ["sweep", "quick", "--baseline=lstm@layers=2"],
            "baseline: no variant 'lstm@layers=2' in this sweep. It has: rnn",
        ),
        (["train", "adding@length=1", "lstm"], "length: expected a whole number, 2 to 10000, got '1'"),
        (["train", "adding", "window@step=3"], "unknown option 'step'. Did you mean 'steps'?"),
        (["check", "lstm@layers"], "expected options as lstm@key=value,key=value, got 'layers'"),
        (["check", "jsb@length=3"], "unknown option 'length'. Options of jsb: size=full|tiny"),
        (["bench", "--cell=conv@taps=1"], "taps: expected a whole number, 2 to 32, got '1'"),
        (["bench", "--cell=conv,conv@taps=3"], "--cell: conv and conv@taps=3 are the same"),
        (["sweep", "xor"], "xor is a task, not a preset: odyssey sweep --task xor --cell ..."),
        (["sweep", "quack"], "unknown preset 'quack'. Did you mean 'quick'?"),
        (["sweep", "tiny.yp"], "unknown preset 'tiny.yp'."),
        ([*SWEEP, "--cell=collections:OrderedDic"], ". Did you mean 'collections:OrderedDict'?"),
        ([*SWEEP, "--cell=tyni:Broken"], ". Did you mean 'tiny:Broken'?"),
        (["check"], "expected tasks or cells to check, got none"),
        (["check", "lsmt"], "unknown task, cell or baseline 'lsmt'. Did you mean 'lstm'?"),
        (["check", "lstm,addding"], "unknown task, cell or baseline 'addding'. Did you mean 'adding'?"),
        (["check", "tiny:np"], "tiny:np: expected a suite.task.Task or a subclass of suite.cells.base.Cell"),
        (["bench", "--cell=lstm,guru"], "unknown cell or baseline 'guru'. Did you mean 'gru'?"),
        (["bench", "--units=32,0"], "--units: expected whole numbers of at least 1, such as 32,100, got 0"),
        (
            ["bench", "--batch=8,many"],
            "--batch: expected whole numbers of at least 1, such as 32,100, got many",
        ),
        (["bench", "--repeats=0"], "--repeats: expected at least 1, got 0"),
        (
            ["sweep", "quick", "--range=units=64:32"],
            "units: the range 64:32 is invalid: low must be at most",
        ),
        (["sweep", "quick", "--range=learning_rate=0:1"], "low must be above 0"),
        (["sweep", "quick", "--range=units"], "expected NAME=LOW:HIGH"),
        (["sweep", "quick", "--trials=0"], "trials: expected at least 1, got 0"),
        (["sweep", "quick", "--epochs=0"], "epochs: expected at least 1, got 0"),
        (["sweep", "quick", "--batch=-1"], "batch: expected at least 1, got -1"),
        (["sweep", "quick", "--lanes=0"], "lanes: expected at least 1, got 0"),
        (["sweep", "quick", "--workers=-1"], "workers: expected at least 0, got -1"),
        (["sweep", "quick", "--max-hours=0"], "max-hours: expected more than 0, got 0"),
        (["sweep", "quick", "--oracle=oracle"], "unknown oracle 'oracle'"),
        (["sweep", "quick", "--optimiser=adams"], "unknown optimiser 'adams'. Did you mean 'adam'?"),
        (["train", "jsb", "lstm", "--optimiser=sdg"], "unknown optimiser 'sdg'. Did you mean 'sgd'?"),
        (["sweep", "quick", "--cell=rnn", "--cell=rnn"], "cells: expected distinct names, got rnn, rnn"),
        (["sweep", "--cell=rnn"], "expected a preset, or tasks and variants; name some with --task"),
        (["train", "ading", "lstm"], "unknown task 'ading'. Did you mean 'adding'?\n"),
        (["sweep", "--task=adding"], "expected a preset, or tasks and variants; name some with --cell"),
        (["sweep", "quick", "--task=jsb", "--data=nowhere"], "the data folder nowhere does not exist"),
        (
            [*SWEEP, "--cell=tiny:TooFew"],
            "expected its step to return states (h, c) of shapes [(3, 4), (3, 4)], got",
        ),
        ([*SWEEP, "--cell=tiny:Misshapen"], "expected its step to return states (h) of shapes [(3, 4)], got"),
        ([*SWEEP, "--cell=tiny:Nothing"], "cannot import tiny:Nothing"),
        ([*SWEEP, "--cell=tiny:PARITY"], "expected a subclass of suite.cells.base.Cell"),
        (["sweep", "quick", "--data=nowhere"], "the data folder nowhere does not exist"),
        (["report", "nowhere"], "nowhere: expected the results folder of a sweep, found no sweep.toml there"),
        (["status", "nowhere"], "nowhere: expected the results folder of a sweep, found no sweep.toml there"),
        (["report", "tiny.py"], "tiny.py: expected the results folder of a sweep, found no sweep.toml there"),
        (["status", "tiny.py"], "tiny.py: expected the results folder of a sweep, found no sweep.toml there"),
        (["sweep", "quick", "--data=tiny.py"], "the data folder tiny.py is a file: name a folder"),
        ([*SWEEP, "--reports=tiny.py"], "--reports tiny.py: expected a folder, got a file"),
        ([*SWEEP, "--results=tiny.py"], "tiny.py: expected a folder for results, got a file"),
        (["train", "jsb", "lstm", "--momentum=1"], "momentum: the range 1:1 is invalid"),
        (["train", "jbs", "lstm"], "unknown task 'jbs'. Did you mean 'jsb'?"),
        (["sweep", "quick", "--cell=lstm,"], "--cell 'lstm,': expected names separated by commas"),
        (["sweep", "quick", "--task=jsb,,a"], "--task 'jsb,,a': expected names separated by commas"),
        (["check", "lstm,"], "NAME 'lstm,': expected names separated by commas, but a name is missing"),
        (["bench", "--units=32,"], "expected whole numbers of at least 1, such as 32,100, got no number"),
        (["train"], "missing argument 'TASK|RESULTS' (expected odyssey train [OPTIONS] "),
        (["train", "jsb"], "missing argument 'VARIANT' (expected odyssey train [OPTIONS] "),
        (["status"], "missing argument 'FOLDER' (expected odyssey status [OPTIONS] "),
        (["export"], "; see odyssey export --help)"),
        (["status", "--wach"], "no such option: --wach"),
        (["status", "a", "b"], "got unexpected extra argument"),
        (["sweep", "--trials=few"], "'few'"),
        (["train", "a", "b", "c"], "invalid value for 'TRIAL': "),
        (["bench", "--backend=torch"], "'torch' is not one of 'tensorflow', 'jax' (see odyssey bench"),
        (["sweep", "--oracle"], "option '--oracle' requires an argument (see odyssey COMMAND --help)"),
        (["statu"], "no such command 'statu'. Did you mean 'status'? (expected odyssey [OPTIONS] COMMAND"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_bad_input_is_one_line_and_writes_nothing(odyssey, tmp_path, words, said):
    code, out, err = odyssey(*words)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert not out
    left = {path.name for path in tmp_path.iterdir()} - {"tiny.py", "__pycache__"}
    assert not left


def test_odyssey_alone_prints_its_help(odyssey):
    code, out, err = odyssey()
    assert (code, err) == (0, "")
    assert "Exit codes" in out


@pytest.mark.parametrize("words", [["list"], ["-V"], ["-h"]], ids=" ".join)
def test_a_command_whose_output_nothing_reads_ends_quietly_like_a_unix_tool(words):
    """Each prints in another way: by rich, by Python and by typer."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer) as output:
        program = [sys.executable, "-m", "suite", *words]
        done = subprocess.run(program, stdout=output, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize("name", ["../elsewhere", "/elsewhere", "..", ""])
def test_the_name_of_a_sweep_cannot_leave_its_folder(odyssey, tmp_path, name):
    (tmp_path / "mine.toml").write_text(f"name = '{name}'\ntasks = ['adding']\ncells = ['rnn']\n")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "sweep.toml").write_text(f"name = '{name}'\n")
    assert f"a folder in results, got {name!r}" in odyssey("sweep", "mine.toml")[2]
    assert store.read_config(Path("results"))["name"] == "results"  # which names the report's folder


@pytest.mark.parametrize("how", ["truncated", "altered", "missing"])
def test_a_data_file_that_is_not_right_is_refused(odyssey, tmp_path, monkeypatch, how):
    """Only its checksum decides whether a data file is correct, so this test can use any bytes."""
    data = tmp_path / "data"
    data.mkdir()
    content = b"something else" * 100
    if how != "missing":
        (data / "tcn_JSB_Chorales.mat").write_bytes(content[:50] if how == "truncated" else content)
    monkeypatch.setattr("tasks.data.cached_download", lambda *_: (_ for _ in ()).throw(OSError("no network")))
    code, _, err = odyssey("sweep", "quick", "--task=jsb", f"--data={data}")
    assert code == 2
    assert err.count("\n") == 1
    if how == "missing":
        assert "no network" in err
        assert str(data / "tcn_JSB_Chorales.mat") in err
    else:
        (present,) = data.iterdir()
        assert hashlib.sha256(present.read_bytes()).hexdigest() in err
    assert not (tmp_path / "results").exists()


def test_a_sweep_leaves_results_and_a_report(odyssey, tmp_path):
    code, out, err = odyssey(*SWEEP, "--results=results/mine")
    assert (code, err) == (0, "")
    assert "2/2 trials" in out
    assert "best on tiny:PARITY" in out
    page = (tmp_path / "reports" / "mine" / "index.html").read_text()
    assert "Parity" in page
    assert odyssey("report", "results/mine", "--out=again")[0] == 0
    assert (tmp_path / "again" / "index.html").read_text() == page


def test_a_sweep_by_another_optimiser_with_clipping_says_so(odyssey, tmp_path):
    config = ["--results=mine", "--optimiser=adam", "--range=clip_norm=0.1:10"]
    assert odyssey(*SWEEP, *config)[0] == 0
    assert store.read_config(tmp_path / "mine")["optimiser"] == "adam"
    assert store.load(tmp_path / "mine")["clip_norm"].between(0.1, 10).all()
    page = (tmp_path / "reports" / "mine" / "index.html").read_text()
    assert "adam" in page
    code, _, err = odyssey(*SWEEP, *config[::2], "--optimiser=nesterov")
    assert code == 2
    assert "another sweep, which differs in optimiser" in err


@pytest.fixture
def unreported(monkeypatch):
    """Leave out the report of a sweep, which takes its time."""
    monkeypatch.setattr(sweep, "report", lambda *_: None)


@pytest.mark.usefixtures("unreported")
def test_status_says_how_a_sweep_stands(odyssey, tmp_path):
    assert odyssey(*SWEEP, "--results=mine")[0] == 0
    code, out, err = odyssey("status", "mine")
    assert (code, err) == (0, "")
    [line] = [line.split() for line in out.splitlines() if "rnn" in line]
    best = store.load(tmp_path / "mine")["valid"].min()
    assert line == ["tiny:PARITY", "rnn", "2/2", f"{best:.4g}"]
    assert "at work: no process" in out
    assert "finished: 2 trials" in out
    half_done = store.checkpoint_folder(tmp_path / "mine", "tiny:PARITY", "rnn") / "1.npz"
    files.write_atomic(half_done, b"")
    book = store.Store(tmp_path / "mine", workers=3)
    book.database.execute("UPDATE trials SET status = 'failed' WHERE trial = 1")
    book.database.commit()
    out = odyssey("status", "mine")[1]
    book.close()
    assert ["tiny:PARITY", "rnn", "2/2", "1", "1", f"{best:.4g}"] in [
        line.split() for line in out.splitlines()
    ]
    assert f"at work: process {os.getpid()} on " in out
    assert "workers: 3" in out


def test_hyperband_decides_by_itself_what_a_search_holds(odyssey, tmp_path, monkeypatch):
    """Wherever trials are counted: the forecast, the progress, the status and the report."""
    monkeypatch.setattr(
        "suite.bench.product_rate", lambda *_, **__: 1e9, raising=False
    )  # it takes half a minute
    config = [word for word in SWEEP if not word.startswith(("--trials", "--epochs"))]
    config += ["--oracle=hyperband", "--epochs=2"]
    assert "1 search, 2 trials of at most 2 epochs" in odyssey(*config, "--dry-run")[1]
    assert "2/2 trials" in odyssey(*config, "--results=mine")[1]
    assert " 2/2 " in odyssey("status", "mine")[1]
    assert "All 2 trials of this sweep have ended" in (tmp_path / "reports/mine/report.md").read_text("utf-8")


def test_status_of_a_sweep_without_rows(odyssey, tmp_path):
    code, _, err = odyssey(*SWEEP, "--results=mine", "--max-hours=1e-9")
    assert code == 3
    assert f"To continue: odyssey {shlex.join(SWEEP)} --results=mine --max-hours=1e-9\n" in err
    code, out, _ = odyssey("status", "mine")
    assert code == 0
    assert "0/2" in out
    assert "left: 2 of 2 trials" in out


def test_a_folder_is_no_preset(odyssey, tmp_path):
    (tmp_path / "x.toml").mkdir()
    code, _, err = odyssey("sweep", "x.toml")
    assert (code, err.count("\n")) == (2, 1)
    assert "x.toml: expected TOML in UTF-8, cannot read it" in err


def test_a_sweep_in_which_every_trial_failed_says_why_and_ends_with_1(odyssey, monkeypatch):
    broken = [*SWEEP[:1], "--cell=tiny:Broken", *SWEEP[3:-1], "--task=tiny:PARITY", "--range=units=5:6"]
    code, out, err = odyssey(*broken, "--results=mine")
    assert code == 1
    assert "2 of 2 trials failed, the first of them (tiny:Broken on tiny:PARITY, trial 0): " in err
    assert "RuntimeError: no such thing" in err
    assert "--retry-failed" in err
    assert "report" in out
    monkeypatch.setattr("suite.cli.sweep.report", lambda *_: None)
    code, _, err = odyssey(*broken, "--cell=rnn", "--results=some")
    assert code == 0
    assert "2 of 4 trials failed" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_ends_a_sweep_after_the_epochs_under_way_and_a_second_one_at_once(
    tmp_path, capsys, monkeypatch, number, times
):
    monkeypatch.setattr(sys, "argv", ["odyssey", "sweep", "my preset.toml", "--results=$HOME"])
    before = signal.getsignal(number)
    ends = []

    def events():
        try:
            for done in range(3):
                yield SweepProgress([], done, 9)
                if done < times:
                    os.kill(os.getpid(), number)
        finally:
            ends.append(done)

    with pytest.raises(SystemExit) as end:
        run_interruptible(tmp_path, events(), workers=1)
    assert end.value.code == 128 + number
    assert ends == [2 if times == 1 else 1]
    assert store.is_stop_requested(tmp_path)
    assert signal.getsignal(number) is before
    err = capsys.readouterr().err
    assert "Finishing the epochs that are running" in err
    assert ("Stopped at once" in err) == (times == 2)
    assert "To continue: odyssey sweep 'my preset.toml' '--results=$HOME'\n" in err


def test_a_stop_that_a_driver_removed_as_it_began_is_asked_again(tmp_path):
    def events():
        os.kill(os.getpid(), signal.SIGTERM)
        (tmp_path / "stop").unlink()
        yield SweepProgress([], 0, 9)
        assert store.is_stop_requested(tmp_path)

    with pytest.raises(SystemExit):
        run_interruptible(tmp_path, events(), workers=1)


def test_a_stop_that_came_too_late_leaves_nothing(tmp_path):
    def events():
        store.request_stop(tmp_path)
        yield SweepProgress([], 9, 9)

    run_interruptible(tmp_path, events(), workers=1)
    assert not store.is_stop_requested(tmp_path)


def test_a_terminal_that_lacks_letters_gets_question_marks():
    program = [sys.executable, "-c", "from suite.cli import main; main()", "list", "cells"]
    actual = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(program, env=actual, check=True, capture_output=True, encoding="latin-1")
    assert "Coupled input and forget gate: f = 1 ? i." in done.stdout


@pytest.mark.usefixtures("unreported")
def test_the_folder_of_another_sweep_is_refused_and_left_alone(odyssey, tmp_path):
    assert odyssey(*SWEEP, "--results=mine")[0] == 0
    before = {p: p.read_bytes() for p in (tmp_path / "mine").rglob("*") if p.is_file()}
    code, _, err = odyssey(*SWEEP, "--results=mine", "--seed=2")
    assert code == 2
    assert "another sweep, which differs in seed" in err
    assert {p: p.read_bytes() for p in (tmp_path / "mine").rglob("*") if p.is_file()} == before


LEAKY = """
from suite.cells.base import Cell

class Leaky(Cell):
    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return 0.5 * h + 0.5 * z
"""


@pytest.mark.usefixtures("unreported")
def test_rows_of_a_cell_that_changed_are_not_taken_for_its_own(odyssey, tmp_path):
    """All trials of the sweep exist, so the changed cell is never trained."""
    mine = ["--cell=mine:Leaky", "--results=mine"]
    (tmp_path / "mine.py").write_text(LEAKY)
    assert odyssey(*SWEEP, *mine)[0] == 0
    before = {p: p.read_bytes() for p in (tmp_path / "mine").rglob("*") if p.is_file()}
    (tmp_path / "mine.py").write_text(LEAKY.replace("0.5", "0.1"))
    identity.read_source.cache_clear()  # as in a new process
    code, _, err = odyssey(*SWEEP, *mine)
    assert code == 2
    assert err == (
        "odyssey: mine: cell mine:Leaky changed (trials from before: 2); name another folder with "
        "--results, or keep these trials and continue with --keep-rows\n"
    )
    assert {p: p.read_bytes() for p in (tmp_path / "mine").rglob("*") if p.is_file()} == before
    assert odyssey(*SWEEP, *mine, "--keep-rows")[0] == 0
    (tmp_path / "mine.py").write_text(LEAKY)
    identity.read_source.cache_clear()
    assert odyssey(*SWEEP, *mine)[0] == 0


def test_failed_rows_of_a_cell_that_was_mended_can_be_run_again(tmp_path):
    codes = {("t", "a"): {"suite": "1", "cell": "2"}}
    store.create_results_folder(tmp_path / "s", {})
    for number, status in enumerate(["failed", "done"]):
        row = dict.fromkeys(database.TRIAL_COLUMNS) | {
            "trial": number,
            "status": status,
            "task": "t",
            "cell": "a",
        }
        row |= {"hyperparameters": {}, "versions": {}, "curve": []}
        row["code"] = {"suite": "1", "cell": str(number)}
        store.write_finished_row(tmp_path / "s", row)
    with pytest.raises(Refusal, match=r"cell a changed \(trials from before: 2\)"):
        results_folder.refuse_changed_code(tmp_path / "s", codes, retry_failed=False)
    with pytest.raises(Refusal, match=r"cell a changed \(trials from before: 1\)"):
        results_folder.refuse_changed_code(tmp_path / "s", codes, retry_failed=True)


def test_status_where_files_cannot_be_locked(odyssey, monkeypatch):
    assert odyssey(*SWEEP, "--results=mine", "--max-hours=1e-9")[0] == 3

    def flock(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    code, out, err = odyssey("status", "mine")
    assert (code, err) == (0, "")
    assert "at work: not known, as files there cannot be locked" in out
    code, _, err = odyssey(*SWEEP, "--results=mine")
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot be locked" in err


def test_a_folder_that_was_renamed_goes_on(odyssey, tmp_path):
    assert odyssey(*SWEEP, "--results=mine", "--max-hours=1e-9")[0] == 3
    (tmp_path / "mine").rename(tmp_path / "yours")
    code, out, _ = odyssey(*SWEEP, "--results=yours")
    assert code == 0
    assert "reports/yours/" in out


def test_train_prints_every_epoch_and_the_scores(odyssey):
    code, out, err = odyssey("train", "tiny:PARITY", "gru", "--units=3", "--epochs=3")
    assert (code, err) == (0, "")
    assert out.count("\nepoch ") == 3
    assert "best epoch" in out
    assert "error rate" in out


LISTED = {  # words of each kind: a name, and an option where there are options
    "cells": ["cifg", "layers=1…16"],
    "baselines": ["window", "steps=1…1000"],
    "tasks": ["nottingham", "length=2…10000"],
    "presets": ["quick"],
}


@pytest.mark.parametrize("kind", [*LISTED, None])
def test_list_names_what_there_is_with_its_options(odyssey, monkeypatch, kind):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = odyssey("list", *filter(None, [kind]))
    assert code == 0
    for listed, words in LISTED.items():
        for word in words:
            assert (word in out.split()) == (kind in (listed, None))


def test_list_cuts_no_option_in_a_terminal_of_80_columns(odyssey, monkeypatch):
    terminal = Console(width=80, force_terminal=True, color_system=None)
    with terminal.capture() as shown:
        monkeypatch.setattr("suite.progress.stdout_console", lambda: terminal)
        assert odyssey("list", "tasks")[0] == 0
    lines = shown.get().splitlines()
    assert max(map(len, lines)) <= 80
    [start] = (k for k, line in enumerate(lines) if line.startswith("laser "))
    assert " ".join(lines[start].split()) == "laser Santa Fe laser, 1 step ahead; many-to-many; NRMSE"
    assert lines[start + 1].strip() == "steps_ahead=1…100 (default 1), size=full|tiny"


def commands():
    """Return every command by name, as the parser has it; "" is `odyssey` itself."""
    root = typer.main.get_command(cli.app)
    return {"": root, **root.commands}


OFF_UNLESS_GIVEN = {
    *("install_completion", "show_completion"),  # of `odyssey`
    *("preset", "scheduler", "tls_ca", "tls_cert", "tls_key", "slurm", "max_hours"),  # of `sweep`
    *("trial", "task", "csv"),  # of `train`
}


@pytest.mark.parametrize("name", commands())
def test_every_command_option_and_argument_has_a_help_text_that_states_its_default(name):
    command = commands()[name]
    assert command.help
    for parameter in command.params:
        assert parameter.help, parameter.name
        shown = parameter.default is not None or isinstance(parameter.show_default, str)
        in_words = re.search("default|instead", parameter.help.lower()) or parameter.name in OFF_UNLESS_GIVEN
        optional = not parameter.required and parameter.show_default is not False
        assert shown or in_words or not optional, parameter.name


@pytest.mark.parametrize("program", [["-m", "suite"], ["-c", "from suite.cli import main; main()"]])
def test_the_version_is_that_of_the_package(program):
    done = subprocess.run([sys.executable, *program, "-V"], check=True, capture_output=True, text=True)
    assert done.stdout == f"odyssey {metadata.version('rnn-odyssey')}\n"


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_says_what_the_exit_codes_mean(odyssey, option):
    code, out, _ = odyssey(option)
    assert code == 0
    assert "130, ended by Ctrl-C" in " ".join(out.split())
    assert odyssey("check", option)[0] == 0


def test_a_shell_completes_commands_and_names(monkeypatch):
    monkeypatch.setenv("_ODYSSEY_COMPLETE", "complete_bash")
    for words, expected in (("odyssey ch", "check"), ("odyssey check nott", "nottingham")):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        code = "import sys; sys.argv = ['odyssey']; from suite.cli import main; main()"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.split() == [expected]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_any_command_quietly_with_its_own_code(odyssey, monkeypatch, number):
    """Such as `status --watch`, which waits most of the time."""
    assert odyssey(*SWEEP, "--results=mine", "--max-hours=1e-9")[0] == 3
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("suite.progress.time.sleep", lambda _: os.kill(os.getpid(), number))
    code, out, err = odyssey("status", "mine", "--watch")
    assert (code, err) == (128 + number, "")
    assert "0/2" in out
    assert signal.getsignal(signal.SIGTERM) is before


def test_names_nearest_to_a_file_or_folder_that_is_not_there_are_offered(odyssey, tmp_path):
    (tmp_path / "results" / "quick").mkdir(parents=True)
    (tmp_path / "results" / "quick" / "sweep.toml").touch()
    (tmp_path / "mine.toml").touch()
    for folder in ("results/quikc", "quick", "quikc"):
        assert odyssey("status", folder)[2].endswith(". Did you mean 'results/quick'?\n")
    assert odyssey("sweep", "mien.toml")[2].endswith(". Did you mean 'mine.toml'?\n")
    assert "'mine'. Did you mean 'mine.toml'?" in odyssey("sweep", "mine")[2]


BROKEN_CELL = """
from keras import ops
from suite.cells.base import Cell

class MeanOfAll(Cell):
    gates = ("z",)

    def step(self, x, h):
        [z] = self.affine("z", x, h)
        return z - ops.mean(z, axis=-1, keepdims=True)
"""


@pytest.fixture
def one_backend(monkeypatch):
    """Check on this backend alone, and time nothing: both start processes."""
    monkeypatch.setattr("suite.cli.other_backends.find_spec", lambda name: None)
    monkeypatch.setattr("suite.cli.forecast.device_rate", lambda *_: 1e6)


@pytest.mark.usefixtures("one_backend")
def test_check_prints_rules_and_a_time_for_tasks_and_cells_in_any_order(odyssey):
    code, out, err = odyssey("check", "lstm", "tiny:PARITY")
    assert (code, err) == (0, "")
    assert "BROKEN" not in out
    for fact in (
        "8 sequences of 3 steps each",
        "2 of 2 classes",
        "scores 0.5 on test",
        "4 sequences of test are also in train",
        "states       h, c: float32 (batch, units) each",
        "W/zifo (1, 400)",
        "parameters   41,100 without the readout",
        "kept         units of padding in a lane change nothing",
        "time of lstm on tiny:PARITY",
        "20 units  0.19 s per epoch, 23 s per trial of 150 epochs",
    ):
        assert fact in out


@pytest.mark.usefixtures("one_backend")
def test_check_of_a_variant_checks_its_cell_and_a_baseline_has_no_rules(odyssey, monkeypatch):
    checked = []
    kept = dict.fromkeys(CELL_RULES, "")
    monkeypatch.setattr("suite.cells.check.cell_faults", lambda cell: checked.append(cell.__name__) or kept)
    code, out, err = odyssey(
        "check", "gru@direction=both,layers=2,gru@layers=01", "window@steps=3,tiny:PARITY"
    )
    assert (code, err) == (0, "")
    assert checked == ["GRU"]
    for fact in (
        "variant gru@direction=both,layers=2\n  title        Gated recurrent unit",
        "recurrent/2/backward/W/g (200, 100)",
        "baseline window@steps=3\n  title        Perceptron with a hidden layer over a window",
        "dense/W (3, 100)",
        "time of gru@direction=both,layers=2 on tiny:PARITY",
        "time of gru on tiny:PARITY",
        "time of window@steps=3 on tiny:PARITY",
    ):
        assert fact in out


ONE_STEP = """
import numpy as np
from suite.task import Split, Task

def load(_):
    return {name: Split([np.ones((1, 1))], [np.ones((1, 1))]) for name in ("train", "valid", "test")}

ONE = Task("one", "One", load, 1, 1, "squared", "squared", unit="", answers="last step", source="")
"""


def test_check_of_a_task_of_one_sequence_of_one_step_without_unit_and_source(odyssey, tmp_path):
    (tmp_path / "mine.py").write_text(ONE_STEP)
    code, out, err = odyssey("check", "mine:ONE")
    assert (code, err) == (0, "")
    for line in (
        "  source       none",
        "  scored by    the metric squared; lower is better",
        "  train        1 sequence of 1 step; inputs float64, 1 to 1; targets float64, 1 to 1",
    ):
        assert line in out.splitlines()
    assert (
        "kept         the inputs of every sequence are a NumPy array, of numbers, of shape (steps, 1)" in out
    )


UNALIGNED = """
import numpy as np
from suite.task import Split, Task

def load(_):
    return dict.fromkeys(("train", "valid", "test"), Split([np.array([0, 3, 3])], [np.array([1, 0])]))

TWO = Task("two", "Two", load, 4, 3, "ctc", "label error", "error rate", "unaligned", "made up", "symbols")
"""


def test_check_of_a_task_of_symbols_and_labels_that_are_not_aligned_with_steps(odyssey, tmp_path):
    (tmp_path / "mine.py").write_text(UNALIGNED)
    code, out, err = odyssey("check", "mine:TWO")
    assert (code, err) == (0, "")
    assert "4 symbols in, 3 outputs at every step, the last of them for the blank" in out
    assert "inputs int64, 2 of 4 symbols; targets int64, 2 of 2 symbols, 2 to 2 labels in a sequence" in out


@pytest.mark.usefixtures("one_backend")
def test_check_says_which_rule_is_broken_and_ends_with_1(odyssey, tmp_path):
    (tmp_path / "mine.py").write_text(BROKEN_CELL)
    code, out, err = odyssey("check", "mine:MeanOfAll,mine:MeanOfAll@layers=2", "tiny:PARITY")
    assert (code, err) == (1, "")
    assert out.count("BROKEN") == 1
    assert "BROKEN       units of padding in a lane change nothing" in out
    assert "average over units with self.mean" in out
    assert "kept         gradients of the time loop" in out
    assert "time of" not in out


@pytest.mark.usefixtures("one_backend")
def test_check_prints_no_facts_of_a_cell_whose_shapes_raise(odyssey, tmp_path):
    shapes = (
        "    @classmethod\n    def shapes(cls, features, units):\n        raise ValueError('no shapes')\n"
    )
    (tmp_path / "mine.py").write_text(BROKEN_CELL + shapes)
    code, out, err = odyssey("check", "mine:MeanOfAll")
    assert (code, err) == (1, "")
    assert "it could not be built: ValueError: no shapes" in out
    assert "not checked  the step can be compiled\n" in out
    assert "rules that depend on a broken rule are not checked" in out


def test_check_finds_what_is_broken_on_the_other_backend_alone(odyssey, tmp_path, monkeypatch):
    broken = BROKEN_CELL.replace("- ops", "- int(keras.backend.backend() == 'jax') * ops")
    (tmp_path / "mine.py").write_text("import keras" + broken)
    monkeypatch.setattr("suite.cli.other_backends.Backend", ["jax"])
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")  # this process may have loaded either
    monkeypatch.setattr("suite.cells.check.cell_faults", lambda cell: dict.fromkeys(CELL_RULES, ""))
    code, out, err = odyssey("check", "mine:MeanOfAll")
    assert (code, err) == (1, "")
    assert "BROKEN       on jax: units of padding in a lane change nothing" in out


def test_doctor_says_what_is_here(odyssey, tmp_path, monkeypatch):
    """Nothing is downloaded, and missing data is no error."""
    monkeypatch.setattr("tasks.data.cached_download", None)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    code, out, err = odyssey("doctor", f"--data={tmp_path}")
    assert (code, err) == (0, "")
    for word in ("keras", "backend", "cores", "programs", "lanes"):
        assert word in out
    status = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (status["chorales"], status["adding"]) == ("present", "generated")
    missing = (
        f"not ready: tcn_JSB_Chorales.mat is not in {tmp_path}: it is downloaded on first use, from https:"
    )
    assert status["jsb"].startswith(missing)
    assert status["timit"].startswith(f"not ready: the folder TIMIT is not in {tmp_path}: copy")


def test_a_users_table_is_read_from_the_folder_that_data_names(odyssey, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "data.csv").write_text("sequence,x,target\n1,2,3\n")
    code, _, err = odyssey("check", "table@file=data.csv", "--data=mine")
    assert (code, "mine/data.csv: expected at least 5 sequences" in err) == (2, True)
