"""`python -m cli` is `rollcall`; the local stack starts its stages so, wherever it is installed."""

from cli.command import app

app()
