"""Tombstones: what a session keeps of a binding that has ended, so that nothing older revives it.

Pure. A tombstone lies under the binding's key. The ends of an edge's other devices and connections
lie beside it, under keys of their own, because registrars behind the edge may still report them.
"""

from copy import copy

from schemas.vocabulary import Cause
from streams.folds.edges import may_be_edge
from streams.folds.ordering import MAX_LISTABLE, UNKNOWN_SEQ, is_newer, limit_tombstones
from streams.models import Address, Binding, EndedBinding, Event, RegistrationEvent, Session

# After these causes a registrar's listing revives nothing: the connection is known to have ended.
CONNECTION_ENDS = frozenset(
    {Cause.CONNECTION_CLOSED, Cause.CONNECTION_RESET, Cause.CONNECTION_TIMED_OUT}
)


def is_final(tombstone: EndedBinding) -> bool:
    """Whether no listing of the same registration may revive the binding.

    Its connection is known to have ended, or the registrar behind its edge has removed its client.
    """
    return (
        tombstone.connection_gone
        or tombstone.remainder
        or (tombstone.cause in CONNECTION_ENDS and not tombstone.inferred)
    )


def is_after_last_report(event: RegistrationEvent, tombstone: EndedBinding) -> bool:
    """Whether the event came after the last report of the binding before its end."""
    return tombstone.last_at is not None and is_newer(
        event, tombstone.last_boot, tombstone.last_seq, tombstone.last_at
    )


def last_seq(known: Binding | EndedBinding | None, boot: str) -> int:
    """The last sequence that is known of the process `boot`, to place a listing without its own."""
    if known is None:
        return UNKNOWN_SEQ
    seq = known.seq if known.boot == boot else UNKNOWN_SEQ
    if isinstance(known, EndedBinding) and known.last_boot == boot:
        return max(seq, known.last_seq)
    return seq


def add_tombstone(
    session: Session,
    key: str,
    event: Event,
    cause: Cause,
    *,
    binding: Binding | EndedBinding | None = None,
    inferred: bool = False,
) -> EndedBinding:
    """Leave a tombstone under `key`, at the event's place in its node's history, and return it.

    It describes `binding`, else what an older tombstone under `key` described.
    """
    known = binding or session.ended.get(key)
    session.ended.pop(key, None)  # to the end: the order of insertion is the order of age
    tombstone = session.ended[key] = EndedBinding(
        node=event.node,
        boot=event.boot,
        seq=event.seq if event.seq != UNKNOWN_SEQ else last_seq(known, event.boot),
        at=event.at,
        cause=cause,
        event=event.id,
        inferred=inferred,
    )
    if known is not None:
        _describe(tombstone, known)
    limit_tombstones(session.ended, event.at, MAX_LISTABLE)
    return tombstone


def _describe(tombstone: EndedBinding, known: Binding | EndedBinding) -> None:
    tombstone.call_id, tombstone.path = known.call_id, known.path
    tombstone.remote, tombstone.cookie = known.remote, known.cookie
    tombstone.source, tombstone.registrar = known.source, known.registrar
    if isinstance(known, Binding):
        tombstone.last_boot, tombstone.last_seq = known.boot, known.seq
        tombstone.last_at = known.confirmed_at
        if _was_connected(known):
            tombstone.expires_at = known.expires_at
    else:
        tombstone.expires_at = known.expires_at
        tombstone.last_boot, tombstone.last_seq = known.last_boot, known.last_seq
        tombstone.last_at = known.last_at


def _was_connected(binding: Binding) -> bool:
    """Whether the registrar's own process held the client's connection."""
    return (
        binding.transport is not None
        and binding.transport.is_connection
        and not binding.transport_claimed
        and binding.path is None
    )


def add_replaced_tombstone(session: Session, key: str, old: Binding, event: Event) -> None:
    """Another device has taken over the edge's binding `old`: keep the old one's end beside it."""
    if may_be_edge(old) and old.call_id is not None:
        add_tombstone(session, _device_key(key, old.call_id), event, Cause.REPLACED, binding=old)


def clear_tombstone(session: Session, key: str, event: RegistrationEvent) -> None:
    """A binding begins under `key`: remove the tombstone.

    It is kept under another key if it is of another device at an edge, or of another connection to
    it: registrars behind the edge may still report what was before that end.
    """
    if not session.ended:
        return
    if event.remote is not None:
        session.ended.pop(connection_key(key, event.remote), None)
    tombstone = session.ended.pop(key, None)
    if tombstone is None or not may_be_edge(tombstone):
        return
    if tombstone.call_id not in (None, event.call_id):
        key = _device_key(key, tombstone.call_id)
    elif (
        tombstone.connection_gone
        and tombstone.remote is not None
        and tombstone.remote != event.remote
    ):
        key = connection_key(key, tombstone.remote)
    else:
        return
    session.ended[key] = tombstone


def move_tombstone(session: Session, key: str, event: RegistrationEvent) -> EndedBinding:
    """Let the tombstone describe the registration that `event` shows: it had ended by then."""
    old = session.ended[key]
    clear_tombstone(session, key, event)  # the end may have been another device's before
    tombstone = session.ended[key] = copy(old)
    tombstone.call_id = event.call_id
    tombstone.remote, tombstone.path, tombstone.cookie = event.remote, event.path, event.cookie
    if tombstone.expires_at is not None:
        tombstone.expires_at = event.expires_at
    return tombstone


def connection_key(key: str, remote: Address) -> str:
    """The key of the end of the binding's earlier connection to an edge."""
    return f"{key} from {remote.ip}:{remote.port}"


def _device_key(key: str, call_id: str | None) -> str:
    return f"{key} of {call_id}"
