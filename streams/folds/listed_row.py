"""Session fold, rows of a registrar's listing: they add and confirm, but revive no ended binding.

Pure. A row stands at the place (boot, seq, at) where its listing began. Registrars list bindings of
dead clients until those expire, so a row has to prove that it is newer than the end that is known.
"""

from datetime import datetime, timedelta

from schemas.fences import Fence
from schemas.vocabulary import Cause
from streams.folds import devices, edge_loss, edges
from streams.folds.binding_confirm import confirm
from streams.folds.connection_owner import confirmed_already
from streams.folds.ordering import EXPIRY_TOLERANCE, LISTING_LAG, UNKNOWN_SEQ, binding_key
from streams.folds.outcome import Change, FoldResult, rejected
from streams.folds.registration_end import is_other_registrars_row
from streams.folds.tombstones import (
    add_tombstone,
    clear_tombstone,
    is_after_last_report,
    is_final,
    last_seq,
    move_tombstone,
)
from streams.folds.visible_change import changed_from
from streams.models import Binding, EndedBinding, RegistrationEvent, Session

_NO_LAG = timedelta(0)


def fold_row(session: Session, row: RegistrationEvent) -> FoldResult:
    """Apply one row of a snapshot of the registrar's bindings."""
    if row.binding is None or row.contact is None:
        return rejected(Fence.NO_BINDING_NAMED)
    key = binding_key(row.node, row.binding)
    old = session.bindings.get(key)
    if old is not None:
        if (old.boot, old.confirmed_at) == (row.boot, row.at):  # by this same listing
            return confirmed_already(session, key, old, row, rejected(Fence.ALREADY_LISTED))
        if _began_before_binding(row, old):
            return rejected(Fence.OLDER_THAN_BINDING)
        if is_other_registrars_row(old, row, row.expires_at):
            return rejected(Fence.ANOTHER_REGISTRARS_ROW)
        return confirm(session, key, old, row, Cause.FOUND_IN_SNAPSHOT)
    tombstone = session.ended.get(key)
    if row.connection_gone:
        return _fold_dead_row(session, key, row, tombstone)
    if tombstone is not None and not _may_revive(tombstone, row):
        return rejected(Fence.LISTED_BUT_ENDED)
    clear_tombstone(session, key, row)
    result = confirm(session, key, None, row, Cause.FOUND_IN_SNAPSHOT)
    found = session.bindings[key]
    found.seq = max(found.seq, last_seq(tombstone, row.boot))  # the row's own may be unknown
    return result


def _fold_dead_row(
    session: Session, key: str, row: RegistrationEvent, tombstone: EndedBinding | None
) -> FoldResult:
    """The registrar lists a binding whose connection the kernel does not have: it has ended.

    The registrar lists it until it expires, and its address may be another client's by then. So a
    tombstone is left even if no REGISTER of it was read, or only an earlier one.
    """
    if tombstone is None:
        tombstone = add_tombstone(session, key, row, Cause.CONNECTION_CLOSED)
        tombstone.call_id, tombstone.remote, tombstone.path = row.call_id, row.remote, row.path
        tombstone.source, tombstone.registrar = row.source, row.registrar
        tombstone.connection_gone = True
        tombstone.last_boot, tombstone.last_seq, tombstone.last_at = row.boot, row.seq, row.at
        tombstone.expires_at = row.expires_at
        return FoldResult(changed=True, fence=Fence.LISTED_BUT_GONE)
    is_another = _is_elsewhere(row, tombstone) or _is_another_register(row, tombstone)
    if not (is_after_last_report(row, tombstone) and is_another):
        return rejected(Fence.LISTED_BUT_GONE)
    before = devices.shown(session)
    tombstone = move_tombstone(session, key, row)
    tombstone.connection_gone = True
    edge_loss.recheck_behind(session, tombstone)
    change = Change(tombstone.cause, tombstone.at, [tombstone.event, row.id])
    return changed_from(before, session, change, fence=Fence.LISTED_BUT_GONE)


def _began_before_binding(row: RegistrationEvent, known: Binding) -> bool:
    """Whether the listing began before the confirmation. With the same sequence it began after."""
    if row.boot == known.boot:
        return _began_before(row, known.boot, known.seq, known.confirmed_at)
    return row.at < known.confirmed_at


def _began_before(row: RegistrationEvent, boot: str | None, seq: int, at: datetime | None) -> bool:
    """Whether the listing is of the same process, and began before its event at (seq, at)."""
    if row.boot != boot or at is None:
        return False
    return row.seq < seq if row.seq != UNKNOWN_SEQ else row.at < at


def _may_revive(tombstone: EndedBinding, row: RegistrationEvent) -> bool:
    if _began_before(row, tombstone.boot, tombstone.seq, tombstone.at):
        return False
    if _began_before(row, tombstone.last_boot, tombstone.last_seq, tombstone.last_at):
        return False  # the last REGISTER came after the listing began
    if is_final(tombstone):
        return tombstone.at <= row.at and (
            _is_elsewhere(row, tombstone) or _is_back(row, tombstone)
        )
    if edges.survived_restart(tombstone, row.cookie):
        return tombstone.at <= row.at
    if _is_of_previous_process(row, tombstone):
        return False
    # After a node's end its next process may list the binding from its database at once.
    lag = _NO_LAG if tombstone.cause is Cause.NODE_LOST else LISTING_LAG
    return tombstone.at + lag < row.at


def _is_of_previous_process(row: RegistrationEvent, tombstone: EndedBinding) -> bool:
    """Whether the row is the registration whose connection ended with the process before.

    A later REGISTER would have moved its expiry by more than the delay of a listing (a busy server
    counts the remaining seconds when it answers). A connection from the same address proves
    nothing: it may be another client's, on the same port.
    """
    return (
        row.boot != tombstone.last_boot
        and row.expires_at is not None
        and tombstone.expires_at is not None
        and abs(row.expires_at - tombstone.expires_at) < EXPIRY_TOLERANCE
    )


def _is_back(row: RegistrationEvent, tombstone: EndedBinding) -> bool:
    """Whether the client has registered again from the same port, as only the listing shows.

    The kernel must have another connection from there, which alone may be another client's, and
    the row must be of another REGISTER, which alone may be of before the end.
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
    """Whether the row is of another connection than the one that ended."""
    return row.remote is not None and row.remote != tombstone.remote
