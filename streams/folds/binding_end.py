"""Ends of bindings: what is removed, what is remembered of it, and whether anybody sees it.

Pure. Every rule that ends a binding ends it here.
"""

from schemas.vocabulary import Cause, Source
from streams.folds import device_updates, devices, edge_loss, edges
from streams.folds.ordering import MAX_LISTABLE, UNKNOWN_SEQ, limit_tombstones
from streams.folds.outcome import Change, FoldResult, rejected
from streams.folds.visible_change import changed_from
from streams.models import (
    Address,
    Binding,
    ConnectionLoss,
    EndedBinding,
    Event,
    RegistrationEvent,
    Session,
)

# Causes after which a registrar's listing is not believed: its connection is known to be gone.
CONNECTION_ENDS = frozenset(
    {Cause.CONNECTION_CLOSED, Cause.CONNECTION_RESET, Cause.CONNECTION_TIMED_OUT}
)


def is_final(tombstone: EndedBinding) -> bool:
    """Whether no listing may revive the binding: its connection is known to be gone, or the client
    is, of whom an edge still lists something."""
    return (
        tombstone.connection_gone
        or tombstone.remainder
        or (tombstone.cause in CONNECTION_ENDS and not tombstone.inferred)
    )


def clear_tombstone(session: Session, key: str, event: RegistrationEvent) -> None:
    """A binding begins where a tombstone lies: it has done its part.

    Unless it is another device's, or of another connection to an edge: registrars behind that may
    still say something of before that end.
    """
    if not session.ended:
        return
    if event.remote is not None:
        session.ended.pop(_previous_connection_key(key, event.remote), None)
    tombstone = session.ended.pop(key, None)
    if tombstone is None or not edges.may_be_edge(tombstone):
        return
    if tombstone.call_id not in (None, event.call_id):
        key = f"{key} of {tombstone.call_id}"
    elif (
        tombstone.connection_gone
        and tombstone.remote is not None
        and tombstone.remote != event.remote
    ):
        key = _previous_connection_key(key, tombstone.remote)
    else:
        return
    session.ended[key] = tombstone


def end_previous_connection(
    session: Session, known: Binding | EndedBinding, loss: ConnectionLoss
) -> FoldResult:
    """A connection to an edge has ended that its binding had left before: `known` is of another.

    A registrar behind may still have a binding of that time.
    """
    left, before = _previous_connection_key(loss.binding, loss.remote), devices.shown(session)
    if left in session.ended:
        return rejected("already-applied")
    add_tombstone(session, left, loss, loss.cause, binding=known)
    tombstone = session.ended[left]
    tombstone.remote, tombstone.cookie, tombstone.last_at = loss.remote, loss.cookie, loss.at
    edge_loss.recheck_behind(session, tombstone)
    return changed_from(before, session, Change(loss.cause, loss.at, [loss.id]))


def cut_off(session: Session, key: str, event: Event, cause: Cause) -> FoldResult:
    """The client's connection at `event`'s edge has ended, by which the binding was reached.

    The registrar keeps the binding, and lists it: it is out of reach. The tombstone stands for the
    one that the edge would have reported.
    """
    behind, before = session.bindings[key], devices.shown(session)
    known, remote = behind.edge_connection, behind.received
    assert remote is not None
    place = _previous_connection_key(f"{event.node}|{key}", remote)
    add_tombstone(session, place, event, cause)
    tombstone = session.ended[place]
    tombstone.source, tombstone.registrar, tombstone.connection_gone = (
        Source.SOCKETS,
        edges.EDGE,
        True,
    )
    tombstone.call_id, tombstone.remote = behind.call_id, remote
    tombstone.last_at = behind.registered_at or behind.confirmed_at
    tombstone.cookie = known.cookie if known is not None else None
    behind.edge_connection, behind.edge_lost = None, True
    edge_loss.recheck_behind(session, tombstone)
    return changed_from(before, session, Change(cause, event.at, [event.id, behind.event]))


def _previous_connection_key(key: str, remote: Address) -> str:
    return f"{key} from {remote.ip}:{remote.port}"


def add_replaced_tombstone(session: Session, key: str, old: Binding, event: Event) -> None:
    """Another device has taken an edge's binding over: remember the old one's end beside it."""
    if edges.may_be_edge(old) and old.call_id is not None:
        add_tombstone(session, f"{key} of {old.call_id}", event, Cause.REPLACED, binding=old)


def end_binding(
    session: Session, key: str, event: Event, cause: Cause, *, inferred: bool = False
) -> FoldResult:
    """Remove the binding, leave a tombstone; it shows unless the binding was unreachable.

    Of a device behind an edge the rest goes too, or is cut off (streams/folds/edges.py).
    """
    binding = session.bindings[key]
    joined = edges.is_joined(session, binding.node, binding.call_id)
    before = devices.shown(session) if joined else None
    del session.bindings[key]
    add_tombstone(session, key, event, cause, binding=binding, inferred=inferred)
    if joined:
        for remainder in device_updates.apply_end(session, binding, cause, event.at):
            edge = session.bindings.pop(remainder)
            # At its own place in its node's history: what it has still to say of itself is newer.
            place = Event(
                id=event.id,
                source=edge.source,
                node=edge.node,
                boot=edge.boot,
                seq=edge.seq,
                at=edge.confirmed_at,
            )
            add_tombstone(session, remainder, place, cause, binding=edge)
            session.ended[remainder].remainder = True
            edge_loss.recheck_behind(session, edge)
        seen = before != devices.shown(session)
    else:
        seen = devices.is_live(binding)
    result = FoldResult(changed=True)
    if seen:
        result.change = Change(cause, event.at, [event.id, binding.event])
    return result


def last_seq(known: Binding | EndedBinding | None, boot: str) -> int:
    """The last that is known of a process: what it said before is not newer than its listing."""
    if known is None:
        return UNKNOWN_SEQ
    seq = known.seq if known.boot == boot else UNKNOWN_SEQ
    if isinstance(known, EndedBinding) and known.last_boot == boot:
        return max(seq, known.last_seq)
    return seq


def _was_connected(binding: Binding) -> bool:
    """Whether the registrar's own process held the client's connection."""
    return (
        binding.transport is not None
        and binding.transport.is_connection
        and not binding.transport_claimed
        and binding.path is None
    )


def add_tombstone(
    session: Session,
    key: str,
    event: Event,
    cause: Cause,
    *,
    binding: Binding | EndedBinding | None = None,
    inferred: bool = False,
) -> None:
    """Leave a tombstone at the event's place in its node's history.

    What it remembers of the binding is `binding`'s, or what an older tombstone of it remembered.
    """
    known = binding or session.ended.get(key)
    session.ended.pop(key, None)  # to the end: the order of insertion is the order of age
    tombstone = EndedBinding(
        node=event.node,
        boot=event.boot,
        seq=event.seq if event.seq != UNKNOWN_SEQ else last_seq(known, event.boot),
        at=event.at,
        cause=cause,
        event=event.id,
        inferred=inferred,
    )
    if known is not None:
        tombstone.call_id, tombstone.remote, tombstone.path = (
            known.call_id,
            known.remote,
            known.path,
        )
        tombstone.source, tombstone.registrar = known.source, known.registrar
        tombstone.cookie = known.cookie
        if isinstance(known, Binding):
            tombstone.last_boot, tombstone.last_seq = known.boot, known.seq
            tombstone.last_at = known.confirmed_at
            if _was_connected(known):
                tombstone.expires_at = known.expires_at
        else:
            tombstone.expires_at = known.expires_at
            tombstone.last_boot, tombstone.last_seq = known.last_boot, known.last_seq
            tombstone.last_at = known.last_at
    session.ended[key] = tombstone
    limit_tombstones(session.ended, event.at, MAX_LISTABLE)
