"""Session fold, ends of registrations that the registrar reports: unregistered, or expired.

Pure. FreeSWITCH reports one kind, expired, for every binding that it drops by itself; the cause is
derived from when the binding was due.
"""

from datetime import datetime

from schemas.fences import Fence
from schemas.vocabulary import Cause
from streams.folds.binding_end import end_binding
from streams.folds.ordering import EXPIRY_TOLERANCE, binding_key, is_newer
from streams.folds.outcome import FoldResult, rejected
from streams.folds.tombstones import add_tombstone, is_final
from streams.models import Binding, RegistrationEvent, Session


def fold_unregistered(session: Session, event: RegistrationEvent) -> FoldResult:
    """End the binding that the client removed."""
    if event.binding is None:
        return rejected(Fence.NO_BINDING_NAMED)
    return _end(session, event, event.binding, Cause.UNREGISTERED)


def fold_expired(session: Session, event: RegistrationEvent) -> FoldResult:
    """End the binding that the registrar dropped, if the event is about its present REGISTER."""
    if event.binding is None:
        return rejected(Fence.NO_BINDING_NAMED)
    binding = session.bindings.get(binding_key(event.node, event.binding))
    known = binding.call_id if binding is not None else None
    if known is not None and event.call_id not in (None, known):
        # Each of several registrars with one database reports what expires in it (sofia_reg.c).
        return rejected(Fence.ANOTHER_REGISTRATION)
    if binding is not None and _is_renewed_since(binding, event):
        return rejected(Fence.ANOTHER_REGISTRATION)
    if binding is not None and is_other_registrars_row(binding, event, event.expired_due):
        return rejected(Fence.ANOTHER_REGISTRARS_ROW)
    return _end(session, event, event.binding, _expiry_cause(binding, event))


def is_other_registrars_row(
    binding: Binding, event: RegistrationEvent, due: datetime | None
) -> bool:
    """Whether the event is about an older row of the binding, `due` earlier, at another registrar.

    A client that moves to another profile or table leaves its row there until the row expires.
    """
    return (
        event.registrar is not None
        and binding.registrar not in (None, event.registrar)
        and due is not None
        and binding.expires_at is not None
        and due + EXPIRY_TOLERANCE < binding.expires_at
    )


def _is_renewed_since(binding: Binding, event: RegistrationEvent) -> bool:
    """Whether an earlier REGISTER's row of the same Call-ID has expired (RFC 3261 §10.3)."""
    return (
        event.call_id is not None
        and event.cseq is not None
        and binding.cseq is not None
        and event.cseq < binding.cseq
    )


def _expiry_cause(binding: Binding | None, event: RegistrationEvent) -> Cause:
    """Why the registrar dropped a binding without giving a reason."""
    due = event.expired_due
    if due is not None and due > event.at + EXPIRY_TOLERANCE:
        return Cause.ADMINISTRATIVE  # dropped long before it was due: flushed
    if binding is not None and binding.ping_lost:
        return Cause.PING_LOST
    known = binding.expires_at if binding else None
    if due is not None and known is not None and due < known - EXPIRY_TOLERANCE:
        return Cause.PING_LOST  # the registrar brought the expiry forward
    return Cause.EXPIRED


def _end(session: Session, event: RegistrationEvent, identity: str, cause: Cause) -> FoldResult:
    key = binding_key(event.node, identity)
    binding = session.bindings.get(key)
    if binding is None:
        tombstone = session.ended.get(key)
        if tombstone is not None and not is_newer(
            event, tombstone.boot, tombstone.seq, tombstone.at
        ):
            return rejected(Fence.ALREADY_ENDED)
        if tombstone is not None and is_final(tombstone):
            # Keep the stronger cause, but let no REGISTER older than this event revive it.
            tombstone.boot, tombstone.seq, tombstone.at = event.boot, event.seq, event.at
            return FoldResult(changed=True)
        add_tombstone(session, key, event, cause)
        return FoldResult(changed=True)
    if not is_newer(event, binding.boot, binding.seq, binding.confirmed_at):
        return rejected(Fence.OLDER_THAN_BINDING)
    return end_binding(session, key, event, cause)
