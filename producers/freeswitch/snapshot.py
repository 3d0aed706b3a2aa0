"""Listings → snapshot records: began, a row for everything listed, ended.

Pure. All records of a snapshot have the position (seq, at) of its beginning.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from producers.freeswitch import calls, contact, verto
from producers.freeswitch.callers import presence_user
from producers.freeswitch.context import LegIdentity
from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.listing import RegistrationRow
from producers.freeswitch.matching import Mode
from producers.freeswitch.verto_listing import Client
from producers.translated import Translated
from schemas.call import CallEvent
from schemas.codec import InvalidRecord, build
from schemas.registration import RegistrationEvent
from schemas.sip_uri import MalformedUri, stored_aor
from schemas.topics import CALLS, REGISTRATIONS
from schemas.vocabulary import CallKind, CallState, Direction, RegistrationKind, Source

# switch_types.h, CCS_*: the column `callstate` of `show channels`.
_STATES = {
    "DOWN": CallState.TRYING,
    "DIALING": CallState.TRYING,
    "RINGING": CallState.RINGING,
    "RING_WAIT": CallState.RINGING,
    "EARLY": CallState.EARLY,
    "ACTIVE": CallState.ANSWERED,
    "UNHELD": CallState.ANSWERED,
    "HELD": CallState.HELD,
}


_EXPIRED_MAX = 86_400  # seconds that a row may be listed after its expiry


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One listing's identity and position. `aor` is set when it is of one user only.

    `mode`: the `multiple-registrations` of its registrar.
    """

    id: str
    node: str
    boot: str
    seq: int
    at: datetime
    aor: str | None = None
    registrar: str | None = None
    mode: Mode = "ask"

    def of_registrar(self, what: str, registrar: str, mode: Mode) -> "Snapshot":
        """The part of this listing that is of one registrar, at the same position."""
        snapshot_id = f"{self.node}/{self.boot}/{what}/{self.at.timestamp():.6f}"
        return replace(self, id=snapshot_id, registrar=registrar, mode=mode)

    def origin(self, suffix: str) -> dict[str, Any]:
        return {
            "id": f"{self.id}/{suffix}",
            "source": Source.FREESWITCH,
            "node": self.node,
            "boot": self.boot,
            "seq": self.seq,
            "at": self.at,
            "snapshot": self.id,
        }


def registration_mark(
    snapshot: Snapshot, kind: RegistrationKind, remaining: list[str] | None = None
) -> Translated:
    """Its beginning or end: under the user's key, or the node's when it is of everyone.

    `remaining`: identities of all the user's bindings that were listed, at the end of a listing
    that is in step with the events before it.
    """
    event = build(
        RegistrationEvent,
        **snapshot.origin(kind.value),
        kind=kind,
        aor=snapshot.aor,
        registrar=snapshot.registrar,
        remaining=remaining,
        table_at=snapshot.at if remaining is not None else None,
    )
    return Translated(REGISTRATIONS, snapshot.aor or snapshot.node, event)


def registration_row(snapshot: Snapshot, row: RegistrationRow, index: int) -> Translated:
    """One binding listed. Raises InvalidRecord."""
    as_event = SwitchEvent(
        {
            "call-id": row.call_id,
            "contact": row.contact,
            "user-agent": row.user_agent,
            "network-ip": row.network_ip,
            "network-port": row.network_port,
        }
    )
    aor = _aor(row.user, "user")
    call_id = as_event.identifier("call-id", 1024)
    text = contact.text_of(as_event)
    read = contact.read(text, row.status, mode=snapshot.mode)
    left = row.seconds_left
    if left is not None and left < -_EXPIRED_MAX:
        left = None  # an Expires beyond what the switch counts in (atoi in mod_sofia.c)
    event = build(
        RegistrationEvent,
        **snapshot.origin(str(index)),
        kind=RegistrationKind.SNAPSHOT_ROW,
        aor=aor,
        **read.fields(),
        call_id=call_id,
        # The listing's seconds hold the switch's own margin already (sofia_reg.c).
        expires_at=snapshot.at + timedelta(seconds=left) if left is not None else None,
        remote=as_event.address(),
        registrar=snapshot.registrar,
        user_agent=as_event.text("user-agent"),
    )
    return Translated(REGISTRATIONS, aor, event)


def verto_row(snapshot: Snapshot, client: Client, index: int, session_id: str | None) -> Translated:
    """One Verto client listed; its login's session id where that is known. Raises InvalidRecord."""
    aor = _aor(client.name, "name")
    event = build(
        RegistrationEvent,
        **snapshot.origin(f"verto-{index}"),
        kind=RegistrationKind.SNAPSHOT_ROW,
        aor=aor,
        **verto.binding_fields(client.connection, client.name, client.transport),
        call_id=session_id,
    )
    return Translated(REGISTRATIONS, aor, event)


def _aor(user_at_host: str, field: str) -> str:
    try:
        return stored_aor(user_at_host)
    except MalformedUri as error:
        raise InvalidRecord(field, str(error)) from error


def call_mark(snapshot: Snapshot, kind: CallKind) -> Translated:
    event = build(CallEvent, **snapshot.origin(f"calls-{kind.value}"), kind=kind)
    return Translated(CALLS, snapshot.node, event)


def call_row(
    snapshot: Snapshot, row: dict[str, str], known: LegIdentity | None
) -> tuple[Translated, LegIdentity] | None:
    """One leg listed, with its user and call; None when it is ending. Raises InvalidRecord.

    `known` is what the leg's own events show: better than the listing, whose call id changes.
    """
    as_event = SwitchEvent(dict(row))
    state = _STATES.get(row.get("callstate", ""))
    if state is None:
        return None
    leg = as_event.required("uuid")
    identity = known or _identify(as_event, leg)
    event = build(
        CallEvent,
        **snapshot.origin(f"leg-{leg}"),
        kind=CallKind.SNAPSHOT_ROW,
        aor=identity.aor,
        leg=leg,
        call=identity.call,
        direction=identity.direction,
        peer=identity.peer,
        state=state,
    )
    return Translated(CALLS, identity.aor or leg, event), identity


def _identify(row: SwitchEvent, leg: str) -> LegIdentity:
    direction = calls.DIRECTIONS.get(row.text("direction") or "")
    incoming = direction is Direction.INCOMING
    user = None
    # mod_sofia puts a caller's From into presence_id (manage-presence): it is no evidence.
    if incoming and calls.is_endpoint(row.text("name") or ""):
        user = presence_user(row.identifier("presence_id", 1024))
    return LegIdentity(
        aor=user,
        call=row.identifier("call_uuid") or leg,
        direction=direction,
        peer=row.text("cid_num" if incoming else "dest"),
    )
