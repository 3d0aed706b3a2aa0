"""`rollcall doctor`: checks that everything Rollcall needs is there, and prints remedies."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from cli.console import DEFAULT_FOLDER
from cli.kafka import kafka_settings
from cli.sections import used_sections
from local.stack_file import read_stack
from operate.doctor.check import CheckFailed
from operate.doctor.checks import check_section, service_checks
from runtime.masking import masked
from runtime.settings import BadSettings, settings_file


def doctor() -> bool:
    """Run every check and print its result; whether all passed. Raises BadSettings for the file."""
    console = Console(highlight=False, soft_wrap=True)
    well = True
    for name, text, fault in _results():
        well &= not fault
        line = Text("failed  " if fault else "ok      ", style="red" if fault else "green")
        console.print(line.append(masked(f"{name}: {text}"), style="default"))
    return well


def _results() -> Iterator[tuple[str, str, bool]]:
    """Each check's name, what it found, and whether that is a fault."""
    sections = used_sections()
    sound = []
    for name, model in sections.items():
        try:
            check_section(model)
        except BadSettings as error:
            yield "settings", str(error), True
        else:
            sound.append(name)
    path = settings_file()
    place = f"{path} and the environment" if path.exists() else f"defaults (no {path})"
    if sound:
        yield "settings", f"{place}: {', '.join(sound)}", False
    running = read_stack(DEFAULT_FOLDER)
    for name, check in service_checks(frozenset(sound), kafka_settings, running):
        try:
            yield name, check(), False
        except CheckFailed as error:
            yield name, f"{error}\n        → {error.remedy}", True
        except BadSettings as error:
            yield name, str(error), True
