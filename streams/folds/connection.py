"""Connection fold: the owners of a connection, joined with its end in either order of arrival.

Pure. Owners and ends have the connection's key (node and peer address). An end is about one
incarnation only.
"""

from datetime import datetime
from typing import TypeVar

from schemas.vocabulary import Cause, ConnectionKind, Source
from streams.folds.ordering import ANSWER_TOLERANCE
from streams.models import (
    ConnectionEnd,
    ConnectionEvent,
    ConnectionLoss,
    ConnectionOwner,
    ConnectionState,
    Owner,
)

# Few incarnations of one peer address are known at a time. A connection with more owners than this
# is a proxy's or a gateway's, whose end ends no binding.
MAX_ENDS = 4
MAX_OWNERS = 256

# A server that dies closes all its connections at once: the node is lost, not each client.
LISTENER_GONE = "listener gone"
_SUSPICIONS = {
    ConnectionKind.SUSPECT: Cause.CONNECTION_SUSPECT,
    ConnectionKind.RECOVERED: Cause.CONNECTION_RECOVERED,
}
_CAUSE_OF = {
    ConnectionKind.CLOSED: Cause.CONNECTION_CLOSED,
    ConnectionKind.RESET: Cause.CONNECTION_RESET,
    ConnectionKind.TIMED_OUT: Cause.CONNECTION_TIMED_OUT,
}

T = TypeVar("T")


def fold_owner(state: ConnectionState, event: ConnectionOwner) -> list[ConnectionLoss]:
    """Add a binding on this connection; returns its loss if its incarnation has already ended."""
    owner = Owner(
        aor=event.aor,
        binding=event.binding,
        source=event.source,
        boot=event.boot,
        seq=event.seq,
        at=event.at,
        cookie=event.cookie,
        transport_claimed=event.transport_claimed,
        registered_at=event.registered_at,
    )
    for end in state.ends:
        if _ended(owner, end):
            return [_loss(event, owner, end)]
    others = [o for o in state.owners if (o.aor, o.binding) != (owner.aor, owner.binding)]
    state.owners = [*others, owner][-MAX_OWNERS:]
    if state.suspect is not None and _ended(owner, state.suspect):
        return [_loss(event, owner, state.suspect)]
    return []


def fold_end(state: ConnectionState, event: ConnectionEvent) -> list[ConnectionLoss]:
    """Apply a connection event; returns a loss for each owner on the incarnation it is about."""
    if event.kind in _SUSPICIONS:
        return _suspect(state, event, _place(event, _SUSPICIONS[event.kind]))
    cause = _CAUSE_OF.get(event.kind)
    if cause is None:
        return []
    end = _place(event, Cause.NODE_LOST if event.reason == LISTENER_GONE else cause)
    if all(known.event != end.event for known in state.ends):
        others = [known for known in state.ends if not _is_superseded(known, end)]
        state.ends = [*others, end][-MAX_ENDS:]
    lost = [owner for owner in state.owners if _ended(owner, end)]
    state.owners = [owner for owner in state.owners if owner not in lost]
    return [_loss(event, owner, end) for owner in lost]


def _is_superseded(known: ConnectionEnd, end: ConnectionEnd) -> bool:
    """Whether the same source reported before that there is no connection, as each minute."""
    return (
        known.cookie is None
        and end.cookie is None
        and known.boot == end.boot
        and known.seq < end.seq
    )


def _place(event: ConnectionEvent, cause: Cause) -> ConnectionEnd:
    return ConnectionEnd(
        source=event.source,
        boot=event.boot,
        seq=event.seq,
        at=event.at,
        cookie=event.cookie,
        cause=cause,
        event=event.id,
    )


def _suspect(
    state: ConnectionState, event: ConnectionEvent, what: ConnectionEnd
) -> list[ConnectionLoss]:
    """The connection's peer stopped acknowledging, or acknowledges again; nothing ends."""
    state.suspect = what if what.cause is Cause.CONNECTION_SUSPECT else None
    return [_loss(event, owner, what) for owner in state.owners if _ended(owner, what)]


def is_denied(connected: datetime, denied: datetime) -> bool:
    """Whether a kernel's "no such connection" is about a connection of which a cookie was known.

    The kernel was asked about a listing that began at `denied`. A client that connected just before
    that may have come after the question, because the registrar's clock is another.
    """
    return connected + ANSWER_TOLERANCE < denied


def is_of_after(registered: datetime, ended: datetime) -> bool:
    """Whether a connection ended after a REGISTER from its peer, which was on that connection then.

    By the registrar's clock and the edge's, so it has to be later by more than those may differ.
    """
    return registered + ANSWER_TOLERANCE <= ended


def _ended(owner: Owner, end: ConnectionEnd) -> bool:
    """Whether `end` is the end of the incarnation the owner registered over."""
    if end.cookie is None and end.source is Source.SOCKETS:  # the kernel knows no connection
        if owner.transport_claimed:
            return False  # nor did it when the client registered
        if owner.cookie is not None:
            return is_denied(owner.at, end.at)
    if owner.registered_at is not None and is_of_after(owner.registered_at, end.at):
        return True
    if owner.cookie is not None and end.cookie is not None:
        return owner.cookie == end.cookie
    if owner.boot == end.boot:
        return owner.seq < end.seq
    return owner.at <= end.at


def _loss(
    about: ConnectionOwner | ConnectionEvent, owner: Owner, end: ConnectionEnd
) -> ConnectionLoss:
    return ConnectionLoss(
        id=end.event,
        source=end.source,
        node=about.node,
        boot=end.boot,
        seq=end.seq,
        at=end.at,
        connection=about.connection,
        aor=owner.aor,
        binding=owner.binding,
        cookie=end.cookie,
        remote=about.remote,
        cause=end.cause,
    )
