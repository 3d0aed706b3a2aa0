"""Session fold, registrations: (session, event) -> session, by the fences of RFC 3261 §10.3.

Pure: no Kafka, clock or socket. The session given is consumed; use it only as changed here.
"""

from copy import copy
from datetime import datetime, timedelta

from schemas.vocabulary import Cause, RegistrationKind
from streams.folds import devices, edge_loss, edges
from streams.folds.binding_confirm import confirm, confirmed_already
from streams.folds.binding_end import (
    add_tombstone,
    clear_tombstone,
    end_binding,
    is_final,
    last_seq,
)
from streams.folds.ordering import LISTING_LAG, UNKNOWN_SEQ, binding_key, is_newer
from streams.folds.outcome import Change, FoldResult, merged, rejected
from streams.folds.registrar_disconnect import fold_connection_lost
from streams.folds.replaced_bindings import end_replaced
from streams.folds.visible_change import changed_from
from streams.models import (
    Binding,
    EndedBinding,
    PresenceBinding,
    RegistrationEvent,
    Session,
)

# An expiry this much before the one we know was brought forward by the registrar (failed pings).
EXPIRY_TOLERANCE = timedelta(seconds=5)
NO_LAG = timedelta(0)


def fold_registration(session: Session, event: RegistrationEvent) -> FoldResult:
    """Apply one registration event about this session's AOR."""
    rule = _RULES.get(event.kind)
    result = rule(session, event) if rule else rejected("kind-has-no-effect")
    if event.remaining is None and not event.replaces_call_id:
        return result
    return merged((result, end_replaced(session, event)))


def _register(session: Session, event: RegistrationEvent) -> FoldResult:
    if event.binding is None or event.contact is None:
        return rejected("no-binding-named")
    key = binding_key(event.node, event.binding)
    old = session.bindings.get(key)
    if old is not None and not is_newer(event, old.boot, old.seq, old.confirmed_at):
        return confirmed_already(session, key, old, event, rejected("older-than-binding"))
    tombstone = session.ended.get(key)
    if tombstone is not None and not _is_after(event, tombstone):
        if _is_after_last_word(event, tombstone):
            return _ended_since(session, key, event)
        return rejected("older-than-end")
    clear_tombstone(session, key, event)
    return confirm(session, key, old, event, Cause.REGISTERED)


def _is_after_last_word(event: RegistrationEvent, tombstone: EndedBinding) -> bool:
    return tombstone.last_at is not None and is_newer(
        event, tombstone.last_boot, tombstone.last_seq, tombstone.last_at
    )


def _ended_since(session: Session, key: str, event: RegistrationEvent) -> FoldResult:
    """The last word of before the end comes after it: what ended had come from there."""
    before = devices.shown(session)
    tombstone = _now_about(session, key, event)
    tombstone.last_boot, tombstone.last_seq, tombstone.last_at = event.boot, event.seq, event.at
    return _retold(session, before, tombstone, event, "older-than-end")


def _now_about(session: Session, key: str, event: RegistrationEvent) -> EndedBinding:
    """Let the tombstone be about the registration that the event shows: that one had ended."""
    old = session.ended[key]
    clear_tombstone(session, key, event)  # what ended may have been another device's then
    tombstone = session.ended[key] = copy(old)
    tombstone.call_id = event.call_id
    tombstone.remote, tombstone.path, tombstone.cookie = event.remote, event.path, event.cookie
    if tombstone.expires_at is not None:
        tombstone.expires_at = event.expires_at
    return tombstone


def _retold(
    session: Session,
    before: list[PresenceBinding],
    tombstone: EndedBinding,
    event: RegistrationEvent,
    fence: str,
) -> FoldResult:
    edge_loss.recheck_behind(session, tombstone)
    change = Change(tombstone.cause, tombstone.at, [tombstone.event, event.id])
    result = changed_from(before, session, change)
    result.fence = fence
    return result


def _is_after(event: RegistrationEvent, tombstone: EndedBinding) -> bool:
    """Whether the client registered after the binding's end.

    A kernel and a registrar tell one moment by clocks some milliseconds apart. Over another
    connection than the one that ended, the registrar's own sequence decides.
    """
    if tombstone.connection_gone and event.cookie is not None:
        if event.cookie == tombstone.cookie:
            return False  # a kernel gives each connection its own, and that one is gone
        if event.boot == tombstone.last_boot:
            return event.seq > tombstone.last_seq
        return event.at >= tombstone.at
    return is_newer(event, tombstone.boot, tombstone.seq, tombstone.at)


def _row(session: Session, event: RegistrationEvent) -> FoldResult:
    """A snapshot row: it adds and confirms, but never revives what is known to have ended."""
    if event.binding is None or event.contact is None:
        return rejected("no-binding-named")
    key = binding_key(event.node, event.binding)
    old = session.bindings.get(key)
    if old is not None:
        if (old.boot, old.confirmed_at) == (event.boot, event.at):  # by this very listing
            return confirmed_already(session, key, old, event, rejected("already-listed"))
        if _is_older(event, old):
            return rejected("older-than-binding")
        if _is_left_behind(old, event, event.expires_at):
            return rejected("another-registrars-row")
        return confirm(session, key, old, event, Cause.FOUND_IN_SNAPSHOT)
    tombstone = session.ended.get(key)
    if event.connection_gone:
        return _listed_dead(session, key, event, tombstone)
    if tombstone is not None and not _may_revive(tombstone, event):
        return rejected("listed-but-ended")
    clear_tombstone(session, key, event)
    result = confirm(session, key, None, event, Cause.FOUND_IN_SNAPSHOT)
    found = session.bindings[key]
    found.seq = max(found.seq, last_seq(tombstone, event.boot))  # where the row's own is not known
    return result


def _listed_dead(
    session: Session, key: str, row: RegistrationEvent, tombstone: EndedBinding | None
) -> FoldResult:
    """Listed, and its connection is gone: what the registrar lists is remembered as ended.

    Also where an earlier registration is, and of this one no REGISTER was read: the registrar lists
    it until it expires, and its address may be another client's by then.
    """
    if tombstone is not None:
        if not (_is_after_last_word(row, tombstone) and _is_later(row, tombstone)):
            return rejected("listed-but-gone")
        before = devices.shown(session)
        tombstone = _now_about(session, key, row)
        tombstone.connection_gone = True
        return _retold(session, before, tombstone, row, "listed-but-gone")
    add_tombstone(session, key, row, Cause.CONNECTION_CLOSED)
    tombstone = session.ended[key]
    tombstone.call_id, tombstone.remote, tombstone.path = row.call_id, row.remote, row.path
    tombstone.source, tombstone.registrar, tombstone.connection_gone = (
        row.source,
        row.registrar,
        True,
    )
    tombstone.last_boot, tombstone.last_seq, tombstone.last_at = row.boot, row.seq, row.at
    tombstone.expires_at = row.expires_at
    return FoldResult(changed=True, fence="listed-but-gone")


def _is_later(row: RegistrationEvent, tombstone: EndedBinding) -> bool:
    """Whether it is of another REGISTER than the one whose end is remembered."""
    return _is_elsewhere(row, tombstone) or _is_another_register(row, tombstone)


def _is_older(row: RegistrationEvent, known: Binding) -> bool:
    """Whether the listing began before that. One of the same sequence came after the event."""
    if row.boot == known.boot:
        return _precedes(row, known.boot, known.seq, known.confirmed_at)
    return row.at < known.confirmed_at


def _precedes(row: RegistrationEvent, boot: str | None, seq: int, at: datetime | None) -> bool:
    """Whether the listing began before this word of the same process."""
    if row.boot != boot or at is None:
        return False
    return row.seq < seq if row.seq != UNKNOWN_SEQ else row.at < at


def _may_revive(tombstone: EndedBinding, row: RegistrationEvent) -> bool:
    if _precedes(row, tombstone.boot, tombstone.seq, tombstone.at):
        return False
    if _precedes(row, tombstone.last_boot, tombstone.last_seq, tombstone.last_at):
        return False  # it had registered after the listing began
    if is_final(tombstone):
        return tombstone.at <= row.at and (
            _is_elsewhere(row, tombstone) or _is_back(row, tombstone)
        )
    if edges.survived_restart(tombstone, row.cookie):
        return tombstone.at <= row.at
    if _is_of_before(row, tombstone):
        return False
    # Of a node that ended the next process may have it in its database, and lists it at once.
    lag = NO_LAG if tombstone.cause is Cause.NODE_LOST else LISTING_LAG
    return tombstone.at + lag < row.at


def _is_of_before(row: RegistrationEvent, tombstone: EndedBinding) -> bool:
    """Whether it is the registration whose connection ended with the process before.

    A REGISTER since would have moved its expiry, by more than a listing may be late (whose seconds
    left are counted when a busy server answers). That a client is connected from there again proves
    nothing: it may be another one, on the same port.
    """
    return (
        row.boot != tombstone.last_boot
        and row.expires_at is not None
        and tombstone.expires_at is not None
        and abs(row.expires_at - tombstone.expires_at) < EXPIRY_TOLERANCE
    )


def _is_back(row: RegistrationEvent, tombstone: EndedBinding) -> bool:
    """Whether the client has registered since from the same port, which only the listing shows.

    The kernel has another connection from there, and the row is of another REGISTER: that alone may
    be another client's, this alone of before.
    """
    if row.cookie is None or row.cookie == tombstone.cookie:
        return False
    return _is_another_register(row, tombstone)


def _is_another_register(row: RegistrationEvent, tombstone: EndedBinding) -> bool:
    if None not in (row.call_id, tombstone.call_id) and row.call_id != tombstone.call_id:
        return True
    return (
        row.expires_at is not None
        and tombstone.expires_at is not None
        and tombstone.expires_at + EXPIRY_TOLERANCE <= row.expires_at
    )


def _is_elsewhere(row: RegistrationEvent, tombstone: EndedBinding) -> bool:
    """Whether the client has registered since over another connection, and only this tells."""
    return row.remote is not None and row.remote != tombstone.remote


def _unregister(session: Session, event: RegistrationEvent) -> FoldResult:
    if event.binding is None:
        return rejected("no-binding-named")
    return _end_named(session, event, event.binding, Cause.UNREGISTERED)


def _expire(session: Session, event: RegistrationEvent) -> FoldResult:
    if event.binding is None:
        return rejected("no-binding-named")
    binding = session.bindings.get(binding_key(event.node, event.binding))
    known = binding.call_id if binding is not None else None
    if known is not None and event.call_id not in (None, known):
        # Of registrars with one database each tells what expires of the others' (sofia_reg.c).
        return rejected("another-registration")
    if binding is not None and _is_renewed_since(binding, event):
        return rejected("another-registration")
    if binding is not None and _is_left_behind(binding, event, event.expired_due):
        return rejected("another-registrars-row")
    return _end_named(session, event, event.binding, _expiry_cause(binding, event))


def _is_renewed_since(binding: Binding, event: RegistrationEvent) -> bool:
    """Whether what expired is an earlier REGISTER's row of the same Call-ID (RFC 3261 §10.3)."""
    return (
        event.call_id is not None
        and event.cseq is not None
        and binding.cseq is not None
        and event.cseq < binding.cseq
    )


def _is_left_behind(binding: Binding, event: RegistrationEvent, due: datetime | None) -> bool:
    """Whether the event is about an older row of the binding, left at a registrar of its own.

    A client that moves to another profile or table leaves its row there until it expires.
    """
    return (
        event.registrar is not None
        and binding.registrar not in (None, event.registrar)
        and due is not None
        and binding.expires_at is not None
        and due + EXPIRY_TOLERANCE < binding.expires_at
    )


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


def _end_named(
    session: Session, event: RegistrationEvent, identity: str, cause: Cause
) -> FoldResult:
    key = binding_key(event.node, identity)
    binding = session.bindings.get(key)
    if binding is None:
        tombstone = session.ended.get(key)
        if tombstone is not None and not is_newer(
            event, tombstone.boot, tombstone.seq, tombstone.at
        ):
            return rejected("already-ended")
        if tombstone is not None and is_final(tombstone):
            # Keep the stronger cause, but no register older than this event may come back.
            tombstone.boot, tombstone.seq, tombstone.at = event.boot, event.seq, event.at
            return FoldResult(changed=True)
        add_tombstone(session, key, event, cause)
        return FoldResult(changed=True)
    if not is_newer(event, binding.boot, binding.seq, binding.confirmed_at):
        return rejected("older-than-binding")
    return end_binding(session, key, event, cause)


def _ping(session: Session, event: RegistrationEvent) -> FoldResult:
    if event.binding is None:
        return rejected("no-binding-named")
    binding = session.bindings.get(binding_key(event.node, event.binding))
    if binding is None:
        return rejected("no-such-binding")
    lost = event.kind is RegistrationKind.PING_LOST
    if not is_newer(event, binding.boot, max(binding.seq, binding.ping_seq), binding.confirmed_at):
        return rejected("older-than-binding")
    binding.ping_seq = event.seq
    if binding.ping_lost == lost:
        return FoldResult(changed=True)
    binding.ping_lost = lost
    cause = Cause.PING_LOST if lost else Cause.PING_RESTORED
    return FoldResult(changed=True, change=Change(cause, event.at, [event.id, binding.event]))


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
