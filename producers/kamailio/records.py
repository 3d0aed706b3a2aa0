"""Records of registration events: their shared fields, and where the REGISTER came from. Pure."""

from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote

from producers.event_fields import IDENTIFIER_MAX
from producers.kamailio.context import Context
from producers.kamailio.event import time_of
from producers.receive_times import Received
from producers.sip_proxy import contact
from producers.sip_proxy.event import ServerEvent
from producers.translated import Translated
from schemas.codec import InvalidRecord, build
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import Transport


def registration(
    event: ServerEvent,
    context: Context,
    received: Received,
    aor: str,
    registrar: str,
    records: Iterable[dict[str, Any]],
) -> list[Translated]:
    """The records of one event, each with its own id at the event's place. Raises InvalidRecord.

    Their time is that at which the script read the table (`read`): by the time of the report (`t`)
    another REGISTER may have changed it.
    """
    at = time_of(event, received.at, "read" if event.raw("read") is not None else "t")
    place = Received(at, received.seq)
    return [
        Translated(
            REGISTRATIONS,
            aor,
            build(
                RegistrationEvent,
                **context.origin(place, f"/{number}" if number else ""),
                aor=aor,
                registrar=registrar,
                **fields,
            ),
        )
        for number, fields in enumerate(records)
    ]


def peer(event: ServerEvent, name: str) -> tuple[Transport, Address]:
    """The peer in `tcp:192.0.2.7:40642` ($proto:$si:$sp). Raises InvalidRecord."""
    proto, _, rest = event.required(name, IDENTIFIER_MAX).partition(":")
    ip, _, port = rest.rpartition(":")
    if proto.lower() not in set(Transport):
        raise InvalidRecord(name, "not a SIP transport")
    if not port.isascii() or not port.isdecimal():
        raise InvalidRecord(name, "not a port")
    return Transport(proto.lower()), contact.address(ip, int(port[:6]), name)


class Subject(NamedTuple):
    """The user of an event: `name` in usrloc's table, and the canonical `aor`."""

    name: str
    aor: str


def subject(event: ServerEvent, context: Context) -> Subject:
    """`aor`, or `user` of scripts with use_domain=0. Raises InvalidRecord."""
    field = "aor" if "aor" in event.parameters else "user"
    name = event.required(field)
    return Subject(_stored_name(name), context.users.registered(name, field))


def _stored_name(name: str) -> str:
    """As usrloc stores it: escapes decoded, the domain in lower case (registrar's extract_aor()).

    ul.lookup finds that spelling only, except for the case of the user part.
    """
    user, at, domain = name.rpartition("@")
    return f"{unquote(user)}@{domain.lower()}" if at else unquote(domain)
