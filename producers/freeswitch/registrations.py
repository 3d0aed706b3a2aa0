"""sofia::register, unregister, expire, register_failure and sip_user_state → registrations.

Pure. Where each event is made: mod_sofia's sofia_reg.c. `from-user` there is the To header's user,
the AOR; only register_failure calls the same thing `to-user`.
"""

import re
from datetime import timedelta
from typing import Any

from producers.event_fields import TEXT_MAX
from producers.freeswitch import contact, matching
from producers.freeswitch.context import Context
from producers.freeswitch.event import EPOCH, SwitchEvent
from producers.freeswitch.rows import Row
from producers.translated import Translated
from schemas.codec import InvalidRecord, build
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind as Kind

EXPIRES_MAX = 2**32 - 1  # RFC 3261 §20.19
_is_seconds = re.compile(r"-?[0-9]{1,20}").fullmatch
_PING_KINDS = {"UNREACHABLE": Kind.PING_LOST, "REACHABLE": Kind.PING_RESTORED}


def translate_register(event: SwitchEvent, context: Context) -> list[Translated]:
    """A binding made or refreshed (`update-reg`)."""
    refreshed = event.text("update-reg") == "true"
    expires = _seconds(event)
    is_wildcard = contact.is_wildcard(contact.text_of(event))
    mode = matching.mode_of_register(event, context.mode_of(event.identifier("profile-name")))
    expires_at = None
    if abs(expires) <= EXPIRES_MAX:
        expires_at = event.at + timedelta(seconds=expires) + context.expiry_margin
    same_expiry = mode == "call-id" and context.known_rows.has_same_expiry(
        event.aor("from-user", "from-host"), event.identifier("call-id", TEXT_MAX), expires_at
    )
    if is_wildcard:  # without `Expires: 0` it makes a row that reaches no client
        replaced = matching.replaced_by_register(mode, None, same_expiry=same_expiry)
        return _about(event, context, Kind.WILDCARD, **replaced, **_peer(event))
    binding = _binding(event, "contact", context)
    return _about(
        event,
        context,
        Kind.REFRESHED if refreshed else Kind.REGISTERED,
        **binding,
        **matching.replaced_by_register(mode, binding["binding"], same_expiry=same_expiry),
        expires_at=expires_at,
        **_peer(event),
    )


def _seconds(event: SwitchEvent) -> int:
    """The granted expiry as mod_sofia counts it: with a sign, and without an upper bound."""
    match = _is_seconds(event.required("expires"))
    if match is None or int(match[0]) == 0:
        raise InvalidRecord("expires", "not a number of seconds")
    return int(match[0])


def translate_unregister(event: SwitchEvent, context: Context) -> list[Translated]:
    """The client's own unregister, `Contact: *`, or the switch's report of a closed connection."""
    mode = context.mode_of(event.identifier("profile-name"))
    stored = event.raw("contact")
    reason = event.text("reason")
    if stored is None:
        if reason != "socket-disconnection":
            raise InvalidRecord("contact", "missing")
        return _about(event, context, Kind.CONNECTION_LOST, reason=reason)
    ended = matching.ended_by_unregister(mode)
    if contact.is_wildcard(stored):
        return _about(event, context, Kind.WILDCARD, **ended, **_peer(event))
    binding = _binding(event, "contact", context)
    return _about(event, context, Kind.UNREGISTERED, **binding, **ended, **_peer(event))


def translate_expire(event: SwitchEvent, context: Context) -> list[Translated]:
    """A binding that the switch dropped: expired, flushed by hand, or without answers to pings."""
    due = event.required_number("expires")
    return _about(
        event,
        context,
        Kind.EXPIRED,
        user="user",
        host="host",
        **_binding(event, "contact", context, "user", "host"),
        expired_due=EPOCH + timedelta(seconds=due) if due <= EXPIRES_MAX else None,
        **_peer(event),
    )


def translate_failure(event: SwitchEvent, context: Context) -> list[Translated]:
    """A REGISTER refused for good (403); the same event of an INVITE is left out."""
    if event.text("registration-type") == "INVITE":
        return []
    return _about(
        event,
        context,
        Kind.REFUSED,
        user="to-user",
        host="to-host",
        status_code=403,
        **_peer(event),
    )


def translate_ping(event: SwitchEvent, context: Context) -> list[Translated]:
    """A contact stopped or resumed answering the switch's OPTIONS."""
    state = event.required("Ping-Status")
    kind = _PING_KINDS.get(state)
    if kind is None:
        raise InvalidRecord("Ping-Status", "neither REACHABLE nor UNREACHABLE")
    status = event.number("Status")
    return _about(
        event,
        context,
        kind,
        **_binding(event, "sip_contact", context),
        reason=event.text("Phrase"),
        status_code=status if status and 100 <= status <= 699 else None,
    )


def _binding(
    event: SwitchEvent,
    header: str,
    context: Context,
    user: str = "from-user",
    host: str = "from-host",
) -> dict[str, Any]:
    text, profile = contact.text_of(event, header), event.identifier("profile-name")
    mode = context.mode_of(profile)
    fields = contact.read(text, event.text("status"), header, mode=mode).fields()
    row = Row(profile or "", text, event.identifier("call-id", TEXT_MAX))
    inserted = event.name == "sofia::register" and event.text("update-reg") != "true"
    fields["binding"] = context.known_rows.identity_of(
        event.aor(user, host), row, fields["binding"], inserted=inserted
    )
    return fields


def _peer(event: SwitchEvent) -> dict[str, Any]:
    return {"remote": event.address(), "user_agent": event.text("user-agent")}


def _about(
    event: SwitchEvent,
    context: Context,
    kind: Kind,
    *,
    user: str = "from-user",
    host: str = "from-host",
    **fields: Any,
) -> list[Translated]:
    aor = event.aor(user, host)
    record = build(
        RegistrationEvent,
        **context.origin(event),
        kind=kind,
        aor=aor,
        call_id=event.identifier("call-id", TEXT_MAX),
        registrar=event.identifier("profile-name"),
        **fields,
    )
    return [Translated(REGISTRATIONS, aor, record)]
