"""The `rollcall` command: declares each subcommand, and imports its module when it is called."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from cli.arguments import Folder, Json, OptionalUser, StackFolder, User, Users, examples
from cli.console import DEFAULT_FOLDER
from cli.plain_errors import plain_errors

_HELP = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, context_settings=_HELP)
schemas_app = typer.Typer(
    no_args_is_help=True, help="The contract's schemas.", context_settings=_HELP
)
app.add_typer(schemas_app, name="schemas")

# Commands whose log is part of what they show.
_LOGGING = frozenset({"audit", "sockets"})


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rollcall {version('rollcall')}")
        raise typer.Exit


@app.callback()
def _configure(
    context: typer.Context,
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Who is reachable right now, on which SIP node, and why."""
    from runtime import logs

    del show_version
    # A stage configures its own log when it starts.
    name = context.invoked_subcommand or "rollcall"
    with plain_errors():
        logs.configure(name, default_level="INFO" if name in _LOGGING else "WARNING")


@app.command(
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


@app.command(
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


@app.command(
    epilog=examples(
        "rollcall run streams",
        "ROLLCALL_SETTINGS=rollcall.toml rollcall run freeswitch",
    )
)
def run(
    stage: Annotated[str, typer.Argument(help="Its name; a wrong one lists them all.")],
) -> None:
    """Run one stage: freeswitch, opensips, kamailio, sockets, rtpengine, streams, ..."""
    from cli.run import run as command

    with plain_errors():
        command(stage)


@app.command(
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


@app.command(
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


@app.command(
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


@app.command(
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


@app.command(
    epilog=examples(
        "rollcall replay freeswitch=tests/captures/freeswitch/calls.json",
        "rollcall replay freeswitch=tests/captures/freeswitch/calls.json --into stack",
        "rollcall replay freeswitch=esl.json sockets=sockets.jsonl --into kafka-1:9092 --json",
    )
)
def replay(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE=FILE…", help="freeswitch, opensips, kamailio, sockets or rtpengine."
        ),
    ],
    node: Annotated[
        list[str] | None, typer.Option(help="Name of the node, once per source, in order.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="1 is as recorded; default: as fast as possible.")
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET",
            help="stack (the one that runs here), a stack's folder or stack.json, or HOST:PORT "
            "of a Kafka; default: a temporary one.",
        ),
    ] = None,
    as_json: Json = False,
    calls: Annotated[bool, typer.Option("--calls", help="Print call records instead.")] = False,
) -> None:
    """Play recordings to the real producers and print the presence changes."""
    from cli.replay import replay as command

    with plain_errors():
        command(sources, node or [], speed, into, as_json, calls)


@app.command(
    epilog=examples(
        "rollcall query",
        "rollcall query losses-by-cause --from -7d",
        "rollcall query online-at --at 14:03 --node fs-1 --json",
        "rollcall query --sql 'SELECT cause, count() FROM presence_history GROUP BY cause'",
    )
)
def query(
    name: Annotated[
        str | None, typer.Argument(help="A question; without any they are listed.")
    ] = None,
    sql: Annotated[str | None, typer.Option(help="A SELECT of the store's views.")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Default: now.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Default: a day before --to.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Default: now.")] = None,
    node: Annotated[str | None, typer.Option(help="Of this SIP node only.")] = None,
    domain: Annotated[str | None, typer.Option(help="Of users of this domain only.")] = None,
    aor: Annotated[str | None, typer.Option(help="Of this user only.")] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="A stack's; default: clickhouse.url, else clickhouse.folder."),
    ] = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")] = False,
) -> None:
    """Ask the store of the past: a named question, or SQL."""
    from cli.query import Form
    from cli.query import query as command

    form = Form.JSON if as_json else Form.CSV if as_csv else Form.TABLE
    options = {"at": at, "from": since, "to": until, "node": node, "domain": domain, "aor": aor}
    with plain_errors():
        command(name, sql, options, folder, form)


@app.command(
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


@app.command(
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


@app.command(
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


@schemas_app.command("export", epilog=examples("rollcall schemas export contract"))
def schemas_export(
    folder: Annotated[Path, typer.Argument(help="Created if missing.")] = Path("schemas-export"),
) -> None:
    """Write the JSON Schema of every topic and one AsyncAPI 3 document."""
    from schemas.export import export

    with plain_errors():
        for path in export(folder):
            typer.echo(path)
