"""The command line `odyssey`: its commands, its version, and its exit codes."""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Annotated, Any, NoReturn

import typer

from suite import Refusal, environment, registry
from suite.cli import bench, check, compare, export, info, report, sweep, train
from suite.cli.usage import usage_errors_refused

EXIT_CODES = (
    "Exit codes: 0, success; 1, `check` found a broken rule, or all trials of a sweep failed; 2, bad input, "
    "explained on stderr; 3, a sweep reached --max-hours before all trials were trained; 130, ended by "
    "Ctrl-C; 141, nothing reads the output any more; 143, ended by SIGTERM."
)

app = typer.Typer(
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)
app.command("list")(info.list_)
for command in (
    train.train,
    sweep.sweep,
    report.status,
    report.report,
    compare.compare,
    export.export,
    check.check,
    bench.bench,
    info.doctor,
):
    app.command()(command)


def print_version(wanted: bool) -> None:
    """Print the version and exit, if the option `--version` is set."""
    if wanted:
        print(f"odyssey {metadata.version('rnn-odyssey')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Which parts of an LSTM matter, on which tasks, and how sure are we?"""


class Terminated(BaseException):
    """The exception that SIGTERM raises: `finally` blocks run as after Ctrl-C, and no command catches it."""


@contextlib.contextmanager
def ended_by_closed_output() -> Iterator[None]:
    """Exit with 128 + SIGPIPE, quietly, if nothing reads the output any more: `odyssey list | head -1`.

    Unix tools let SIGPIPE end them. Here that signal would also end a sweep that writes to a lost worker.
    """
    try:
        try:
            yield
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:
        # typer and rich turn a BrokenPipeError into a SystemExit
        if not isinstance(error.__context__ if isinstance(error, SystemExit) else error, BrokenPipeError):
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())  # else Python complains when it flushes them at its end
        sys.exit(128 + signal.SIGPIPE)


@ended_by_closed_output()
def main() -> None:
    """Run the command line; print bad input in one line and exit with 2."""
    sys.path.append(os.getcwd())  # a cell of the user's, "module:Class", may lie there
    environment.set_library_environment()
    reconfigure: Any = getattr(sys.stdout, "reconfigure", None)
    if reconfigure:
        reconfigure(errors="replace")  # a terminal may lack σ, × and –; stderr has such a rule
    try:
        with sigterm_raised():
            registry.refuse_shadowed_tasks()
            with usage_errors_refused():
                sys.exit(app(sys.argv[1:] or ["--help"], prog_name="odyssey", standalone_mode=False))
    except Refusal as refusal:
        exit_with(f"odyssey: {refusal}", 2)
    except OSError as error:
        if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        exit_with(f"odyssey: {error.filename or 'a file'} cannot be used: {error.strerror}", 2)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except Terminated:
        sys.exit(128 + signal.SIGTERM)


@contextlib.contextmanager
def sigterm_raised() -> Iterator[None]:
    """Make SIGTERM raise `Terminated` inside the block, so that files are closed and child processes end."""

    def terminate(*_: object) -> NoReturn:
        raise Terminated

    previous = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def exit_with(line: str, code: int) -> NoReturn:
    """Print a line on stderr and end the process with an exit code."""
    print(line, file=sys.stderr)
    sys.exit(code)
