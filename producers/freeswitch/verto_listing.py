"""Reads mod_verto's listing: its profiles and the clients connected to them.

Pure. Format: cmd_xml_status in mod_verto.c. It looks like XML but nothing in it is escaped; each
client is five lines between the switch's own tags, in a fixed order. (`verto jsonstatus` escapes,
but leaks memory in the switch for each client.)
"""

import re
from dataclasses import dataclass, field

from producers.freeswitch.listing import ListingUnreadable, expect
from producers.freeswitch.verto_clients import Connection
from schemas.vocabulary import Transport

VERTO_COMMAND = "verto xmlstatus"
IS_LOADED_COMMAND = "module_exists mod_verto"  # answered `true` or `false`
_PROFILE = re.compile(
    r"^<profile>\n<name>([^\n]*)</name>\n<type>profile</type>\n"
    r"<data>(ws|wss):[^\n]*:([0-9]{1,5})</data>\n<state>[A-Z]+</state>\n</profile>$",
    re.MULTILINE,
)
_CLIENT = re.compile(
    r"^<client>\n<profile>([^\n]*)</profile>\n<name>([^\n]*)</name>\n<type>client</type>\n"
    r"<data>([^\n]*)</data>\n<state>(CONN_REG|CONN_NO_REG) \((WSS|WS)\)</state>\n</client>$",
    re.MULTILINE,
)
_CLIENT_BEGINS = re.compile(r"^<client>$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Client:
    """A client that has logged in; `name` as user@host, as mod_verto made it of the login."""

    connection: Connection
    name: str
    transport: Transport


@dataclass(frozen=True, slots=True)
class VertoListing:
    """`transports` of each profile: what it listens for."""

    transports: dict[str, set[Transport]] = field(default_factory=dict)
    ports: set[int] = field(default_factory=set)
    clients: list[Client] = field(default_factory=list)


def read_verto(answer: str) -> VertoListing:
    """The answer to VERTO_COMMAND. Raises ListingUnreadable when it is no complete listing."""
    expect(answer, "<profiles>", "</profiles>")
    listing = VertoListing()
    for name, transport, port in _PROFILE.findall(answer):
        listing.transports.setdefault(name, set()).add(Transport(transport))
        listing.ports.add(int(port))
    clients = _CLIENT.findall(answer)
    if len(clients) != len(_CLIENT_BEGINS.findall(answer)):
        raise ListingUnreadable("a Verto client is unreadable")
    for profile, name, address, state, transport in clients:
        if state == "CONN_REG":
            connection = Connection(profile, address)
            listing.clients.append(Client(connection, name, Transport(transport.lower())))
    return listing
