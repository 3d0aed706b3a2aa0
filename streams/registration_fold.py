"""Session fold, registrations: (session, event) -> session, by the fences of RFC 3261 §10.3.

Pure: no Kafka, clock or socket. The session given is consumed; use it only as changed here.
"""

from datetime import timedelta

from schemas.connection import connection_id
from schemas.vocabulary import Cause, RegistrationKind, Transport
from streams.ordering import LISTING_LAG, bound, is_newer
from streams.state import Binding, ConnectionOwner, EndedBinding, Event, RegistrationEvent, Session
from streams.verdict import Change, Verdict, ignored

# How often a lasting connection's owner is announced again, so that its table may forget others.
OWNER_RENEWAL = timedelta(hours=6)
# An expiry this much before the one we know was brought forward by the registrar (failed pings).
EXPIRY_TOLERANCE = timedelta(seconds=5)
# Causes after which a registrar's listing is not believed: its connection is known to be gone.
_CONNECTION_ENDS = frozenset(
    {Cause.CONNECTION_CLOSED, Cause.CONNECTION_RESET, Cause.CONNECTION_TIMED_OUT}
)


def binding_key(node: str, identity: str) -> str:
    """The key of a binding in its user's session."""
    return f"{node}|{identity}"


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
    if grave is not None and not is_newer(event, grave.boot, grave.seq, grave.at):
        return ignored("older-than-end")
    session.ended.pop(key, None)
    return _confirm(session, key, old, event, Cause.REGISTERED)


def _row(session: Session, event: RegistrationEvent) -> Verdict:
    """A snapshot row: it adds and confirms, but never revives what is known to have ended."""
    if event.binding is None or event.contact is None:
        return ignored("no-binding-named")
    key = binding_key(event.node, event.binding)
    old = session.bindings.get(key)
    if old is not None:
        if event.boot == old.boot and old.seq > event.seq:
            old.snapshot = event.snapshot
            return Verdict(changed=True)
        return _confirm(session, key, old, event, Cause.FOUND_IN_SNAPSHOT)
    grave = session.ended.get(key)
    if grave is not None and not _may_revive(grave, event):
        return ignored("listed-but-ended")
    session.ended.pop(key, None)
    return _confirm(session, key, None, event, Cause.FOUND_IN_SNAPSHOT)


def _may_revive(grave: EndedBinding, row: RegistrationEvent) -> bool:
    if grave.cause is Cause.NODE_LOST:
        return True
    if grave.cause in _CONNECTION_ENDS and not grave.inferred:
        return False
    if grave.boot == row.boot and grave.seq > row.seq:
        return False
    return grave.at + LISTING_LAG < row.at


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
        user_agent=event.user_agent,
        since=old.since if old else event.at,
        confirmed_at=event.at,
        seq=event.seq,
        expires_at=event.expires_at,
        event=event.id,
        opened_by=old.opened_by if old else event.id,
        snapshot=event.snapshot,
        owned_at=old.owned_at if old else None,
    )
    if event.kind is RegistrationKind.SNAPSHOT_ROW and old is not None:
        # A listing proves neither that the client answers nor that its connection is another.
        new.ping_lost, new.ping_seq = old.ping_lost, old.ping_seq
        if new.cookie is None and new.remote == old.remote:
            new.cookie = old.cookie
    session.bindings[key] = new
    verdict = Verdict(changed=True, owner=_announce(session.aor, key, old, new, event))
    if old is None or old.ping_lost != new.ping_lost or _shows_differently(old, new):
        verdict.change = Change(cause, event.at, [event.id])
    return verdict


def _shows_differently(old: Binding, new: Binding) -> bool:
    return (
        old.contact != new.contact
        or old.remote != new.remote
        or old.transport is not new.transport
        or old.registrar != new.registrar
        or old.user_agent != new.user_agent
    )


def _announce(
    aor: str, key: str, old: Binding | None, new: Binding, event: Event
) -> ConnectionOwner | None:
    """The owner to announce, when the binding hangs on a connection not announced lately."""
    if new.remote is None or new.transport is Transport.UDP:
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
        aor=aor,
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
        if grave is not None and grave.cause in _CONNECTION_ENDS and not grave.inferred:
            # Keep the stronger cause, but no register older than this event may come back.
            grave.boot, grave.seq, grave.at = event.boot, event.seq, event.at
            return Verdict(changed=True)
        bury(session, key, event, cause)
        return Verdict(changed=True)
    if not is_newer(event, binding.boot, binding.seq, binding.confirmed_at):
        return ignored("older-than-binding")
    return end_binding(session, key, event, cause)


def end_binding(
    session: Session, key: str, event: Event, cause: Cause, *, inferred: bool = False
) -> Verdict:
    """Remove the binding, leave a tombstone; it shows unless the binding was unreachable."""
    binding = session.bindings.pop(key)
    bury(session, key, event, cause, call_id=binding.call_id, inferred=inferred)
    verdict = Verdict(changed=True)
    if not binding.ping_lost:
        verdict.change = Change(cause, event.at, [event.id, binding.event])
    return verdict


def bury(
    session: Session,
    key: str,
    event: Event,
    cause: Cause,
    *,
    call_id: str | None = None,
    inferred: bool = False,
) -> None:
    """Leave a tombstone at the event's place in its node's history."""
    session.ended.pop(key, None)  # to the end: the order of insertion is the order of age
    session.ended[key] = EndedBinding(
        node=event.node,
        boot=event.boot,
        seq=event.seq,
        at=event.at,
        cause=cause,
        event=event.id,
        call_id=call_id,
        inferred=inferred,
    )
    bound(session.ended)


def _connection_lost(session: Session, event: RegistrationEvent) -> Verdict:
    """The registrar says a connection of this AOR and Call-ID closed, but not which.

    FreeSWITCH (sofia_reg.c, reason=socket-disconnection) also says it when the client has
    registered over another connection since. Where the kernel watches (a cookie on the binding)
    only the kernel is believed. Else the oldest such binding ended: inferred, and the producer's
    targeted snapshot settles it.
    """
    if any(grave.event == event.id for grave in session.ended.values()):
        return ignored("already-applied")
    candidates = [
        (key, binding)
        for key, binding in session.bindings.items()
        if binding.node == event.node
        and binding.call_id == event.call_id
        and binding.transport is not Transport.UDP
        and is_newer(event, binding.boot, binding.seq, binding.confirmed_at)
    ]
    if any(binding.cookie is not None for _, binding in candidates):
        return ignored("kernel-tells")
    if _already_told(session, event):
        return Verdict(changed=True, fence="connection-already-told")
    if not candidates:
        return ignored("no-such-binding")
    key, _ = min(candidates, key=lambda item: (item[1].since, item[1].seq))
    return end_binding(session, key, event, Cause.CONNECTION_CLOSED, inferred=True)


def _already_told(session: Session, event: RegistrationEvent) -> bool:
    """Whether a connection's end already took a binding of this Call-ID; if so, claim it."""
    for grave in session.ended.values():
        if (
            grave.node == event.node
            and grave.call_id == event.call_id
            and grave.cause in _CONNECTION_ENDS
            and not grave.inferred
        ):
            grave.call_id = None
            grave.event = event.id
            return True
    return False


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
    RegistrationKind.CONNECTION_LOST: _connection_lost,
    RegistrationKind.PING_LOST: _ping,
    RegistrationKind.PING_RESTORED: _ping,
    RegistrationKind.SNAPSHOT_ROW: _row,
}
