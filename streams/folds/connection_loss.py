"""Session fold, connection losses: the end of a connection ends the binding that was on it.

Pure. The fence: the binding must still be on that incarnation of the connection. A connection that
becomes suspect ends nothing, but is shown.
"""

from schemas.fences import Fence
from schemas.vocabulary import Cause, Source
from streams.folds import devices, edges
from streams.folds.binding_end import end_binding, end_previous_connection
from streams.folds.connection import is_denied
from streams.folds.connection_owner import owner_of
from streams.folds.edge_join import fold_loss_at_edge
from streams.folds.outcome import Change, FoldResult, rejected
from streams.folds.tombstones import add_tombstone
from streams.folds.visible_change import changed_from
from streams.models import Binding, ConnectionLoss, EndedBinding, Event, Session

_SUSPICIONS = frozenset({Cause.CONNECTION_SUSPECT, Cause.CONNECTION_RECOVERED})


def fold_loss(session: Session, loss: ConnectionLoss) -> FoldResult:
    """Apply one connection loss addressed to this session's user."""
    binding = session.bindings.get(loss.binding)
    if binding is None:
        return _confirm_end(session, loss)
    if binding.node != loss.node:
        return (
            fold_loss_at_edge(session, loss)
            if loss.cause not in _SUSPICIONS
            else rejected(Fence.BEHIND_AN_EDGE)
        )
    if not on_that_incarnation(binding, loss):
        return _another_incarnation(session, binding, loss)
    if edges.is_behind_edge(session, binding):
        return rejected(Fence.BEHIND_AN_EDGE)
    if loss.cause in _SUSPICIONS:
        return _suspect(session, binding, loss)
    result = end_binding(session, loss.binding, loss, loss.cause)
    tombstone = session.ended[loss.binding]
    tombstone.connection_gone = True
    tombstone.cookie = tombstone.cookie or loss.cookie
    return result


def _suspect(session: Session, binding: Binding, loss: ConnectionLoss) -> FoldResult:
    suspect = loss.cause is Cause.CONNECTION_SUSPECT
    if binding.suspect == suspect:
        return rejected(Fence.ALREADY_KNOWN)
    before = devices.shown(session)
    binding.suspect = suspect
    return changed_from(before, session, Change(loss.cause, loss.at, [loss.id, binding.event]))


def _another_incarnation(session: Session, binding: Binding, loss: ConnectionLoss) -> FoldResult:
    """The end removed the owner; if the binding is on a later connection, announce that one's."""
    if _has_left(binding, loss):
        return end_previous_connection(session, binding, loss)
    result = rejected(Fence.OTHER_INCARNATION)
    if binding.remote == loss.remote:
        place = Event(
            id=f"{loss.id}/again",
            source=binding.source,
            node=binding.node,
            boot=binding.boot,
            seq=binding.seq,
            at=binding.confirmed_at,
        )
        result.owner = owner_of(session, loss.binding, binding, loss.remote, place)
    return result


def _has_left(known: Binding | EndedBinding, loss: ConnectionLoss) -> bool:
    """Whether its client has moved to another connection to this edge since."""
    return (
        known.remote not in (None, loss.remote)
        and edges.may_be_edge(known)
        and loss.cause not in _SUSPICIONS
    )


def on_that_incarnation(binding: Binding, loss: ConnectionLoss) -> bool:
    """Whether the binding is on the very connection that ended.

    By the kernel's cookie if both have one. Else by peer address and order: the binding must have
    been confirmed before the end, by the source's sequence if one process reported both, else by
    the node's clock.
    """
    if binding.remote != loss.remote:
        return False
    if loss.cookie is None and loss.source is Source.SOCKETS:
        # The kernel was asked, and knew no connection.
        if binding.transport_claimed:
            return False
        if binding.cookie is not None:
            # If the clock was set back, the last REGISTER is of before the first.
            known = min(binding.connected_at or binding.since, binding.confirmed_at)
            return is_denied(known, loss.at)
    if binding.cookie is not None and loss.cookie is not None:
        return binding.cookie == loss.cookie
    if binding.boot == loss.boot:
        return binding.seq < loss.seq
    return binding.confirmed_at <= loss.at


def _confirm_end(session: Session, loss: ConnectionLoss) -> FoldResult:
    """The binding has already ended; if that was only inferred, it is certain now."""
    tombstone = session.ended.get(loss.binding)
    if tombstone is not None and tombstone.node != loss.node:
        return rejected(Fence.NO_SUCH_BINDING)
    if tombstone is not None and _has_left(tombstone, loss):
        return end_previous_connection(session, tombstone, loss)
    if (
        tombstone is None
        or not tombstone.inferred
        or tombstone.at > loss.at
        or loss.cause in _SUSPICIONS
    ):
        return rejected(Fence.NO_SUCH_BINDING)
    add_tombstone(session, loss.binding, loss, loss.cause)
    session.ended[loss.binding].call_id = None  # the registrar has already reported the end
    return FoldResult(changed=True)
