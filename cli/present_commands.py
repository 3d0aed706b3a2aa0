"""Declares the subcommands about the present: watch, who, calls, explain, audit, sockets."""

from typing import Annotated

import typer

from cli.arguments import Json, OptionalUser, StackFolder, User, Users, examples
from cli.plain_errors import plain_errors

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "rollcall watch",
        "rollcall watch 1001@example.com --json",
    )
)
def watch(aors: Users = None, as_json: Json = False) -> None:
    """Print presence changes as they come, of all users or of the given AORs."""
    from cli.watch import watch as command

    with plain_errors():
        command(aors or [], as_json)


@commands.command(
    epilog=examples(
        "rollcall who",
        "rollcall who 1001@example.com",
        "rollcall who --json",
    )
)
def who(aor: OptionalUser = None, folder: StackFolder = None, as_json: Json = False) -> None:
    """Print the current presence of every user, or of one."""
    from cli.who import who as command

    with plain_errors():
        command(aor, folder, as_json)


@commands.command(
    epilog=examples(
        "rollcall calls",
        "rollcall calls 1001@example.com --json",
    )
)
def calls(aor: OptionalUser = None, folder: StackFolder = None, as_json: Json = False) -> None:
    """Print the calls that are live or ended lately, of all users or of one."""
    from cli.calls import calls as command

    with plain_errors():
        command(aor, folder, as_json)


@commands.command(
    epilog=examples(
        "rollcall explain 1001@example.com",
        "rollcall explain 1001@example.com --at -10m",
    )
)
def explain(
    aor: User,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="2026-01-31T03:12:00Z, 03:12 (UTC) or -10m; default: now."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Read the log only from then on; default: all of it."),
    ] = None,
    folder: StackFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Explain a user's presence, now or at TIME: its evidence, and which events were ignored."""
    from cli.explain import explain as command

    with plain_errors():
        command(aor, at, since, folder, as_json)


@commands.command(
    epilog=examples(
        "rollcall audit",
        "rollcall audit freeswitch:fs1=10.0.0.5:8021 opensips:os1=http://10.0.0.6:8888/mi",
    )
)
def audit(
    nodes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KIND:NAME=ADDRESS]…", help="Default: those of audit.nodes."),
    ] = None,
    settle: Annotated[
        float | None,
        typer.Option(min=0, max=3600, help="Seconds until a disagreement is checked again."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask the SIP nodes for their bindings, and show where presence differs."""
    from cli.audit import audit as command

    with plain_errors():
        if not command(nodes or [], settle, as_json):
            raise typer.Exit(1)


@commands.command(
    epilog=examples(
        "rollcall sockets",
        "rollcall sockets --port 5060 --port 5061/tls",
    )
)
def sockets(
    port: Annotated[
        list[str] | None, typer.Option(help="5060, 5061/tls, 7443/wss; default: sockets.ports.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the kernel's events of connections to local SIP ports, live and without Kafka."""
    from cli.sockets import sockets as command

    with plain_errors():
        command(port or [], as_json)
