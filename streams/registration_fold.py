"""Session fold, registrations: (session, event) -> session, by the fences of RFC 3261 §10.3.

Pure: no Kafka, clock or socket. The session given is consumed; use it only as changed here.
"""

from copy import copy
from datetime import timedelta

from schemas.connection import connection_id
from schemas.vocabulary import Cause, RegistrationKind, Transport
from streams import devices
from streams.connection_lost import fold_connection_lost
from streams.endings import bury, displace, end_binding, is_final, make_room
from streams.ordering import LISTING_LAG, binding_key, is_newer
from streams.state import Binding, ConnectionOwner, EndedBinding, Event, RegistrationEvent, Session
from streams.verdict import Change, Verdict, ignored

# How often a lasting connection's owner is announced again, so that its table may forget others.
OWNER_RENEWAL = timedelta(hours=6)
# An expiry this much before the one we know was brought forward by the registrar (failed pings).
EXPIRY_TOLERANCE = timedelta(seconds=5)


def fold_registration(session: Session, event: RegistrationEvent) -> Verdict:
    """Apply one registration event about this session's AOR."""
    rule = _RULES.get(event.kind)
    return rule(session, event) if rule else ignored("kind-has-no-effect")


def _register(session: Session, event: RegistrationEvent) -> Verdict:
    if event.binding is None or event.contact is None:
        return ignored("no-binding-named")
    key = binding_key(event.node, event.binding)
    old = session.bindings.get(key)
    if old is not None and not is_newer(event, old.boot, old.seq, old.confirmed_at):
        return ignored("older-than-binding")
    grave = session.ended.get(key)
    if grave is not None and not _is_after(event, grave):
        if _is_after_last_word(event, grave):
            return _ended_since(session, key, event)
        return ignored("older-than-end")
    make_room(session, key, event)
    return _confirm(session, key, old, event, Cause.REGISTERED)


def _is_after_last_word(event: RegistrationEvent, grave: EndedBinding) -> bool:
    return grave.last_at is not None and is_newer(
        event, grave.last_boot, grave.last_seq, grave.last_at
    )


def _ended_since(session: Session, key: str, event: RegistrationEvent) -> Verdict:
    """The last word of before the end comes after it: what ended had come from there."""
    before = devices.shown(session)
    old = session.ended[key]
    make_room(session, key, event)  # what ended may have been another device's then
    grave = session.ended[key] = copy(old)
    grave.call_id = event.call_id
    grave.remote, grave.path, grave.cookie = event.remote, event.path, event.cookie
    grave.last_boot, grave.last_seq, grave.last_at = event.boot, event.seq, event.at
    devices.follow(session, grave)
    verdict = Verdict(changed=True, fence="older-than-end")
    if before != devices.shown(session):
        verdict.change = Change(grave.cause, grave.at, [grave.event, event.id])
    return verdict


def _is_after(event: RegistrationEvent, grave: EndedBinding) -> bool:
    """Whether the client registered after the binding's end.

    A kernel and a registrar tell one moment by clocks some milliseconds apart. Over another
    connection than the one that ended, the registrar's own sequence decides.
    """
    if grave.connection_gone and event.cookie is not None:
        if event.cookie == grave.cookie:
            return False  # a kernel gives each connection its own, and that one is gone
        if event.boot == grave.last_boot:
            return event.seq > grave.last_seq
        return event.at >= grave.at
    return is_newer(event, grave.boot, grave.seq, grave.at)


def _row(session: Session, event: RegistrationEvent) -> Verdict:
    """A snapshot row: it adds and confirms, but never revives what is known to have ended."""
    if event.binding is None or event.contact is None:
        return ignored("no-binding-named")
    key = binding_key(event.node, event.binding)
    old = session.bindings.get(key)
    if old is not None:
        if (old.boot, old.seq) == (event.boot, event.seq):
            return ignored("already-listed")
        if _is_older(event, old):
            return ignored("older-than-binding")
        return _confirm(session, key, old, event, Cause.FOUND_IN_SNAPSHOT)
    grave = session.ended.get(key)
    if grave is not None and not _may_revive(grave, event):
        return ignored("listed-but-ended")
    make_room(session, key, event)
    return _confirm(session, key, None, event, Cause.FOUND_IN_SNAPSHOT)


def _is_older(row: RegistrationEvent, known: Binding) -> bool:
    if row.boot == known.boot:
        return row.seq < known.seq
    return row.at < known.confirmed_at


def _may_revive(grave: EndedBinding, row: RegistrationEvent) -> bool:
    if grave.boot == row.boot and grave.seq > row.seq:
        return False
    if grave.last_boot == row.boot and grave.last_seq > row.seq:
        return False  # it had registered after the listing began
    if is_final(grave):
        return _is_elsewhere(row, grave) and grave.at <= row.at
    return grave.cause is Cause.NODE_LOST or grave.at + LISTING_LAG < row.at


def _is_elsewhere(row: RegistrationEvent, grave: EndedBinding) -> bool:
    """Whether the client has registered since over another connection, and only this tells."""
    return row.remote is not None and row.remote != grave.remote


def _confirm(
    session: Session, key: str, old: Binding | None, event: RegistrationEvent, cause: Cause
) -> Verdict:
    new = Binding(
        node=event.node,
        boot=event.boot,
        source=event.source,
        registrar=event.registrar,
        contact=event.contact or "",
        call_id=event.call_id,
        cseq=event.cseq,
        transport=event.transport,
        remote=event.remote,
        cookie=event.cookie,
        path=event.path,
        received=event.received,
        user_agent=event.user_agent,
        since=old.since if old else event.at,
        confirmed_at=event.at,
        seq=event.seq,
        expires_at=event.expires_at,
        event=event.id,
        opened_by=old.opened_by if old else event.id,
        owned_at=old.owned_at if old else None,
    )
    if event.kind is RegistrationKind.SNAPSHOT_ROW and old is not None:
        # A listing proves neither that the client answers nor that its connection is another.
        new.ping_lost, new.ping_seq = old.ping_lost, old.ping_seq
        new.suspect = old.suspect and old.remote == new.remote
        if old.cookie is not None and new.remote == old.remote:
            new.cookie = old.cookie  # by now the kernel may know another's from that port
    if old is not None:
        is_same = (old.remote, old.cookie) == (new.remote, new.cookie)
        new.connected_at = old.connected_at if is_same else new.confirmed_at
    # What is cut off stays so, even when its edge's end is forgotten.
    joined = (old is not None and old.edge_lost) or devices.is_joined(
        session, new.node, new.call_id
    )
    # The same contact under another Call-ID is another device, and the old one's end.
    displaced = old is not None and old.call_id != new.call_id
    if old is not None and displaced:
        joined = (
            joined or devices.may_be_edge(old) or devices.is_joined(session, old.node, old.call_id)
        )
    before = devices.shown(session) if joined else None
    session.bindings[key] = new
    if joined:
        devices.arrive(session, old, new, event)
        if old is not None and displaced:
            displace(session, key, old, event)
            devices.follow(session, old)
        seen = before != devices.shown(session)
    else:
        seen = old is None or _shows_differently(old, new)
    verdict = Verdict(changed=True, owner=_announce(session, key, old, new, event))
    if seen:
        verdict.change = Change(cause, event.at, [event.id])
    return verdict


def _shows_differently(old: Binding, new: Binding) -> bool:
    return (
        devices.is_live(old) != devices.is_live(new)
        or old.suspect != new.suspect
        or old.stale != new.stale
        or old.contact != new.contact
        or old.path != new.path
        or old.received != new.received
        or (old.remote != new.remote and (new.path is None or new.received is None))
        or old.transport is not new.transport
        or old.registrar != new.registrar
        or old.user_agent != new.user_agent
    )


def _announce(
    session: Session, key: str, old: Binding | None, new: Binding, event: Event
) -> ConnectionOwner | None:
    """The owner to announce, when the binding hangs on a connection not announced lately."""
    if new.remote is None or new.transport is Transport.UDP or new.path is not None:
        return None
    if (
        old is not None
        and old.remote == new.remote
        and old.cookie == new.cookie
        and old.owned_at is not None
        and new.confirmed_at - old.owned_at < OWNER_RENEWAL
    ):
        return None
    new.owned_at = new.confirmed_at
    return ConnectionOwner(
        id=event.id,
        source=event.source,
        node=event.node,
        boot=event.boot,
        seq=event.seq,
        at=event.at,
        connection=connection_id(event.node, new.remote),
        aor=session.aor,
        binding=key,
        cookie=new.cookie,
        remote=new.remote,
    )


def _unregister(session: Session, event: RegistrationEvent) -> Verdict:
    if event.binding is None:
        return ignored("no-binding-named")
    return _end_named(session, event, event.binding, Cause.UNREGISTERED)


def _expire(session: Session, event: RegistrationEvent) -> Verdict:
    if event.binding is None:
        return ignored("no-binding-named")
    binding = session.bindings.get(binding_key(event.node, event.binding))
    known = binding.call_id if binding is not None else None
    if known is not None and event.call_id not in (None, known):
        # Of registrars with one database each tells what expires of the others' (sofia_reg.c).
        return ignored("another-registration")
    return _end_named(session, event, event.binding, _expiry_cause(binding, event))


def _expiry_cause(binding: Binding | None, event: RegistrationEvent) -> Cause:
    """Why a registrar dropped a binding it does not give a reason for."""
    due = event.expired_due
    if due is not None and due > event.at + EXPIRY_TOLERANCE:
        return Cause.ADMINISTRATIVE  # dropped long before it was due: flushed
    if binding is not None and binding.ping_lost:
        return Cause.PING_LOST
    known = binding.expires_at if binding else None
    if due is not None and known is not None and due < known - EXPIRY_TOLERANCE:
        return Cause.PING_LOST  # the registrar brought it forward
    return Cause.EXPIRED


def _end_named(session: Session, event: RegistrationEvent, identity: str, cause: Cause) -> Verdict:
    key = binding_key(event.node, identity)
    binding = session.bindings.get(key)
    if binding is None:
        grave = session.ended.get(key)
        if grave is not None and not is_newer(event, grave.boot, grave.seq, grave.at):
            return ignored("already-ended")
        if grave is not None and is_final(grave):
            # Keep the stronger cause, but no register older than this event may come back.
            grave.boot, grave.seq, grave.at = event.boot, event.seq, event.at
            return Verdict(changed=True)
        bury(session, key, event, cause)
        return Verdict(changed=True)
    if not is_newer(event, binding.boot, binding.seq, binding.confirmed_at):
        return ignored("older-than-binding")
    return end_binding(session, key, event, cause)


def _ping(session: Session, event: RegistrationEvent) -> Verdict:
    if event.binding is None:
        return ignored("no-binding-named")
    binding = session.bindings.get(binding_key(event.node, event.binding))
    if binding is None:
        return ignored("no-such-binding")
    lost = event.kind is RegistrationKind.PING_LOST
    if not is_newer(event, binding.boot, max(binding.seq, binding.ping_seq), binding.confirmed_at):
        return ignored("older-than-binding")
    binding.ping_seq = event.seq
    if binding.ping_lost == lost:
        return Verdict(changed=True)
    binding.ping_lost = lost
    cause = Cause.PING_LOST if lost else Cause.PING_RESTORED
    return Verdict(changed=True, change=Change(cause, event.at, [event.id, binding.event]))


_RULES = {
    RegistrationKind.REGISTERED: _register,
    RegistrationKind.REFRESHED: _register,
    RegistrationKind.UNREGISTERED: _unregister,
    RegistrationKind.EXPIRED: _expire,
    RegistrationKind.CONNECTION_LOST: fold_connection_lost,
    RegistrationKind.PING_LOST: _ping,
    RegistrationKind.PING_RESTORED: _ping,
    RegistrationKind.SNAPSHOT_ROW: _row,
}
