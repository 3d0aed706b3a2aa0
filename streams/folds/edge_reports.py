"""Edge reports: what an edge itself has reported of a registrar's binding behind it.

Pure. An edge's listing is joined with a binding (streams/folds/edge_connections.py) only where the
edge has not reported the client's REGISTER over the listed connection.
"""

from schemas.vocabulary import Cause
from streams.folds.edges import (
    EDGE_TOLERANCE,
    edges_of,
    ended_edges_of,
    is_at_pure_proxy,
    is_edge_of,
    is_part_of,
    survived_restart,
)
from streams.folds.ordering import ANSWER_TOLERANCE, LISTING_LAG
from streams.models import Binding, Event, Session


def is_reported(session: Session, behind: Binding) -> bool:
    """Whether an edge has itself reported the registrar's last REGISTER over the client's
    connection that the Path names."""
    since = behind.registered_at
    return any(
        edge.remote == behind.received
        and (since is None or since < edge.confirmed_at + ANSWER_TOLERANCE)
        for edge in edges_of(session, behind)
    )


def has_ended_there(session: Session, behind: Binding, listing: Event, cookie: int | None) -> bool:
    """Whether the client's connection has ended, so that the listed one from its address is
    another client's, or has ended since the listing."""
    return any(
        tombstone.node == listing.node
        and tombstone.remote == behind.received
        and tombstone.cause is not Cause.EXPIRED
        and not (tombstone.at <= listing.at and survived_restart(tombstone, cookie))
        and (
            listing.at <= tombstone.at
            or behind.registered_at is None
            or behind.registered_at <= tombstone.at + EDGE_TOLERANCE
            or (cookie is not None and cookie == tombstone.cookie)
        )
        for tombstone in ended_edges_of(session, behind)
    )


def was_reported_before(session: Session, behind: Binding, node: str, cookie: int | None) -> bool:
    """Whether the edge `node` reported the REGISTER over this very connection, under the name of
    the process before the one that has the connection."""
    return any(
        tombstone.node == node
        and tombstone.remote == behind.received
        and survived_restart(tombstone, cookie)
        for tombstone in ended_edges_of(session, behind)
    )


def superseded(session: Session, behind: Binding) -> list[str]:
    """The keys of the bindings at the edge that the client left for the listed connection.

    The edge would have moved them there if its report of the REGISTER had not been lost.
    """
    known = behind.edge_connection
    return [
        key
        for key, edge in session.bindings.items()
        if known is not None
        and edge.node == known.node
        and is_at_pure_proxy(edge)
        and is_edge_of(edge, behind)
        and _is_left(edge, behind)
        and not any(is_part_of(edge, other) for other in session.bindings.values())
    ]


def _is_left(edge: Binding, behind: Binding) -> bool:
    """Whether the registrar's binding is of a later REGISTER than the edge's last report.

    Two clocks decide if the times differ by more than the clocks may. Else the registrar's table
    decides: it holds the last REGISTER, and was listed or changed after both.
    """
    since = behind.registered_at
    if since is None or since + ANSWER_TOLERANCE <= edge.confirmed_at:
        return False
    return (
        edge.confirmed_at + ANSWER_TOLERANCE <= since
        or edge.confirmed_at + LISTING_LAG < behind.confirmed_at
    )
