"""Every snippet of the README and the guide runs to its end.

A snippet is a fenced block. All run in one folder: the comment `<!-- file: NAME -->` above a snippet makes
it a file there, `<!-- not run: REASON -->` leaves it out. Commands train the guide's own task for an epoch in
place of what takes minutes (`shorten`); everything else runs as it is written.
"""

import dataclasses
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from suite import cli, store

ROOT = Path(__file__).parents[1]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "GUIDE.md")}

PARSED_ONLY = {
    "bench": "takes minutes; tests/bench runs it",
    "doctor": "loads every task; tests/test_cli.py runs it",
}
SHORT_SWEEP = ["--task=gestures:GESTURES", "--epochs=1", "--workers=0", "--lanes=1", "--range=units=4:4"]
SHORT_TRIAL = ["--epochs=1", "--units=4"]
SHORT_PYTHON = {
    'hypermodel("chorales"': 'hypermodel("gestures:GESTURES"',
    "max_trials=3": "max_trials=1",
    "tuner.search()": "tuner.search(epochs=1)",
    "lstm@layers=2,direction=both": "linear",
    "window@steps=8": "linear",
}
STORED_TRIALS = 2  # of each search, in the results folders that commands read


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block: where it is, its language and text, the file it becomes, and whether it is run."""

    place: str
    language: str
    text: str
    file: str | None
    is_run: bool


def read_blocks():
    pattern = r"(?:<!-- (?P<mark>.*?) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$"
    for name, text in TEXTS.items():
        for found in re.finditer(pattern, text, re.S | re.M):
            mark = found["mark"] or ""
            place = f"{name}:{text[: found.start('text')].count(chr(10)) + 1}"
            file = mark.removeprefix("file: ") if mark.startswith("file: ") else None
            yield Block(place, found["language"], found["text"], file, not mark.startswith("not run: "))


BLOCKS = list(read_blocks())


def snippets(language):
    """Return the blocks of a language that are run, as parameters of a test."""
    return [
        as_parameter(block.place, block.text)
        for block in BLOCKS
        if block.language == language and block.is_run and not block.file
    ]


def commands(block):
    """Return the commands of a block, without their comments."""
    lines = [shlex.split(line, comments=True) for line in block.text.replace("\\\n", "").splitlines()]
    return [shlex.join(words) for words in lines if words]


def as_parameter(place, text):
    return pytest.param(text, id=f"{place} {text.splitlines()[0][:60]}")


def shell_commands(program):
    """Return the different commands of a program, as parameters of a test."""
    result = [(line, b.place) for b in BLOCKS if b.language == "sh" and b.is_run for line in commands(b)]
    return [as_parameter(place, line) for line, place in dict(result).items() if line.split()[0] == program]


def run_odyssey(*words):
    """Run `odyssey` in this process; return its exit code."""
    argv, sys.argv = sys.argv, ["odyssey", *words]
    try:
        cli.main()
    except SystemExit as end:
        return end.code or 0
    finally:
        sys.argv = argv
    return 0


def leave_out_reports(monkeypatch):
    """Have a sweep write no report, which takes longer than its training here."""
    monkeypatch.setattr("suite.cli.sweep.report", lambda *_, **__: None)


def without_option(words, name):
    """Return words without an option and its values."""
    taken = {i + step for i, word in enumerate(words) if word == name for step in (0, 1)}
    return [word for i, word in enumerate(words) if i not in taken]


def shorten(words):
    """Return the words of a command, changed where it would train for long."""
    words = without_option(words, "--backend")  # a process has one backend
    if words[0] == "train" and not words[1].startswith("results/"):
        return [words[0], "gestures:GESTURES", *words[2:], *SHORT_TRIAL]
    if words[0] == "train":  # a stored row
        return [*words[:2], "rnn", "1", *words[4:]]
    if words[0] == "check":
        return [words[0], "gestures:GESTURES", *words[2:]]
    if words[0] == "report":
        return ["rnn" if word == "gru" else word for word in words]  # the only known cell
    if words[0] == "sweep":
        trials = STORED_TRIALS + ("--trials" in words)
        words = without_option(without_option(words, "--task"), "--trials")
        cells = [] if "--cell" in words else ["--cell=rnn"]
        if "--dry-run" in words:
            return [*words, "--task=gestures:GESTURES", *cells]
        return [*words, f"--trials={trials}", *SHORT_SWEEP, *cells]
    return words


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Make a folder with every file that the texts show, and with the results that commands read."""
    folder = tmp_path_factory.mktemp("finished")
    for block in BLOCKS:
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        leave_out_reports(patch)
        patch.setattr(sys, "path", list(sys.path))
        patch.chdir(folder)
        assert run_odyssey(*shorten(["sweep", "quick"])) == 0
    for name in ("cpu", "gpu"):
        shutil.copytree(folder / "results" / "quick", folder / "results" / name)
    return folder


@pytest.fixture
def workplace(finished, tmp_path, tmp_path_factory, monkeypatch):
    """Work in a copy of that folder, where nothing that takes long beside training is done."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr("suite.bench.product_rate", lambda *_, **__: 1e9)
    # `check` would load the other backend, in another process
    monkeypatch.setattr("suite.cli.other_backends.find_spec", lambda _: None)
    return tmp_path


@pytest.mark.parametrize("command", shell_commands("odyssey"))
def test_a_command_of_the_texts_runs(workplace, monkeypatch, capsys, command):
    words = shlex.split(command)[1:]
    if words[0] in PARSED_ONLY:
        parse(words)
        return
    if "leaky:Leaky" not in words:  # one report of a sweep is enough
        leave_out_reports(monkeypatch)
    code = run_odyssey(*shorten(words))
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    assert out
    if "leaky:Leaky" in words and words[0] == "sweep":
        [page] = (workplace / "reports").glob("*/index.html")
        assert "leaky:Leaky" in page.read_text(encoding="utf-8")
    if "--results" in words:
        assert not store.load(words[words.index("--results") + 1]).empty


def parse(words):
    """Parse the words of a command without running it."""
    app = typer.main.get_command(cli.app)
    with app.make_context("odyssey", list(words)) as context:
        name, command, rest = app.resolve_command(context, list(words))
        command.make_context(name, rest, parent=context)


def test_commands_that_need_other_machines_are_parsed():
    skipped = [
        line for block in BLOCKS if block.language == "sh" and not block.is_run for line in commands(block)
    ]
    for line in skipped:
        if line.startswith("odyssey "):
            parse(shlex.split(line)[1:])
    assert skipped


@pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")
@pytest.mark.parametrize("code", snippets("python"))
def test_python_of_the_texts_runs(workplace, capsys, code):
    for long, short in SHORT_PYTHON.items():
        code = code.replace(long, short)
    exec(compile(code, "snippet", "exec"), {"__name__": "snippet"})
    if "best.keras" in code:
        assert (workplace / "best.keras").exists()
    else:
        assert capsys.readouterr().out


def test_the_store_is_there_once_the_suite_is_imported():
    subprocess.run([sys.executable, "-c", "import suite; suite.store.load; suite.__version__"], check=True)


def test_the_package_runs_as_the_command(tmp_path):
    run = [sys.executable, "-m", "suite", "list", "presets"]
    assert "quick" in subprocess.run(run, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("query", snippets("sql"))
def test_sql_of_the_texts_runs(workplace, query):
    database = sqlite3.connect(workplace / "results" / "quick" / "trials.sqlite")
    try:
        result = database.execute(query).fetchall()
    finally:
        database.close()
    assert result or "task = 'chorales'" in query


@pytest.mark.parametrize("command", [*shell_commands("make"), *shell_commands("pip")])
def test_what_the_texts_make_and_install_is_there(command):
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    program, *words = shlex.split(command)
    if program == "make":
        assert words[0] in targets
    else:
        assert words[:2] == ["install", "-e"]
        assert words[2][2:-1] in extras


def test_every_snippet_is_of_a_kind_that_is_run():
    assert {block.language for block in BLOCKS if not block.file} <= {"sh", "python", "sql"}
    programs = {line.split()[0] for b in BLOCKS if b.language == "sh" and b.is_run for line in commands(b)}
    assert programs <= {"odyssey", "make", "pip"}


def test_the_cell_of_the_readme_has_15_lines_and_the_task_of_the_guide_about_25():
    lines = {b.file: len([line for line in b.text.splitlines() if line]) for b in BLOCKS if b.file}
    assert lines["leaky.py"] <= 15
    assert lines["gestures.py"] <= 33
