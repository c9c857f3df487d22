"""The command line: `odyssey list | train | sweep | status | report | compare | export | bench | doctor`."""

import errno
import os
import signal
import sys

import typer

from suite import Refusal, environment, registry
from suite.cli import bench, compare, export, info, report, sweep, train

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Which parts of an LSTM matter, on which tasks, and how sure are we?",
)
app.command("list")(info.list_)
for command in (
    train.train,
    sweep.sweep,
    report.status,
    report.report,
    compare.compare,
    export.export,
    bench.bench,
    info.doctor,
):
    app.command()(command)


def main() -> None:
    """Run the command line; tell bad input in one line and exit with 2."""
    sys.path.append(os.getcwd())  # a cell of the user's, "module:Class", may lie there
    environment.set_library_environment()
    sys.stdout.reconfigure(errors="replace")  # a terminal may lack σ, × and –; stderr has such a rule
    try:
        registry.refuse_shadowed_tasks()
        app()
    except Refusal as refusal:
        print(f"odyssey: {refusal}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"odyssey: {error.filename or 'a file'} cannot be used: {error.strerror}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
