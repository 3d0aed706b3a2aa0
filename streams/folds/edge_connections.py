"""Session fold, connections at an edge that did not report the REGISTER itself.

Pure. An edge without a location table cannot list who registered while its producer was away. What
is known all the same: the registrar's binding, whose Path names the client's address at the edge,
and the edge's live connections. Joined, they are as good as the edge's own report: the connection's
end takes the binding out of reach. What neither shows is `stale`.
"""

from schemas import path
from schemas.fences import Fence
from schemas.vocabulary import Cause, Transport
from streams.folds import devices, edge_loss, edge_reports, edges
from streams.folds.binding_end import cut_off, end_binding
from streams.folds.connection import is_of_after
from streams.folds.connection_owner import OWNER_RENEWAL, owner_of
from streams.folds.edge_listings import EdgeListing
from streams.folds.ordering import LISTING_LAG, is_newer
from streams.folds.outcome import Change, FoldResult, merged, rejected
from streams.folds.tombstones import add_tombstone
from streams.folds.visible_change import changed_from
from streams.models import (
    Address,
    Binding,
    ConnectionLoss,
    ConnectionOwner,
    EdgeConnection,
    Event,
    Session,
)

_CONNECTIONS = frozenset(transport.value for transport in Transport if transport.is_connection)


def fold_connections(session: Session, listing: EdgeListing) -> FoldResult:
    """What an edge's live connections say of this session's user."""
    own = [key for key, binding in session.bindings.items() if _is_gone(binding, listing)]
    results = [_end_own(session, key, listing) for key in own]
    results += [_rename(binding, listing) for binding in session.bindings.values()]
    results += [
        join(session, key, behind, listing)
        for key, behind in list(session.bindings.items())
        if is_unreported(session, behind, listing)
    ]
    return merged(results)


def is_unreported(session: Session, behind: Binding, listing: EdgeListing) -> bool:
    """Whether the binding has a client at an edge, maybe the listing's, that no edge reported."""
    return (
        behind.received is not None
        and behind.node != listing.event.node
        and not edge_reports.is_reported(session, behind)
    )


def _is_gone(binding: Binding, listing: EdgeListing) -> bool:
    """Whether it is the edge's own, of before, and its connection lives no more."""
    event, remote = listing.event, binding.remote
    if (
        binding.node != event.node
        or not edges.is_at_pure_proxy(binding)
        or binding.transport in (None, Transport.UDP)
        or remote is None
        or not is_newer(event, binding.boot, binding.seq, binding.confirmed_at)
    ):
        return False
    return not _lives(listing, remote, binding.cookie)


def _lives(listing: EdgeListing, remote: Address, cookie: int | None) -> bool:
    """Whether that very connection does, as far as it is known which it is."""
    address = remote.ip, remote.port
    if address not in listing.connections:
        return False
    return cookie is None or listing.connections[address] in (None, cookie)


def _end_own(session: Session, key: str, listing: EdgeListing) -> FoldResult:
    result = end_binding(session, key, listing.event, Cause.CONNECTION_CLOSED)
    session.ended[key].connection_gone = True
    return result


def _rename(binding: Binding, listing: EdgeListing) -> FoldResult:
    """The listing's process has the very connection of what was reported as of one before it."""
    event, remote = listing.event, binding.remote
    if (
        binding.node != event.node
        or not edges.is_at_pure_proxy(binding)
        or binding.boot == event.boot
        or binding.cookie is None
        or remote is None
        or listing.connections.get((remote.ip, remote.port)) != binding.cookie
    ):
        return FoldResult()
    binding.boot, binding.seq = event.boot, event.seq
    return FoldResult(changed=True)


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
    # What has registered since that listing may be on another connection by now.
    cookie = None
    if here is not None and (behind.registered_at is None or behind.registered_at <= here.at):
        cookie = here.cookie
    if _lives(listing, remote, cookie):
        if known is None or here is not None or _is_named(behind, listing):
            return _connect(session, key, behind, listing)
        return FoldResult()  # of another edge, where a client has the same address
    if here is not None or (_is_named(behind, listing) and over is not None):
        if (behind.registered_at or behind.since) + LISTING_LAG < event.at:
            return cut_off(session, key, event, Cause.CONNECTION_CLOSED)
        return FoldResult()
    return _doubt(session, behind, listing)


def _is_named(behind: Binding, listing: EdgeListing) -> bool:
    return path.is_named(behind.path or "", listing.hosts)


def is_not_there(behind: Binding, listing: EdgeListing) -> bool:
    """Whether its Path names a client's connection to the listing's edge, and it is not listed."""
    remote = behind.received
    return (
        remote is not None
        and path.received_transport(behind.path or "") in _CONNECTIONS
        and _is_named(behind, listing)
        and not _lives(listing, remote, None)
    )


def _connect(session: Session, key: str, behind: Binding, listing: EdgeListing) -> FoldResult:
    """The client's connection lives there: from now on the binding hangs on it."""
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
        return FoldResult()  # that is another client's by now
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
    result.owner = _owner(session, key, behind, connection)
    return result


def _doubt(session: Session, behind: Binding, listing: EdgeListing) -> FoldResult:
    """Nobody knows by which edge it came: of what was said in this one's gap nothing is sure."""
    event, gap = listing.event, listing.gap
    if behind.edge_uncertain or gap is None:
        return FoldResult()
    if not gap[0] <= (behind.registered_at or behind.since) <= gap[1]:
        return FoldResult()
    before = devices.shown(session)
    behind.edge_uncertain = True
    change = Change(Cause.NODE_UNCERTAIN, event.at, [event.id, behind.event])
    return changed_from(before, session, change)


def fold_edge_loss(session: Session, loss: ConnectionLoss) -> FoldResult:
    """The client's connection at an edge ended that only a listing had shown."""
    behind = session.bindings[loss.binding]
    known = behind.edge_connection
    if known is None or known.node != loss.node or behind.received != loss.remote:
        return rejected(Fence.NO_SUCH_BINDING)
    if not _is_over(behind, known, loss):
        result = rejected(Fence.OTHER_INCARNATION)
        # The owner that the end took was of before; this one's is not among the connection's now.
        result.owner = _owner(session, loss.binding, behind, known)
        return result
    return cut_off(session, loss.binding, loss, loss.cause)


def _is_over(behind: Binding, known: EdgeConnection, loss: ConnectionLoss) -> bool:
    """Whether that connection has ended. By the rule of the connection's owners (folds/connection):
    an owner that is announced again must not be taken by the same end again."""
    if behind.registered_at is not None and is_of_after(behind.registered_at, loss.at):
        return True
    if known.cookie is not None and loss.cookie is not None:
        return known.cookie == loss.cookie
    if known.boot == loss.boot:
        return known.seq < loss.seq
    return known.at <= loss.at


def _owner(
    session: Session, key: str, behind: Binding, connection: EdgeConnection
) -> ConnectionOwner:
    remote = behind.received
    assert remote is not None
    place = Event(
        id=f"{behind.event}/at-{connection.node}",
        source=behind.source,
        node=connection.node,
        boot=connection.boot,
        seq=connection.seq,
        at=connection.at,
    )
    owner = owner_of(session, key, behind, remote, place)
    owner.cookie, owner.registered_at = connection.cookie, behind.registered_at
    return owner
