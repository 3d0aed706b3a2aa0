"""Errors a person can act on are one line, not a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def plain_errors() -> Iterator[None]:
    """End the command with one line for an error that a person can act on, without a traceback."""
    from cli.errors import ACTIONABLE
    from runtime.masking import masked

    try:
        yield
    except ACTIONABLE as error:
        text = str(error)
    except OSError as error:
        if error.filename is None:
            raise  # not about a file: a fault of ours
        text = f"{error.filename}: {error.strerror}"
    else:
        return
    typer.echo(f"rollcall: {masked(text)}", err=True)
    raise typer.Exit(1)
