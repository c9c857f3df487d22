"""Run a sweep on the command line: show progress, handle Ctrl-C and SIGTERM, report how it ended."""

import contextlib
import shlex
import signal
import sys
from collections.abc import Generator
from pathlib import Path

EXIT_ALL_FAILED, EXIT_TRIALS_LEFT = 1, 3  # exit codes; 2 is a `Refusal`, 128 + N a signal
SIGNAL_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}  # SLURM and Kubernetes send the latter


def run_interruptible(folder: Path, events: Generator, workers: int) -> None:
    """Run a sweep (`suite.search.sweep.run_sweep`) to its end, Ctrl-C or SIGTERM; print how to continue."""
    from suite import store
    from suite.progress import show_progress

    received, last = 0, None

    def handle_signal(number, _):
        nonlocal received
        is_first, received = not received, number
        if not is_first:
            raise KeyboardInterrupt
        store.request_stop(folder)
        print_to_stderr(
            f"\nFinishing the epochs that are running; {SIGNAL_NAMES[number]} again to stop at once."
        )

    def relay_events():
        nonlocal last
        for last in events:
            if received:  # again: a driver that has just begun removes earlier requests
                store.request_stop(folder)
            yield last

    before = {number: signal.signal(number, handle_signal) for number in SIGNAL_NAMES}
    try:
        with contextlib.closing(events):
            show_progress(relay_events(), folder, workers)
    except KeyboardInterrupt:
        print_to_stderr(f"\nStopped at once; {folder} keeps all finished trials.")
    else:
        if last and last.done == last.total:
            (folder / "stop").unlink(missing_ok=True)  # requested after the last trial
        else:
            print_to_stderr(f"Stopped; {folder} keeps all finished and unfinished trials.")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received or last is None or last.done < last.total:
        print_to_stderr(f"To continue: {shlex.join(['odyssey', *sys.argv[1:]])}")
    if received:
        sys.exit(128 + received)


def exit_code(folder: Path) -> int:
    """Print how many trials of a sweep failed, and why; return the exit code."""
    from suite import store
    from suite.progress import failure_lines

    rows = store.load(folder)
    for line in failure_lines(rows, folder):
        print_to_stderr(line)
    if len(rows) and (rows["status"] == "failed").all():
        return EXIT_ALL_FAILED
    return EXIT_TRIALS_LEFT if store.is_stop_requested(folder) else 0


def print_to_stderr(line: str) -> None:
    """Print a line to stderr at once."""
    print(line, file=sys.stderr, flush=True)
