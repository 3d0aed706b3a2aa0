"""Declares the subcommands that run something: up, demo, run, topics, doctor."""

from typing import Annotated

import typer

from cli.arguments import Folder, examples
from cli.console import DEFAULT_FOLDER
from cli.plain_errors import plain_errors

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "rollcall up",
        "rollcall up --folder /var/tmp/rollcall",
    )
)
def up(folder: Folder = DEFAULT_FOLDER) -> None:
    """Start the one-machine stack and keep it running until Ctrl-C."""
    from cli.up import up as command

    with plain_errors():
        command(folder)


@commands.command(
    epilog=examples(
        "rollcall demo",
        "rollcall demo --seconds 15",
    )
)
def demo(
    folder: Folder = DEFAULT_FOLDER,
    seconds: Annotated[
        float, typer.Option(min=1, max=3600, help="How long the recordings are played.")
    ] = 40.0,
) -> None:
    """Play recorded FreeSWITCH nodes through a local stack, with a live board of presence."""
    from cli.demo import demo as command

    with plain_errors():
        command(folder, seconds)


@commands.command(
    epilog=examples(
        "rollcall run streams",
        "ROLLCALL_SETTINGS=rollcall.toml rollcall run freeswitch",
    )
)
def run(
    stage: Annotated[str, typer.Argument(help="Its name; a wrong one lists them all.")],
    owned: Annotated[
        bool, typer.Option("--owned", help="End also when stdin does: with who started it.")
    ] = False,
) -> None:
    """Run one stage: freeswitch, opensips, kamailio, sockets, rtpengine, streams, ..."""
    from cli.run import run as command

    with plain_errors():
        command(stage, owned=owned)


@commands.command(
    epilog=examples(
        "rollcall topics",
        "rollcall topics --create",
    )
)
def topics(
    create: Annotated[bool, typer.Option("--create", help="Create missing topics.")] = False,
) -> None:
    """List every topic: key, partitions, cleanup, writers, readers."""
    from cli.topics import topics as command

    with plain_errors():
        command(create)


@commands.command(
    epilog=examples(
        "rollcall doctor",
    )
)
def doctor() -> None:
    """Check the settings, the data folders, and every server that the settings name."""
    from cli.doctor import doctor as command

    with plain_errors():
        if not command():
            raise typer.Exit(1)
