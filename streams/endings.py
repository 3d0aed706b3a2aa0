"""Ends of bindings: what is removed, what is remembered of it, and whether anybody sees it.

Pure. Every rule that ends a binding ends it here.
"""

from schemas.vocabulary import Cause
from streams import devices
from streams.ordering import bound
from streams.state import Binding, EndedBinding, Event, Session
from streams.verdict import Change, Verdict

# Causes after which a registrar's listing is not believed: its connection is known to be gone.
CONNECTION_ENDS = frozenset(
    {Cause.CONNECTION_CLOSED, Cause.CONNECTION_RESET, Cause.CONNECTION_TIMED_OUT}
)


def is_final(grave: EndedBinding) -> bool:
    """Whether the binding's connection is known to be gone: no listing may revive it."""
    return grave.connection_gone or (grave.cause in CONNECTION_ENDS and not grave.inferred)


def make_room(session: Session, key: str, call_id: str | None) -> None:
    """A binding begins where a tombstone lies: it has done its part.

    Unless it is another device's, whose registrar may still say something of before that end.
    """
    grave = session.ended.pop(key, None)
    if grave is not None and grave.call_id not in (None, call_id) and devices.may_be_edge(grave):
        session.ended[f"{key} of {grave.call_id}"] = grave
        bound(session.ended, grave.at)


def displace(session: Session, key: str, old: Binding, event: Event) -> None:
    """Another device has taken an edge's binding over: remember the old one's end beside it."""
    if devices.may_be_edge(old) and old.call_id is not None:
        bury(session, f"{key} of {old.call_id}", event, Cause.REPLACED, binding=old)


def end_binding(
    session: Session, key: str, event: Event, cause: Cause, *, inferred: bool = False
) -> Verdict:
    """Remove the binding, leave a tombstone; it shows unless the binding was unreachable.

    Of a device behind an edge the rest goes too, or is cut off (streams/devices.py).
    """
    binding = session.bindings[key]
    joined = devices.is_joined(session, binding.node, binding.call_id)
    before = devices.shown(session) if joined else None
    del session.bindings[key]
    bury(session, key, event, cause, binding=binding, inferred=inferred)
    if joined:
        for remainder in devices.depart(session, binding, cause, event.at):
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
            bury(session, remainder, place, cause, binding=edge)
        seen = before != devices.shown(session)
    else:
        seen = devices.is_live(binding)
    verdict = Verdict(changed=True)
    if seen:
        verdict.change = Change(cause, event.at, [event.id, binding.event])
    return verdict


def bury(
    session: Session,
    key: str,
    event: Event,
    cause: Cause,
    *,
    binding: Binding | None = None,
    inferred: bool = False,
) -> None:
    """Leave a tombstone at the event's place in its node's history.

    What it remembers of the binding is `binding`'s, or what an older tombstone of it remembered.
    """
    known = binding or session.ended.get(key)
    session.ended.pop(key, None)  # to the end: the order of insertion is the order of age
    grave = EndedBinding(
        node=event.node,
        boot=event.boot,
        seq=event.seq,
        at=event.at,
        cause=cause,
        event=event.id,
        inferred=inferred,
    )
    if known is not None:
        grave.call_id, grave.remote, grave.path = known.call_id, known.remote, known.path
        grave.source, grave.registrar = known.source, known.registrar
        grave.cookie = known.cookie
        if isinstance(known, Binding):
            grave.last_boot, grave.last_seq = known.boot, known.seq
            grave.last_at = known.confirmed_at
        else:
            grave.last_boot, grave.last_seq = known.last_boot, known.last_seq
            grave.last_at = known.last_at
    session.ended[key] = grave
    bound(session.ended, event.at)
