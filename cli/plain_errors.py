"""Errors a person can act on are one line, not a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from cli.interrupts import raising_interrupt


@contextmanager
def plain_errors() -> Iterator[None]:
    """End the command with one line for an error that a person can act on, without a traceback."""
    from cli.errors import ACTIONABLE, text_of
    from runtime.disk_errors import DISK_ERRORS
    from runtime.masking import masked

    try:
        with raising_interrupt():
            yield
    except ACTIONABLE as error:
        if (text := text_of(error)) is None:
            raise
    except OSError as error:
        if error.filename is None and error.errno not in DISK_ERRORS:
            raise  # not about a file: a fault of ours
        text = f"{error.filename or 'the disk'}: {error.strerror}"
    else:
        return
    typer.echo(f"rollcall: {masked(text)}", err=True)
    raise typer.Exit(1)
