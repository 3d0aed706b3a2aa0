"""Whether an edge proves that it lost, or still has, a client with a binding at a registrar behind.

Pure. A registrar lists bindings whose client is gone, and its own connection is the proxy's. Only
the edge's listing, or the kernel there, shows whether the client is connected.
"""

from operate.audit.findings import Assessment, Excuse
from operate.audit.listing import Listing, Row, connection_ended
from operate.audit.user import User
from producers.uri_addresses import received_by_edge
from schemas import path
from schemas.origin import Address
from schemas.presence import PresenceBinding
from schemas.session import Binding, EndedBinding
from schemas.vocabulary import Source, Transport
from streams.folds.edges import may_be_edge


def why_edge_lost(user: User, behind: Binding) -> Excuse | str:
    """Whether the edge's own listing, or the kernel there, shows that the client is gone."""
    named = list(user.edge_bindings(behind))
    nodes = {one.node for one in named} | user.edges.of(behind.path, behind.node)
    for node in sorted(nodes):
        listing = user.listings.get(node)
        if listing is None:
            return f"its session has it as lost at {node}, which was not asked"
        if why := _why_not_lost(user, behind, listing, [one for one in named if one.node == node]):
            return f"its session has it as lost at {node}, {why}"
    return Excuse.EDGE_LOST if nodes else "its session has it as lost at an edge that is not known"


def _why_not_lost(
    user: User, behind: Binding, listing: Listing, named: list[Binding | EndedBinding]
) -> str | None:
    """Why the edge's listing does not prove the loss; None where it does."""
    rows = [row for row in user.rows if row.event.node == listing.node]
    if any(
        row.event.call_id == behind.call_id and not connection_ended(listing, row) for row in rows
    ):
        return "which lists it"
    ended = [one for one in named if isinstance(one, EndedBinding)]
    lost = {one.cookie for one in ended} - {None}
    over = _transport_to_edge(behind.path, behind.transport)
    is_connection = lost or any(one.connection_gone for one in ended)
    if not is_connection and (over is None or not over.is_connection):
        return None if listing.has_table else "which does not list clients over UDP"
    remotes = [one.remote for one in named]
    if behind.received is not None:
        remotes = [behind.received]
    if not remotes and not listing.has_table:
        return "and its address is not known"
    for remote in remotes:
        live, cookie = listing.has_connection(remote), listing.cookie(remote)
        is_another = lost and cookie is not None and cookie not in lost
        if live and not is_another and not _is_taken(user, listing.node, remote):
            return "which has its connection"
        if live is None and not listing.has_table:
            return "which does not show its connections"
    return None


def _is_taken(user: User, node: str, remote: Address | None) -> bool:
    """Whether another device of the user is shown over a connection from there."""
    return any(one.remote == remote and node in (one.edge, one.node) for one in user.shown)


def why_dead_behind(user: User, shown: PresenceBinding) -> tuple[str, Assessment]:
    """For a device shown at a registrar that no edge reported: the node that is its edge, by its
    listing or by the Path, and whether the client's connection to it is gone.
    """
    own = _rows_at_edges(user, shown)
    if own and all(connection_ended(user.listings[row.event.node], row) for row in own):
        return own[0].event.node, f"listed at the edge {own[0].event.node}, its connection is gone"
    if own or shown.path is None:
        return shown.node, None
    client, over = received_by_edge(shown.path), _transport_to_edge(shown.path, shown.transport)
    if over is None or not over.is_connection:
        return shown.node, None  # over UDP there is no connection that could end
    nodes = user.edges.of(shown.path, shown.node)
    asked = [user.listings[node] for node in sorted(nodes & user.listings.keys())]
    known = [one for one in asked if one.has_connection(client) is not None]
    if any(one.has_connection(client) for one in known):
        return shown.node, None
    if client is None or not known or len(known) < len(nodes):
        return shown.node, Excuse.EDGE_NOT_ASKED
    return known[0].node, no_connection(known[0], f"{client.ip}:{client.port}")


def _rows_at_edges(user: User, shown: PresenceBinding) -> list[Row]:
    """Rows of the device at edges with a table, by its Call-ID (streams/folds/edges.py)."""
    known = user.known(shown)
    if known is None or known[1].call_id is None:
        return []
    behind = known[1]
    if behind.path is None and behind.source is not Source.FREESWITCH:
        return []
    return [
        row
        for row in user.rows
        if row.event.call_id == behind.call_id
        and row.event.node != shown.node
        and row.event.path is None
        and may_be_edge(row.event)
    ]


def _transport_to_edge(stored: str | None, listed: Transport | None) -> Transport | None:
    """The transport between client and edge by the Path, else the one the registrar reports."""
    found = path.received_transport(stored) if stored is not None else None
    return Transport(found) if found in set(Transport) else listed


def no_connection(listing: Listing, place: str) -> str:
    """A sentence: who of kernel and server does not have a connection from `place`."""
    who = "the server lists" if listing.connections is None else "the kernel has"
    return f"{who} no connection from {place}"
