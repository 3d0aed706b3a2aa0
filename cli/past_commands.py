"""Declares the subcommands about the past: replay, query, forget."""

from pathlib import Path
from typing import Annotated

import typer

from cli.arguments import Json, examples
from cli.plain_errors import plain_errors

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "rollcall replay freeswitch=tests/captures/freeswitch/calls.json",
        "rollcall replay freeswitch=tests/captures/freeswitch/calls.json --into stack",
        "rollcall replay freeswitch=esl.json sockets=sockets.jsonl --into kafka-1:9092 --json",
        "rollcall replay freeswitch=esl.json mrcp=unimrcpserver.log --calls --json",
    )
)
def replay(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE=FILE…",
            help="freeswitch, opensips, kamailio, sockets, rtpengine or mrcp.",
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


@commands.command(
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
    from cli.query import query as command
    from cli.query_output import Form

    form = Form.JSON if as_json else Form.CSV if as_csv else Form.TABLE
    options = {"at": at, "from": since, "to": until, "node": node, "domain": domain, "aor": aor}
    with plain_errors():
        command(name, sql, options, folder, form)


@commands.command(epilog=examples("rollcall forget 1001@example.com"))
def forget(
    aor: Annotated[str, typer.Argument(help="The user.")],
    folder: Annotated[
        Path | None,
        typer.Option(help="A stack's; default: clickhouse.url, else clickhouse.folder."),
    ] = None,
) -> None:
    """Delete what is kept of a user: state, history, call records; prints a receipt."""
    from cli.forget import forget as command

    with plain_errors():
        if not command(aor, folder):
            raise typer.Exit(1)
