"""Ends of bindings: what is removed or cut off, which tombstone is left, and whether it shows.

Pure. Every rule that ends a binding ends it here.
"""

from schemas.fences import Fence
from schemas.vocabulary import Cause, Source
from streams.folds import device_updates, devices, edge_loss, edges
from streams.folds.outcome import Change, FoldResult, rejected
from streams.folds.tombstones import add_tombstone, connection_key
from streams.folds.visible_change import changed_from
from streams.models import Binding, ConnectionLoss, EndedBinding, Event, Session


def end_binding(
    session: Session, key: str, event: Event, cause: Cause, *, inferred: bool = False
) -> FoldResult:
    """Remove the binding and leave a tombstone; it shows unless the binding was unreachable.

    The other bindings of a device behind an edge end too, or are cut off
    (streams/folds/device_updates.py).
    """
    binding = session.bindings[key]
    joined = edges.is_joined(session, binding.node, binding.call_id)
    before = devices.shown(session) if joined else None
    del session.bindings[key]
    add_tombstone(session, key, event, cause, binding=binding, inferred=inferred)
    if joined:
        for remainder in device_updates.apply_end(session, binding, cause, event.at):
            _end_remainder(session, remainder, event, cause)
        seen = before != devices.shown(session)
    else:
        seen = devices.is_live(binding)
    result = FoldResult(changed=True)
    if seen:
        result.change = Change(cause, event.at, [event.id, binding.event])
    return result


def _end_remainder(session: Session, key: str, event: Event, cause: Cause) -> None:
    """End a binding at an edge with the one behind it.

    The tombstone is at the binding's own place in its node's history: whatever the edge reports of
    it after that is newer.
    """
    edge = session.bindings.pop(key)
    place = Event(
        id=event.id,
        source=edge.source,
        node=edge.node,
        boot=edge.boot,
        seq=edge.seq,
        at=edge.confirmed_at,
    )
    add_tombstone(session, key, place, cause, binding=edge).remainder = True
    edge_loss.recheck_behind(session, edge)


def end_previous_connection(
    session: Session, known: Binding | EndedBinding, loss: ConnectionLoss
) -> FoldResult:
    """A connection to an edge has ended after its binding, `known`, moved to another one.

    The end is kept for registrars behind the edge that still have a binding of the time before.
    """
    key, before = connection_key(loss.binding, loss.remote), devices.shown(session)
    if key in session.ended:
        return rejected(Fence.ALREADY_APPLIED)
    tombstone = add_tombstone(session, key, loss, loss.cause, binding=known)
    tombstone.remote, tombstone.cookie, tombstone.last_at = loss.remote, loss.cookie, loss.at
    edge_loss.recheck_behind(session, tombstone)
    return changed_from(before, session, Change(loss.cause, loss.at, [loss.id]))


def cut_off(session: Session, key: str, event: Event, cause: Cause) -> FoldResult:
    """The client's connection at `event`'s edge has ended, which only a listing had shown.

    The registrar keeps the binding and lists it, but it is no longer reachable. The tombstone
    stands for the end that the edge would have reported.
    """
    behind, before = session.bindings[key], devices.shown(session)
    known, remote = behind.edge_connection, behind.received
    assert remote is not None
    place = connection_key(f"{event.node}|{key}", remote)
    tombstone = add_tombstone(session, place, event, cause)
    tombstone.source, tombstone.registrar = Source.SOCKETS, edges.EDGE
    tombstone.connection_gone = True
    tombstone.call_id, tombstone.remote = behind.call_id, remote
    tombstone.last_at = behind.registered_at or behind.confirmed_at
    tombstone.cookie = known.cookie if known is not None else None
    behind.edge_connection, behind.edge_lost = None, True
    edge_loss.recheck_behind(session, tombstone)
    return changed_from(before, session, Change(cause, event.at, [event.id, behind.event]))
