"""`rollcall doctor`: checks that everything Rollcall needs is there, and prints remedies."""

from rich.console import Console

from cli.console import DEFAULT_FOLDER
from cli.kafka import kafka_settings
from local.stack_file import read_stack
from operate.doctor import CheckFailed, checks
from runtime.settings import BadSettings


def doctor() -> bool:
    """Run every check and print its result; whether all passed."""
    console = Console(highlight=False)
    well = True
    for name, check in checks(kafka_settings, read_stack(DEFAULT_FOLDER)):
        try:
            console.print(f"[green]ok[/]      {name}: {check()}")
        except CheckFailed as error:
            well = False
            console.print(f"[red]failed[/]  {name}: {error}\n        → {error.remedy}")
        except BadSettings as error:
            well = False
            console.print(f"[red]failed[/]  {name}: {error}")
    return well
