"""Session fold, registrations: (session, event) -> session, by the fences of RFC 3261 §10.3.

Pure: no Kafka, clock or socket. The session given is consumed; use it only as changed here.
Each kind of event has its rule: REGISTERs here, the others in modules of their own.
"""

from schemas.fences import Fence
from schemas.vocabulary import Cause, RegistrationKind
from streams.folds import devices, edge_loss
from streams.folds.binding_confirm import confirm
from streams.folds.connection_owner import confirmed_already
from streams.folds.listed_row import fold_row
from streams.folds.ordering import binding_key, is_newer
from streams.folds.outcome import Change, FoldResult, merged, rejected
from streams.folds.ping import fold_ping
from streams.folds.registrar_disconnect import fold_connection_lost
from streams.folds.registration_end import fold_expired, fold_unregistered
from streams.folds.replaced_bindings import end_replaced
from streams.folds.tombstones import clear_tombstone, is_after_last_report, move_tombstone
from streams.folds.visible_change import changed_from
from streams.models import EndedBinding, RegistrationEvent, Session


def fold_registration(session: Session, event: RegistrationEvent) -> FoldResult:
    """Apply one registration event about this session's AOR."""
    rule = _RULES.get(event.kind)
    result = rule(session, event) if rule else rejected(Fence.KIND_HAS_NO_EFFECT)
    if event.remaining is None and not event.replaces_call_id:
        return result
    return merged((result, end_replaced(session, event)))


def _fold_register(session: Session, event: RegistrationEvent) -> FoldResult:
    if event.binding is None or event.contact is None:
        return rejected(Fence.NO_BINDING_NAMED)
    key = binding_key(event.node, event.binding)
    old = session.bindings.get(key)
    if old is not None and not is_newer(event, old.boot, old.seq, old.confirmed_at):
        return confirmed_already(session, key, old, event, rejected(Fence.OLDER_THAN_BINDING))
    tombstone = session.ended.get(key)
    if tombstone is not None and not _is_after(event, tombstone):
        if is_after_last_report(event, tombstone):
            return _update_ended(session, key, event)
        return rejected(Fence.OLDER_THAN_END)
    clear_tombstone(session, key, event)
    return confirm(session, key, old, event, Cause.REGISTERED)


def _is_after(event: RegistrationEvent, tombstone: EndedBinding) -> bool:
    """Whether the client registered after the binding's end.

    The kernel's clock and the registrar's are some milliseconds apart for one moment. If the
    REGISTER came over another connection than the one that ended, the registrar's own sequence
    decides.
    """
    if tombstone.connection_gone and event.cookie is not None:
        if event.cookie == tombstone.cookie:
            return False  # the kernel gives each connection its own, and that one has ended
        if event.boot == tombstone.last_boot:
            return event.seq > tombstone.last_seq
        return event.at >= tombstone.at
    return is_newer(event, tombstone.boot, tombstone.seq, tombstone.at)


def _update_ended(session: Session, key: str, event: RegistrationEvent) -> FoldResult:
    """The last REGISTER before the end is read after the end: that registration had ended."""
    before = devices.shown(session)
    tombstone = move_tombstone(session, key, event)
    tombstone.last_boot, tombstone.last_seq, tombstone.last_at = event.boot, event.seq, event.at
    edge_loss.recheck_behind(session, tombstone)
    change = Change(tombstone.cause, tombstone.at, [tombstone.event, event.id])
    return changed_from(before, session, change, fence=Fence.OLDER_THAN_END)


_RULES = {
    RegistrationKind.REGISTERED: _fold_register,
    RegistrationKind.REFRESHED: _fold_register,
    RegistrationKind.UNREGISTERED: fold_unregistered,
    RegistrationKind.EXPIRED: fold_expired,
    RegistrationKind.CONNECTION_LOST: fold_connection_lost,
    RegistrationKind.PING_LOST: fold_ping,
    RegistrationKind.PING_RESTORED: fold_ping,
    RegistrationKind.SNAPSHOT_ROW: fold_row,
}
