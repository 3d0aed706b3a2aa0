"""What edges show of the clients behind which a registrar has bindings: proof, or the lack of it.

Pure. A registrar lists the dead, and its own connection is the proxy's: only the edge's listing, or
the kernel there, tells whether the client is there.
"""

from operate.audit.findings import Excuse, Judgement
from operate.audit.listing import Listing, Row, has_ended
from operate.audit.user import User
from producers.uri_addresses import received_by_edge, received_uri, transport_of
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
            return f"its session says that {node} lost it, and {node} was not asked"
        if why := _why_not_lost(user, behind, listing, [one for one in named if one.node == node]):
            return f"its session says that {node} lost it, {why}"
    return Excuse.EDGE_LOST if nodes else "its session says that an edge lost it: which one?"


def _why_not_lost(
    user: User, behind: Binding, listing: Listing, named: list[Binding | EndedBinding]
) -> str | None:
    """What at the edge `listing` is of speaks against it, or that nothing speaks for it."""
    rows = [row for row in user.rows if row.event.node == listing.node]
    if any(row.event.call_id == behind.call_id and not has_ended(listing, row) for row in rows):
        return "which lists it"
    ended = [one for one in named if isinstance(one, EndedBinding)]
    lost = {one.cookie for one in ended} - {None}
    over = _transport_behind(behind.path, behind.transport)
    is_connection = lost or any(one.connection_gone for one in ended)
    if not is_connection and (over is None or not over.is_connection):
        return None if listing.has_table else "which shows nothing of clients over UDP"
    remotes = [one.remote for one in named]
    if behind.received is not None:
        remotes = [behind.received]
    if not remotes and not listing.has_table:
        return "and nothing says from where it came"
    for remote in remotes:
        live, cookie = listing.lives(remote), listing.cookie(remote)
        is_another = lost and cookie is not None and cookie not in lost
        if live and not is_another and not _is_taken(user, listing.node, remote):
            return "which has its connection"
        if live is None and not listing.has_table:
            return "which does not show its connections"
    return None


def _is_taken(user: User, node: str, remote: Address | None) -> bool:
    """Whether another device of the user is shown over a connection from there."""
    return any(one.remote == remote and node in (one.edge, one.node) for one in user.shown)


def why_dead_behind(user: User, shown: PresenceBinding) -> tuple[str, Judgement]:
    """Of a device shown at a registrar, of which no edge reported: the node of its edge, by what
    that lists or by the Path, and whether that has the client's connection.
    """
    own = _rows_at_edges(user, shown)
    if own and all(has_ended(user.listings[row.event.node], row) for row in own):
        return own[0].event.node, f"listed at the edge {own[0].event.node}, its connection is gone"
    if own or shown.path is None:
        return shown.node, None
    client, over = received_by_edge(shown.path), _transport_behind(shown.path, shown.transport)
    if over is None or not over.is_connection:
        return shown.node, None  # over UDP there is nothing that could end
    nodes = user.edges.of(shown.path, shown.node)
    asked = [user.listings[node] for node in sorted(nodes & user.listings.keys())]
    known = [one for one in asked if one.lives(client) is not None]
    if any(one.lives(client) for one in known):
        return shown.node, None
    if client is None or not known or len(known) < len(nodes):
        return shown.node, Excuse.EDGE_NOT_ASKED
    return known[0].node, no_connection(known[0], f"{client.ip}:{client.port}")


def _rows_at_edges(user: User, shown: PresenceBinding) -> list[Row]:
    """What edges with a location table list of the device: one Call-ID (streams/folds/edges.py)."""
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


def _transport_behind(path: str | None, listed: Transport | None) -> Transport | None:
    """Over what the client came to its edge, as the Path says; else what the registrar says."""
    received = received_uri(path)
    named = transport_of(received) if received is not None else Transport.UDP
    return named if named is not Transport.UDP else listed


def no_connection(listing: Listing, place: str) -> str:
    who = "the server lists" if listing.connections is None else "the kernel has"
    return f"{who} no connection from {place}"
