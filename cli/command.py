"""The `rollcall` command, put together from the modules that declare its subcommands.

Each of them imports a subcommand's own module when it is called: help and completion stay fast.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from cli import call_commands, past_commands, present_commands, stack_commands
from cli.arguments import examples
from cli.plain_errors import plain_errors

_HELP = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, context_settings=_HELP)
schemas_app = typer.Typer(
    no_args_is_help=True, help="The contract's schemas.", context_settings=_HELP
)
for module in (stack_commands, present_commands, past_commands, call_commands):
    app.add_typer(module.commands)
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


@schemas_app.command("export", epilog=examples("rollcall schemas export contract"))
def schemas_export(
    folder: Annotated[Path, typer.Argument(help="Created if missing.")] = Path("schemas-export"),
) -> None:
    """Write the JSON Schema of every topic and one AsyncAPI 3 document."""
    from schemas.export import export

    with plain_errors():
        for path in export(folder):
            typer.echo(path)
