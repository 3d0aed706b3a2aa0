"""verto::login and verto::client_disconnect → registrations: clients that never REGISTER.

Pure but for the context's memory of sessions. Where each event is made: mod_verto.c. A client is
reachable while its WebSocket connection stands; the connection (profile and client address) is the
binding's identity, for the events and the listing have nothing else in common.
"""

import re
from typing import Any

from producers.event_fields import TEXT_MAX
from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent, canonical_ip
from producers.freeswitch.verto_clients import Connection, Session
from producers.translated import Translated
from schemas.codec import InvalidRecord, build
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.sip_uri import MalformedUri, stored_aor
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import ContactForm, Transport
from schemas.vocabulary import RegistrationKind as Kind

# Sofia and Verto profiles may have one name.
_REGISTRAR = "verto/"
_ADDRESS = re.compile(r"\[?([0-9A-Fa-f.:]{2,45})\]?:([0-9]{1,5})").fullmatch


def registrar_of(profile: str) -> str:
    """The registrar that records name for a Verto profile."""
    return f"{_REGISTRAR}{profile}"


def is_verto(event: object) -> bool:
    """Whether a record is about a Verto client."""
    return (
        isinstance(event, RegistrationEvent)
        and event.registrar is not None
        and event.registrar.startswith(_REGISTRAR)
        and event.contact_form is ContactForm.NOT_SIP
    )


def translate_login(event: SwitchEvent, context: Context) -> list[Translated]:
    """A client logged in; no record where that failed, or its domain is not known yet."""
    if event.text("verto_success") != "1":
        return []
    connection = _connection(event)
    login = event.required("verto_login", TEXT_MAX)
    session_id = event.identifier("verto_sessid")
    name = context.verto.name_of(connection.profile, login)
    aor = _aor(name, "verto_login") if name is not None else None
    records = _left(event, context, connection, aor)
    context.verto.remember(connection, Session(aor, login, session_id))
    if aor is None or name is None:
        return records
    record = build(
        RegistrationEvent,
        **context.origin(event),
        kind=Kind.REGISTERED,
        aor=aor,
        **binding_fields(connection, name, context.verto.transports.get(connection.profile)),
        call_id=session_id,
        # A session has one connection: the switch drops the older one (attach_jsock).
        replaces_call_id=session_id is not None,
    )
    return [*records, Translated(REGISTRATIONS, aor, record)]


def translate_disconnect(event: SwitchEvent, context: Context) -> list[Translated]:
    """A client's connection ended; no record where no client had logged in on it."""
    connection = _connection(event)
    name = event.identifier("verto_login", TEXT_MAX)
    aor = _aor(name, "verto_login") if name is not None else None
    records = _left(event, context, connection, aor)
    context.verto.sessions.pop(connection, None)
    if aor is None:
        return records
    return [*records, _lost(event, context, connection, aor)]


def binding_fields(
    connection: Connection, name: str, transport: Transport | None
) -> dict[str, Any]:
    """The fields of a client's binding. Raises InvalidRecord."""
    return {
        "contact": f"verto.rtc/{name}"[:TEXT_MAX],
        "contact_form": ContactForm.NOT_SIP,
        "binding": identity_of(connection),
        "transport": transport or Transport.WSS,  # browsers give microphones to these only
        "remote": _address(connection.address),
        "registrar": registrar_of(connection.profile),
    }


def identity_of(connection: Connection) -> str:
    """The binding's identity on its node."""
    return f"{registrar_of(connection.profile)}/{connection.address}"


def _left(
    event: SwitchEvent, context: Context, connection: Connection, aor: str | None
) -> list[Translated]:
    """The end for another user who was logged in on the connection until now."""
    known = context.verto.sessions.get(connection)
    if known is None or known.aor in (None, aor):
        return []
    del context.verto.sessions[connection]
    return [_lost(event, context, connection, known.aor, suffix="-left")]


def _lost(
    event: SwitchEvent, context: Context, connection: Connection, aor: str, suffix: str = ""
) -> Translated:
    record = build(
        RegistrationEvent,
        **context.origin(event, suffix),
        kind=Kind.CONNECTION_LOST,
        aor=aor,
        contact_form=ContactForm.NOT_SIP,
        binding=identity_of(connection),
        remote=_address(connection.address),
        registrar=registrar_of(connection.profile),
    )
    return Translated(REGISTRATIONS, aor, record)


def _connection(event: SwitchEvent) -> Connection:
    profile = event.required("verto_profile_name", 128)
    return Connection(profile, event.required("verto_client_address", 64))


def _aor(name: str, field: str) -> str:
    try:
        return stored_aor(name)
    except MalformedUri as error:
        raise InvalidRecord(field, str(error)) from error


def _address(text: str) -> Address:
    match = _ADDRESS(text)
    if match is None or int(match[2]) > 65535:
        raise InvalidRecord("verto_client_address", "not an address and port")
    return Address(ip=canonical_ip(match[1], "verto_client_address"), port=int(match[2]))
