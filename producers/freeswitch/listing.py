"""Reads the switch's listings: profiles, registrations and channels.

Pure. Formats: cmd_xml_status and show_reg_callback_xml in mod_sofia.c, `show … as json` in
mod_commands.c. The registrations look like XML, but Call-ID and user stand in them unescaped: one
hostile `<` would make an XML parser refuse the whole listing, and entities are another risk. Each
value stands alone on its line, between the switch's own tags, in a fixed order; so lines are
matched, and a value can be nothing but a value.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

PROFILES_COMMAND = "sofia xmlstatus"
# What may stand in an api command: one word, so that no user part can become a second argument.
is_argument = re.compile(r"[A-Za-z0-9_.\-+!~*'()%]{1,128}").fullmatch
# A profile's name stands in its snapshots' ids too.
is_profile = re.compile(r"[A-Za-z0-9_.\-+!~*'()%]{1,64}").fullmatch
_PROFILE_PORT = re.compile(
    r"<type>profile</type>\n<data>sips?:[^<>\n]*?@[^<>\n;]*:([0-9]{1,5})[;<]"
)
_PROFILE = re.compile(
    r"<profile>\n<name>([^\n<]*)</name>\n<type>profile</type>\n[^\n]*\n<state>RUNNING"
)
_ROW_BEGIN, _ROW_END = "    <registration>", "    </registration>"
_FIELD_BEGIN = "        <"
_ROW_FIELDS = ("call-id", "user", "contact", "agent", "status")
_FIELD = re.compile(r" {8}<([a-z\-]+)>(.*)</\1>", re.DOTALL)
_SECONDS_LEFT = re.compile(r"exp\([^()]*\) expsecs\((-?[0-9]{1,10})\)$")
_STATUS = re.compile(r"(Registered\([A-Z0-9.\-]+\))")
_ENTITY = re.compile("&(amp|lt|gt|quot|apos);")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_ENCODED = frozenset({"contact", "agent"})


class ListingUnreadable(ValueError):
    """The answer is no complete listing: do not conclude from it that anything is gone."""


@dataclass(frozen=True, slots=True)
class RegistrationRow:
    """One row of `sofia xmlstatus profile NAME reg`; `user` as user@host."""

    call_id: str
    user: str
    contact: str
    user_agent: str
    status: str
    seconds_left: int | None
    host: str
    network_ip: str
    network_port: str


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that cannot be read: the lines of it, and the field at fault."""

    text: str
    field: str | None


class RowUnreadable(ListingUnreadable):
    """A row cannot be read, and what it holds may not be taken for gone."""

    def __init__(self, row: BrokenRow) -> None:
        super().__init__("a row is unreadable")
        self.row = row


def rows_command(profile: str) -> str:
    """The api command that lists a profile's registrations."""
    return f"{PROFILES_COMMAND} profile {profile} reg"


def user_command(profile: str, user: str, host: str) -> str | None:
    """The api command that lists a user's registrations; None if the name does not fit in one."""
    if not (is_argument(user) and is_argument(host)):
        return None
    return f"{PROFILES_COMMAND} profile {profile} user {user}@{host}"


def read_profiles(answer: str) -> list[str]:
    """Names of the running profiles in `sofia xmlstatus`, each once. Raises ListingUnreadable.

    One that does not fit in a command is left out: nothing is concluded about it.
    """
    expect(answer, "<profiles>", "</profiles>")
    return [name for name in dict.fromkeys(_PROFILE.findall(answer)) if is_profile(name)]


def read_ports(answer: str) -> list[int]:
    """Ports of the profiles in `sofia xmlstatus`. Raises ListingUnreadable."""
    expect(answer, "<profiles>", "</profiles>")
    return sorted({int(port) for port in _PROFILE_PORT.findall(answer)} - {0})


def read_registrations(answer: str) -> list[RegistrationRow | BrokenRow]:
    """Rows of `sofia xmlstatus profile NAME reg` (or `… user USER@HOST`), in order.

    Raises ListingUnreadable when the answer is an error, cut off, or of another format.
    """
    expect(answer, "<profile>", "</profile>")
    rows: list[RegistrationRow | BrokenRow] = []
    block: list[list[str]] | None = None  # fields, each the lines of it
    for line in answer.split("\n"):
        if line == _ROW_BEGIN:
            if block is not None:
                raise ListingUnreadable("a registration begins inside another")
            block = []
        elif line == _ROW_END:
            if block is None:
                raise ListingUnreadable("a registration ends that did not begin")
            rows.append(_row(["\n".join(lines) for lines in block]))
            block = None
        elif block and not line.startswith(_FIELD_BEGIN):
            block[-1].append(line)  # a folded user agent; `<` stands escaped in those
        elif block is not None:
            block.append([line])
    if block is not None:
        raise ListingUnreadable("a registration does not end")
    return rows


def rows_of_node(answer: str, own_name: str | None) -> list[RegistrationRow]:
    """The rows of this node; in a database shared by several the others' are left out.

    `own_name` is its switchname. Raises ListingUnreadable, RowUnreadable.
    """
    rows: list[RegistrationRow] = []
    for row in read_registrations(answer):
        if isinstance(row, BrokenRow):
            raise RowUnreadable(row)
        if not row.host or own_name is None or row.host == own_name:
            rows.append(row)
    return rows


def read_channels(answer: str) -> list[dict[str, str]]:
    """Rows of `show channels as json`. Raises ListingUnreadable."""
    try:
        listing = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise ListingUnreadable(f"not JSON: {answer.strip()[:80]!r}") from error
    rows: Any = listing.get("rows", []) if isinstance(listing, dict) else None
    if (
        not isinstance(rows, list)
        or listing.get("row_count") != len(rows)
        or not all(isinstance(row, dict) for row in rows)
    ):
        raise ListingUnreadable("no complete list of channels")
    return [{name: value for name, value in row.items() if isinstance(value, str)} for row in rows]


def expect(answer: str, first: str, last: str) -> None:
    """The answer is an XML document of these first and last lines. Raises ListingUnreadable."""
    lines = answer.strip().split("\n")
    if len(lines) < 2 or not lines[0].startswith("<?xml") or lines[1] != first or lines[-1] != last:
        raise ListingUnreadable(f"not a listing: {answer.strip()[:80]!r}")


def _row(lines: list[str]) -> RegistrationRow | BrokenRow:
    fields: dict[str, str] = {}
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            return BrokenRow("\n".join(lines), None)
        name, value = match.groups()
        fields.setdefault(name, _decode(value) if name in _ENCODED else value)
    for name in _ROW_FIELDS:
        if name not in fields:
            return BrokenRow("\n".join(lines), name)
    seconds_left = _SECONDS_LEFT.search(fields["status"])
    status = _STATUS.match(fields["status"])
    return RegistrationRow(
        call_id=fields["call-id"],
        user=fields["user"],
        contact=fields["contact"],
        user_agent=fields["agent"],
        status=status[1] if status else "",
        seconds_left=int(seconds_left[1]) if seconds_left else None,
        host=fields.get("host", ""),
        network_ip=fields.get("network-ip", ""),
        network_port=fields.get("network-port", ""),
    )


def _decode(text: str) -> str:
    return _ENTITY.sub(lambda match: _ENTITIES[match[1]], text)
