"""`python -m local` is `rollcall`: how the stack starts its stages, wherever it is installed."""

from cli.command import app

app()
