"""Declares the subcommand that makes calls: dial."""

from typing import Annotated

import typer

from cli.arguments import Json, examples
from cli.plain_errors import plain_errors

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "rollcall dial trunk +4930801 --extension 801",
        "rollcall dial 1001@example.com +4930801 --extension - --trigger pause --pause 3",
    )
)
def dial(
    target: Annotated[
        str,
        typer.Argument(
            metavar="USER_OR_GATEWAY", help="Who is rung first (user@domain), or a Sofia gateway."
        ),
    ],
    number: Annotated[str, typer.Argument(help="The number to call.")],
    extension: Annotated[
        str, typer.Option(help="The digits to send; -: from standard input, not shown.")
    ],
    trigger: Annotated[
        str | None, typer.Option(help="answer, early-media, greeting or pause.")
    ] = None,
    pause: Annotated[float | None, typer.Option(help="Seconds, with trigger pause.")] = None,
    silence: Annotated[
        float | None, typer.Option(help="Seconds of it that end a greeting.")
    ] = None,
    at_most: Annotated[float | None, typer.Option(help="Seconds to wait for that.")] = None,
    digit_ms: Annotated[int | None, typer.Option(help="Duration of a digit.")] = None,
    gap_ms: Annotated[int | None, typer.Option(help="Pause between digits.")] = None,
    method: Annotated[str | None, typer.Option(help="rfc4733, info or inband.")] = None,
    gateway: Annotated[str | None, typer.Option(help="With a user: through which gateway.")] = None,
    node: Annotated[str | None, typer.Option(help="The FreeSWITCH that calls.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key; default: a new one, a new call.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Call a number and dial an extension there; needs the stage dialling."""
    from cli.dial import dial as command

    options = {
        "trigger": trigger,
        "pause_seconds": pause,
        "silence_seconds": silence,
        "at_most_seconds": at_most,
        "digit_ms": digit_ms,
        "gap_ms": gap_ms,
        "method": method,
        "node": node,
        "key": key,
    }
    if gateway is not None:
        options["gateway"] = gateway
    with plain_errors():
        if not command(target, number, extension, options, as_json):
            raise typer.Exit(1)
