"""Confirmed bindings: what a REGISTER or a listing's row makes of a binding, and whether it shows.

Pure. Every rule that begins or renews a binding ends here.
"""

from schemas.vocabulary import Cause, RegistrationKind
from streams.folds import device_updates, devices, edge_loss, edges
from streams.folds.connection_owner import announcement
from streams.folds.outcome import Change, FoldResult
from streams.folds.tombstones import add_replaced_tombstone
from streams.models import Binding, RegistrationEvent, Session


def confirm(
    session: Session, key: str, old: Binding | None, event: RegistrationEvent, cause: Cause
) -> FoldResult:
    """Put the binding that the event reports under `key`, in place of `old` if there was one."""
    new = _made_of(event, old)
    # The same contact with another Call-ID is another device, and ends the old one.
    replaced = old if old is not None and old.call_id != new.call_id else None
    # What is cut off stays cut off, even if the edge's tombstone has been dropped.
    joined = (
        replaced is not None
        or (old is not None and old.edge_lost)
        or edges.is_joined(session, new.node, new.call_id)
    )
    before = devices.shown(session) if joined else None
    session.bindings[key] = new
    if joined:
        device_updates.apply_confirmation(session, old, new, event)
        if replaced is not None:
            add_replaced_tombstone(session, key, replaced, event)
            edge_loss.recheck_behind(session, replaced)
        seen = before != devices.shown(session)
    else:
        seen = old is None or _shows_differently(old, new)
    result = FoldResult(changed=True, owner=announcement(session, key, old, new, event))
    if seen:
        result.change = Change(cause, event.at, [event.id])
    return result


def _made_of(event: RegistrationEvent, old: Binding | None) -> Binding:
    """The binding that the event reports, with what of `old` still holds."""
    known = None if _is_another_devices_row(old, event) else old
    new = Binding(
        node=event.node,
        boot=event.boot,
        source=event.source,
        registrar=event.registrar,
        contact=event.contact or "",
        contact_form=event.contact_form,
        call_id=event.call_id,
        cseq=event.cseq,
        transport=event.transport,
        remote=event.remote,
        cookie=event.cookie,
        transport_claimed=event.transport_claimed,
        path=event.path,
        received=event.received,
        user_agent=event.user_agent,
        moved_from=_moved_from(old, event),
        since=known.since if known else event.at,
        confirmed_at=event.at,
        # A listing's own may be unknown (ordering.UNKNOWN_SEQ).
        seq=max(event.seq, old.seq) if old and old.boot == event.boot else event.seq,
        expires_at=event.expires_at,
        event=event.id,
        opened_by=known.opened_by if known else event.id,
        owned_at=old.owned_at if old else None,
    )
    if event.kind is not RegistrationKind.SNAPSHOT_ROW:
        new.registered_at = event.at
    elif known is not None:
        _keep_what_no_row_shows(new, known)
    if old is not None:
        if (old.call_id, old.received) == (new.call_id, new.received):
            new.edge_connection = old.edge_connection
        is_same = (old.remote, old.cookie) == (new.remote, new.cookie)
        new.connected_at = old.connected_at if is_same else new.confirmed_at
    return new


def _keep_what_no_row_shows(new: Binding, known: Binding) -> None:
    """A listing proves neither that the client answers pings nor that it has reconnected."""
    new.registered_at = known.registered_at
    new.ping_lost, new.ping_seq = known.ping_lost, known.ping_seq
    new.edge_uncertain = known.edge_uncertain
    if new.remote != known.remote:
        return
    new.suspect = known.suspect
    if known.cookie is not None:
        new.cookie = known.cookie  # the kernel's may be another client's, on the same port
    if new.cookie is None:
        new.transport_claimed = known.transport_claimed  # only the REGISTER shows it


def _is_another_devices_row(old: Binding | None, event: RegistrationEvent) -> bool:
    """Whether a listing shows another device at the contact, whose REGISTER was not read: it takes
    over nothing of the one before."""
    return (
        old is not None
        and event.kind is RegistrationKind.SNAPSHOT_ROW
        and None not in (old.call_id, event.call_id)
        and old.call_id != event.call_id
    )


def _moved_from(old: Binding | None, event: RegistrationEvent) -> str | None:
    """The registrar before the event's. A listing's row shows who holds the binding now."""
    if old is None or event.kind is RegistrationKind.SNAPSHOT_ROW:
        return None
    return old.moved_from if event.registrar in (None, old.registrar) else old.registrar


def _shows_differently(old: Binding, new: Binding) -> bool:
    """Unreachable bindings are not published; a refresh never makes one unreachable."""
    return devices.is_live(new) and (
        not devices.is_live(old)
        or old.suspect != new.suspect
        or old.stale != new.stale
        or old.edge_uncertain != new.edge_uncertain
        or old.contact != new.contact
        or old.path != new.path
        or old.received != new.received
        or (old.remote != new.remote and (new.path is None or new.received is None))
        or old.transport is not new.transport
        or old.registrar != new.registrar
        or old.user_agent != new.user_agent
    )
