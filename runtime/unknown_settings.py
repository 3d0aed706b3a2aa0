"""Settings that no stage reads: an unknown section, or an environment variable with a wrong name.

Pure. `runtime.settings.load` refuses them: a misspelt setting would do nothing, silently.
"""

from collections.abc import Iterable
from difflib import get_close_matches

PREFIX = "ROLLCALL_"
# Every section: `[SECTION]` in the file, ROLLCALL_SECTION_… in the environment.
SECTIONS = (
    "audit",
    "calls",
    "clickhouse",
    "dialling",
    "forget",
    "freeswitch",
    "gateway",
    "kafka",
    "kamailio",
    "mrcp",
    "opensips",
    "publisher",
    "reference_user_center",
    "rtpengine",
    "sockets",
    "streams",
    "user_center",
)
# Variables that belong to no section.
PROCESS_VARIABLES = (
    "ROLLCALL_HTTP_HOST",
    "ROLLCALL_HTTP_PORT",
    "ROLLCALL_LOG_LEVEL",
    "ROLLCALL_SETTINGS",
)
# The test suite's own.
_TEST_PREFIXES = ("ROLLCALL_TEST_", "ROLLCALL_FUZZ_")


def unknown_section(names: Iterable[str]) -> str | None:
    """What is wrong with the first of a file's top-level `names` that is no section, or None."""
    for name in names:
        if name not in SECTIONS:
            return f"[{name}] is no section{_nearest(name, SECTIONS)}"
    return None


def unknown_variable(environment: Iterable[str]) -> str | None:
    """What is wrong with the first ROLLCALL_ variable that is of no section, or None."""
    for name in sorted(environment):
        variable = name.upper()
        if not variable.startswith(PREFIX) or variable.startswith(_TEST_PREFIXES):
            continue
        if variable in PROCESS_VARIABLES or variable.startswith(_section_prefixes()):
            continue
        known = [*PROCESS_VARIABLES, *_section_prefixes()]
        return f"{name} is no setting{_nearest(variable, known)}"
    return None


def unknown_in_section(
    environment: Iterable[str], section: str, fields: Iterable[str]
) -> str | None:
    """What is wrong with the first variable of `section` that names none of its fields, or None.

    A nested field's variable has `__` after the field's name.
    """
    prefix = section_prefix(section)
    known = {f"{prefix}{field.upper()}" for field in fields}
    for name in sorted(environment):
        variable = name.upper()
        if variable.startswith(prefix) and variable.split("__")[0] not in known:
            return f"{name} is no setting{_nearest(variable, known)}"
    return None


def section_prefix(section: str) -> str:
    """What the section's variables begin with."""
    return f"{PREFIX}{section.upper()}_"


def _section_prefixes() -> tuple[str, ...]:
    return tuple(section_prefix(section) for section in SECTIONS)


def _nearest(name: str, known: Iterable[str]) -> str:
    # Without what all have in common, which would make everything alike.
    by_text = {one.removeprefix(PREFIX): one for one in sorted(known)}
    matches = get_close_matches(name.removeprefix(PREFIX), by_text, 1)
    if not matches:
        return f": one of {', '.join(by_text.values())}"
    nearest = by_text[matches[0]]
    return f": do you mean {nearest}{'…' if nearest.endswith('_') else ''}?"
