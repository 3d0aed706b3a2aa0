"""Arguments that several subcommands have, and the examples at the end of their help."""

from pathlib import Path
from typing import Annotated

import typer

_USER = "user@domain, with or without sip:"

Folder = Annotated[Path, typer.Option(help="Folder of the one-machine stack's data.")]
StackFolder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        help="A stack's, running or ended; default: what runs here, else the demo's data.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]
User = Annotated[str, typer.Argument(help=_USER)]
OptionalUser = Annotated[str | None, typer.Argument(help=_USER)]
Users = Annotated[list[str] | None, typer.Argument(help=_USER)]


def examples(*commands: str) -> str:
    """The end of a subcommand's help: a paragraph each, for lines would be joined."""
    return "\n\n".join(["Examples:", *commands])
