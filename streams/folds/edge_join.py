"""Edge joins: a registrar's binding joined with its client's listed connection at an edge.

Pure. The binding's Path names the client's address at the edge, and the edge's listing shows the
connections that live. Joined, they count as the edge's own report: the connection's end makes the
binding unreachable. A binding that neither of them decides is marked stale.
"""

from schemas import path
from schemas.fences import Fence
from schemas.vocabulary import Cause, Transport
from streams.folds import devices, edge_loss, edge_reports
from streams.folds.binding_end import cut_off
from streams.folds.connection import is_of_after
from streams.folds.connection_owner import OWNER_RENEWAL, owner_at_edge
from streams.folds.edge_listings import EdgeListing
from streams.folds.ordering import LISTING_LAG
from streams.folds.outcome import Change, FoldResult, rejected
from streams.folds.tombstones import add_tombstone
from streams.folds.visible_change import changed_from
from streams.models import Binding, ConnectionLoss, EdgeConnection, Session

_CONNECTIONS = frozenset(transport.value for transport in Transport if transport.is_connection)


def is_unreported(session: Session, behind: Binding, listing: EdgeListing) -> bool:
    """Whether the binding's client is at an edge, maybe the listing's, that has not reported it."""
    return (
        behind.received is not None
        and behind.node != listing.event.node
        and not edge_reports.is_reported(session, behind)
    )


def is_not_listed(behind: Binding, listing: EdgeListing) -> bool:
    """Whether the Path names a connection to the listing's edge that is not listed."""
    remote = behind.received
    return (
        remote is not None
        and path.received_transport(behind.path or "") in _CONNECTIONS
        and _is_named(behind, listing)
        and not listing.has(remote, None)
    )


def join(session: Session, key: str, behind: Binding, listing: EdgeListing) -> FoldResult:
    """Join a registrar's binding that the listing's edge did not report with the listing."""
    known, event, remote = behind.edge_connection, listing.event, behind.received
    assert remote is not None
    over = path.received_transport(behind.path or "")
    if over is not None and over not in _CONNECTIONS:
        return FoldResult()
    here = known if known is not None and known.node == event.node else None
    if here is not None and event.at <= here.at:
        return FoldResult()  # read again
    # After a REGISTER since the last listing the client may be on another connection.
    cookie = None
    if here is not None and (behind.registered_at is None or behind.registered_at <= here.at):
        cookie = here.cookie
    if listing.has(remote, cookie):
        if known is None or here is not None or _is_named(behind, listing):
            return _connect(session, key, behind, listing)
        return FoldResult()  # of another edge, where a client has the same address
    if here is not None or (_is_named(behind, listing) and over is not None):
        if (behind.registered_at or behind.since) + LISTING_LAG < event.at:
            return cut_off(session, key, event, Cause.CONNECTION_CLOSED)
        return FoldResult()
    return _mark_uncertain(session, behind, listing)


def _is_named(behind: Binding, listing: EdgeListing) -> bool:
    """Whether the Path names the listing's edge."""
    return path.is_named(behind.path or "", listing.hosts)


def _connect(session: Session, key: str, behind: Binding, listing: EdgeListing) -> FoldResult:
    """The client's connection is listed: from now on its end ends the binding's reachability."""
    known, event, remote = behind.edge_connection, listing.event, behind.received
    assert remote is not None
    cookie = listing.connections[(remote.ip, remote.port)]
    connection = EdgeConnection(
        node=event.node, boot=event.boot, at=event.at, seq=event.seq, cookie=cookie
    )
    if known is not None and (known.node, known.boot, known.cookie) == (
        connection.node,
        connection.boot,
        connection.cookie,
    ):
        if event.at - known.at < OWNER_RENEWAL:
            connection = known
    elif edge_reports.has_ended_there(session, behind, event, cookie):
        return FoldResult()  # the listed connection is another client's
    before = devices.shown(session)
    behind.edge_connection, behind.edge_uncertain = connection, False
    superseded = edge_reports.superseded(session, behind)
    if connection is known and not superseded:
        return FoldResult()
    for left in superseded:
        add_tombstone(session, left, event, Cause.REPLACED, binding=session.bindings.pop(left))
    edge_loss.recheck(session, behind)
    change = Change(Cause.NODE_CERTAIN, event.at, [event.id, behind.event])
    result = changed_from(before, session, change)
    result.owner = owner_at_edge(session, key, behind, connection)
    return result


def _mark_uncertain(session: Session, behind: Binding, listing: EdgeListing) -> FoldResult:
    """It is unknown through which edge the client registered: if it did so in the gap of this
    edge's events, its connection may have ended unreported."""
    event, gap = listing.event, listing.gap
    if behind.edge_uncertain or gap is None:
        return FoldResult()
    if not gap[0] <= (behind.registered_at or behind.since) <= gap[1]:
        return FoldResult()
    before = devices.shown(session)
    behind.edge_uncertain = True
    change = Change(Cause.NODE_UNCERTAIN, event.at, [event.id, behind.event])
    return changed_from(before, session, change)


def fold_loss_at_edge(session: Session, loss: ConnectionLoss) -> FoldResult:
    """The client's connection at an edge ended that only a listing had shown."""
    behind = session.bindings[loss.binding]
    known = behind.edge_connection
    if known is None or known.node != loss.node or behind.received != loss.remote:
        return rejected(Fence.NO_SUCH_BINDING)
    if not _has_ended(behind, known, loss):
        result = rejected(Fence.OTHER_INCARNATION)
        # The end removed the owner of an earlier connection: the present one needs an owner again.
        result.owner = owner_at_edge(session, loss.binding, behind, known)
        return result
    return cut_off(session, loss.binding, loss, loss.cause)


def _has_ended(behind: Binding, known: EdgeConnection, loss: ConnectionLoss) -> bool:
    """Whether that connection has ended, by the rule for a connection's owners (connection.py): the
    same end must not remove an owner that is announced again."""
    if behind.registered_at is not None and is_of_after(behind.registered_at, loss.at):
        return True
    if known.cookie is not None and loss.cookie is not None:
        return known.cookie == loss.cookie
    if known.boot == loss.boot:
        return known.seq < loss.seq
    return known.at <= loss.at
