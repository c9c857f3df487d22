"""Errors in the use of a command, such as a missing argument, as refusals in one line."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import typer

from suite import Refusal

# click's; newer versions of typer bring their own copy of click, which is private
UsageError: type[Exception] = typer.BadParameter.__bases__[0]


@contextlib.contextmanager
def usage_errors_refused() -> Iterator[None]:
    """Turn an error in the use of a command, as the parser raises it, into a refusal."""
    try:
        yield
    except UsageError as error:
        raise Refusal(usage_refusal_text(error)) from None


def usage_refusal_text(error: Any) -> str:
    """Return an error of the parser in one line: what came, what was expected, and where to read more."""
    hints = []
    if error.ctx and type(error) is not typer.BadParameter:  # which itself says what value was expected
        words = error.ctx.command.collect_usage_pieces(error.ctx)
        hints.append(" ".join(["expected", error.ctx.command_path, *words]))
    command = error.ctx.command_path if error.ctx else "odyssey COMMAND"  # there is none for a missing value
    return f"{error_message(error)} ({'; '.join([*hints, f'see {command} --help'])})"


def error_message(error: Any) -> str:
    """Return the message of an error of the parser, with the value that was given."""
    message = " ".join(error.format_message().rstrip(".").split())
    details = getattr(error.__cause__, "errors", None)  # of Pydantic, which newer versions of typer use
    if details:
        message = message.replace("Value error, ", "")  # a choice, and the text has the value
        message = re.sub("Input should be ([^,]*).*", rf"expected \1, got {details()[0]['input']!r}", message)
    return message[:1].lower() + message[1:]
