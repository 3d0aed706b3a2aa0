"""`python -m local` is `rollcall`: how the stack starts its stages, wherever it is installed."""

from local.command import app

app()
