"""Confirming a binding: what a REGISTER or a listing's row makes of it, and whether it shows.

Pure. Every rule that begins or renews a binding ends here.
"""

from datetime import timedelta

from schemas.connection import connection_id
from schemas.vocabulary import Cause, RegistrationKind, Transport
from streams.folds import device_updates, devices, edge_loss, edges
from streams.folds.binding_end import add_replaced_tombstone
from streams.folds.outcome import Change, FoldResult
from streams.models import Address, Binding, ConnectionOwner, Event, RegistrationEvent, Session

# How often a lasting connection's owner is announced again, so that its table may forget others.
OWNER_RENEWAL = timedelta(hours=6)


def confirm(
    session: Session, key: str, old: Binding | None, event: RegistrationEvent, cause: Cause
) -> FoldResult:
    """Put what the event tells of the binding under `key`, over `old` if there was one."""
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
        # A listing may not know its own (ordering.UNKNOWN_SEQ).
        seq=max(event.seq, old.seq) if old and old.boot == event.boot else event.seq,
        expires_at=event.expires_at,
        event=event.id,
        opened_by=known.opened_by if known else event.id,
        owned_at=old.owned_at if old else None,
    )
    if event.kind is not RegistrationKind.SNAPSHOT_ROW:
        new.registered_at = event.at
    elif known is not None:
        new.registered_at = known.registered_at
        # A listing proves neither that the client answers nor that its connection is another.
        new.ping_lost, new.ping_seq = known.ping_lost, known.ping_seq
        new.suspect = known.suspect and known.remote == new.remote
        new.edge_uncertain = known.edge_uncertain
        if known.cookie is not None and new.remote == known.remote:
            new.cookie = known.cookie  # by now the kernel may know another's from that port
        if new.cookie is None and new.remote == known.remote:
            new.transport_claimed = known.transport_claimed  # known at the REGISTER only
    if old is not None and (old.call_id, old.received) == (new.call_id, new.received):
        new.edge_connection = old.edge_connection
    if old is not None:
        is_same = (old.remote, old.cookie) == (new.remote, new.cookie)
        new.connected_at = old.connected_at if is_same else new.confirmed_at
    # What is cut off stays so, even when its edge's end is forgotten.
    joined = (old is not None and old.edge_lost) or edges.is_joined(session, new.node, new.call_id)
    # The same contact under another Call-ID is another device, and the old one's end.
    replaced = old if old is not None and old.call_id != new.call_id else None
    if replaced is not None:
        joined = (
            joined
            or edges.may_be_edge(replaced)
            or edges.is_joined(session, replaced.node, replaced.call_id)
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
    result = FoldResult(changed=True, owner=_announce(session, key, old, new, event))
    if seen:
        result.change = Change(cause, event.at, [event.id])
    return result


def _is_another_devices_row(old: Binding | None, event: RegistrationEvent) -> bool:
    """Whether a listing shows another device at the contact, whose REGISTER was not read: nothing
    that is known of the one before is true of it."""
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
    """Of who cannot be reached nothing is shown; confirming alone makes nobody so."""
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
        and old.transport_claimed == new.transport_claimed
        and old.owned_at is not None
        and new.confirmed_at - old.owned_at < OWNER_RENEWAL
    ):
        return None
    new.owned_at = new.confirmed_at
    return owner_of(session, key, new, new.remote, event)


def confirmed_already(
    session: Session, key: str, known: Binding, event: RegistrationEvent, result: FoldResult
) -> FoldResult:
    """The result on an event that came before; with its owner, if it is what confirmed `known`.

    It may be read again after a crash, and its owner not have become durable.
    """
    if known.event == event.id and known.owned_at == event.at and known.remote is not None:
        result.owner = owner_of(session, key, known, known.remote, event)
    return result


def owner_of(
    session: Session, key: str, binding: Binding, remote: Address, place: Event
) -> ConnectionOwner:
    """The binding under `key` as the owner of its connection from `remote`, since `place` in its
    node's history."""
    return ConnectionOwner(
        id=place.id,
        source=place.source,
        node=place.node,
        boot=place.boot,
        seq=place.seq,
        at=place.at,
        connection=connection_id(place.node, remote),
        aor=session.aor,
        binding=key,
        cookie=binding.cookie,
        transport_claimed=binding.transport_claimed,
        remote=remote,
    )
