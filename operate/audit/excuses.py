"""Why a node lists what presence does not show, or the other way round; and in what both differ.

Pure. Each result is an Excuse where presence is right, None where both agree, or a sentence for
the disagreement.
"""

from operate.audit.edge_excuses import no_connection, why_edge_lost
from operate.audit.findings import Assessment, Excuse
from operate.audit.listing import Listing, Row, connection_ended
from operate.audit.user import User, identity_of, key_of
from schemas.origin import Address
from schemas.presence import PresenceBinding
from schemas.registration import RegistrationEvent
from schemas.session import Binding, EndedBinding
from schemas.vocabulary import Cause, Transport
from streams.folds.edges import EDGE
from streams.folds.tombstones import is_final


def why_unshown(user: User, row: Row) -> Assessment:
    """Assess a row to which no shown binding belongs."""
    event, listing = row.event, user.listings[row.event.node]
    if any(one.edge == event.node and one.remote == event.remote for one in user.shown):
        return None  # the client's side of a device that is shown at the registrar behind
    if event.expires_at is not None and event.expires_at <= listing.at:
        return Excuse.OVERDUE
    if connection_ended(listing, row) and not user.comes_through_an_edge(event):
        return Excuse.CONNECTION_ENDED
    known = user.session.bindings.get(key_of(event))
    if known is not None:
        return _why_known_unshown(user, known)
    key = key_of(event)
    tombstone = user.session.ended.get(key) or user.session.ended.get(f"{key} of {event.call_id}")
    if tombstone is None:
        return "no event of it was processed"
    if _ended_with_its_connection(tombstone, event, listing):
        return Excuse.CONNECTION_ENDED
    if _unregistered_behind(user, event):
        return Excuse.DEVICE_ENDED
    return f"ended there: {tombstone.cause}"


def _why_known_unshown(user: User, known: Binding) -> Assessment:
    if known.node_lost:
        return "the node counts as lost"
    if known.ping_lost:
        return Excuse.PING_LOST
    if known.edge_lost:
        return why_edge_lost(user, known)
    if known.registrar_lost:
        return Excuse.REGISTRAR_LOST  # a registrar's row of it is checked on its own
    for behind in user.behind(known):
        if user.shows(behind):
            return None  # one of several edges' bindings of it: presence names the newest
        if not behind.node_lost and behind.ping_lost:
            return Excuse.PING_LOST
        if not behind.node_lost and behind.edge_lost:
            return why_edge_lost(user, behind)
    return "its session has it, presence does not show it"


def _ended_with_its_connection(
    tombstone: EndedBinding, event: RegistrationEvent, listing: Listing
) -> bool:
    """Whether the row is the binding whose connection ended, and has not registered again."""
    if not is_final(tombstone):
        over_connection = event.transport is not None and event.transport.is_connection
        if tombstone.cause is not Cause.NODE_RESTARTED or not over_connection:
            return False
    if None not in (tombstone.remote, event.remote) and tombstone.remote != event.remote:
        return False  # registered again, from another address
    # Unless the kernel still has that very connection.
    return tombstone.cookie is None or listing.cookie(event.remote) != tombstone.cookie


def _unregistered_behind(user: User, event: RegistrationEvent) -> bool:
    """Whether the same device unregistered, or lost its pings, at the registrar behind."""
    return any(
        tombstone.call_id == event.call_id
        and tombstone.node != event.node
        and tombstone.cause in (Cause.UNREGISTERED, Cause.PING_LOST)
        for tombstone in user.session.ended.values()
        if event.call_id is not None
    )


def why_unlisted(user: User, shown: PresenceBinding) -> Excuse | str:
    """Assess a binding shown at a node that does not list it."""
    listing = user.listings[shown.node]
    if shown.registrar == EDGE:
        return Excuse.NO_TABLE
    if listing.profiles is not None and shown.registrar not in listing.profiles:
        return Excuse.PROFILE_LEFT_OUT
    if shown.stale:
        return Excuse.STALE
    known = user.known(shown)
    if known is not None and _is_overdue(user, known[1], listing):
        return _why_overdue(user, shown, known[1], listing)
    return "not listed"


def why_unlisted_at_edge(user: User, shown: PresenceBinding) -> Assessment:
    """Assess a device shown behind an edge: whether the edge lists the client."""
    listing = user.listings.get(shown.edge or "")
    if listing is None or any(
        row.event.node == shown.edge and row.event.remote == shown.remote for row in user.rows
    ):
        return None
    known = user.known_edge(shown)
    if not listing.has_table or (known is not None and known.registrar == EDGE):
        return None  # a proxy has no table to list
    behind = user.known(shown)
    if behind is not None and behind[1].edge_connection is not None:
        return None  # the edge reports connections, and this one is there
    if shown.stale:
        return Excuse.STALE
    if known is not None and _is_overdue(user, known, listing):
        return _why_overdue(user, shown, known, listing)
    return f"shown behind this edge at {shown.node}, and not listed here"


def _why_overdue(
    user: User, shown: PresenceBinding, known: Binding, listing: Listing
) -> Excuse | str:
    """Overdue if the node proves that it only expired: by its row, or by its connection."""
    if (user.aor, identity_of(known.contact)) in listing.expired:
        return Excuse.OVERDUE
    nearest = user.listings.get(shown.edge or shown.node)
    over = shown.transport is not None and shown.transport.is_connection
    if over and nearest is not None and nearest.has_connection(shown.remote):
        return Excuse.OVERDUE
    return f"not listed; its expiry was {known.expires_at:%H:%M:%S}Z"


def _is_overdue(user: User, known: Binding, listing: Listing) -> bool:
    """Whether the registrar may have removed it already, while presence may still show it."""
    due, limits = known.expires_at, user.limits
    return due is not None and (
        due - limits.expiry_tolerance
        <= listing.at
        <= due + limits.expiry_slack + limits.expiry_tolerance
    )


def why_dead(user: User, shown: PresenceBinding, row: Row | None) -> str | None:
    """Whether the client's own connection, over which presence shows it, is known to be gone."""
    nearest = user.listings.get(shown.edge or shown.node)
    own = [
        one
        for one in user.rows
        if shown.edge and one.event.node == shown.edge and one.event.remote == shown.remote
    ]
    if shown.edge is None and row is not None:
        own = [row]
        if user.comes_through_an_edge(row.event):
            return None
    if any(one.disconnected for one in own):
        return f"the server has no connection from {_text(shown)}"
    if shown.transport in (None, Transport.UDP) or (shown.path and not shown.edge):
        return None
    live = nearest.has_connection(shown.remote) if nearest is not None else None
    if nearest is None or live is None:
        return None
    known = user.known(shown)
    if shown.edge is None and known is not None and known[1].transport_claimed:
        return None  # it had no connection when it registered
    if not live:
        return no_connection(nearest, _text(shown))
    cookie = nearest.cookie(shown.remote)
    if cookie is None:
        return None
    held = user.known_edge(shown) if shown.edge else known[1] if known else None
    if held is not None and held.cookie not in (None, cookie):
        return f"the connection from {_text(shown)} is not the one it registered over"
    return None


def differences(user: User, shown: PresenceBinding, row: Row) -> list[str]:
    """How a shown binding differs from its row, as sentences."""
    event, found = row.event, []
    if identity_of(shown.contact) != identity_of(event.contact or ""):
        found.append(f"contact {shown.contact}, listed {event.contact}")
    seen = address_listed(shown, event)
    if seen is not None and seen != shown.remote:
        found.append(f"from {_text(shown)}, listed from {seen.ip}:{seen.port}")
    if shown.registrar != event.registrar:
        found.append(f"registrar {shown.registrar}, listed by {event.registrar}")
    known = user.session.bindings.get(key_of(event))
    if known is not None and known.expires_at is not None and event.expires_at is not None:
        late = (known.expires_at - event.expires_at).total_seconds()
        if abs(late) > user.limits.expiry_tolerance.total_seconds():
            found.append(f"expires {abs(late):.0f} s {'later' if late > 0 else 'earlier'}")
    return found


def address_listed(shown: PresenceBinding, event: RegistrationEvent) -> Address | None:
    """The client's address in the row; None where it has only a proxy's."""
    if event.path is not None:
        return event.received or (None if shown.edge else event.remote)
    return None if shown.edge else event.remote


def _text(shown: PresenceBinding) -> str:
    return f"{shown.remote.ip}:{shown.remote.port}" if shown.remote else "nowhere"
