"""Why a node lists what presence does not show, or the other way round; and what differs.

Pure. Each answer is an Excuse where presence is right, None where both agree, or the words for a
disagreement.
"""

from operate.audit.edge_excuses import no_connection, why_edge_lost
from operate.audit.findings import Excuse, Judgement
from operate.audit.listing import Listing, Row, has_ended
from operate.audit.user import User, identity_of, key_of
from schemas.origin import Address
from schemas.presence import PresenceBinding
from schemas.registration import RegistrationEvent
from schemas.session import Binding, EndedBinding
from schemas.vocabulary import Cause, Transport
from streams.folds.binding_end import is_final
from streams.folds.edges import EDGE


def why_unshown(user: User, row: Row) -> Judgement:
    """Of a row to which no binding shown belongs."""
    event, listing = row.event, user.listings[row.event.node]
    if any(one.edge == event.node and one.remote == event.remote for one in user.shown):
        return None  # the client's side of a device that is shown at the registrar behind
    if event.expires_at is not None and event.expires_at <= listing.at:
        return Excuse.OVERDUE
    if has_ended(listing, row) and not user.comes_through_an_edge(event):
        return Excuse.CONNECTION_ENDED
    known = user.session.bindings.get(key_of(event))
    if known is not None:
        return _why_known_unshown(user, known)
    key = key_of(event)
    grave = user.session.ended.get(key) or user.session.ended.get(f"{key} of {event.call_id}")
    if grave is None:
        return "no event of it was folded"
    if _ended_with_its_connection(grave, event, listing):
        return Excuse.CONNECTION_ENDED
    if _signed_off_behind(user, event):
        return Excuse.DEVICE_ENDED
    return f"ended there: {grave.cause}"


def _why_known_unshown(user: User, known: Binding) -> Judgement:
    if known.node_lost:
        return "the node counts as lost"
    if known.ping_lost:
        return Excuse.PING_LOST
    if known.edge_lost:
        return why_edge_lost(user, known)
    if known.registrar_lost:
        return Excuse.REGISTRAR_LOST  # what a registrar lists of it is judged by itself
    for behind in user.behind(known):
        if user.shows(behind):
            return None  # one of several edges' bindings of it: presence names the newest
        if not behind.node_lost and behind.ping_lost:
            return Excuse.PING_LOST
        if not behind.node_lost and behind.edge_lost:
            return why_edge_lost(user, behind)
    return "its session has it"


def _ended_with_its_connection(
    grave: EndedBinding, event: RegistrationEvent, listing: Listing
) -> bool:
    """Whether what is listed is the binding whose connection ended, and that has not come back."""
    if not is_final(grave):
        over_connection = event.transport is not None and event.transport.is_connection
        if grave.cause is not Cause.NODE_RESTARTED or not over_connection:
            return False
    if None not in (grave.remote, event.remote) and grave.remote != event.remote:
        return False  # registered anew, from elsewhere
    # The kernel's own word against it: that very connection lives.
    return grave.cookie is None or listing.cookie(event.remote) != grave.cookie


def _signed_off_behind(user: User, event: RegistrationEvent) -> bool:
    """Whether the same device unregistered, or was dropped for its silence, behind this edge."""
    return any(
        grave.call_id == event.call_id
        and grave.node != event.node
        and grave.cause in (Cause.UNREGISTERED, Cause.PING_LOST)
        for grave in user.session.ended.values()
        if event.call_id is not None
    )


def why_unlisted(user: User, shown: PresenceBinding) -> Excuse | str:
    """Of a binding shown at a node that does not list it."""
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


def why_unlisted_at_edge(user: User, shown: PresenceBinding) -> Judgement:
    """Of a device shown behind an edge: does the edge list the client?"""
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
        return None  # what it lists are connections, and that shows it there
    if shown.stale:
        return Excuse.STALE
    if known is not None and _is_overdue(user, known, listing):
        return _why_overdue(user, shown, known, listing)
    return f"shown behind this edge at {shown.node}, and not listed here"


def _why_overdue(
    user: User, shown: PresenceBinding, known: Binding, listing: Listing
) -> Excuse | str:
    """Whether the node shows that it only expired: it has its row still, or its connection."""
    if (user.aor, identity_of(known.contact)) in listing.expired:
        return Excuse.OVERDUE
    nearest = user.listings.get(shown.edge or shown.node)
    over = shown.transport is not None and shown.transport.is_connection
    if over and nearest is not None and nearest.lives(shown.remote):
        return Excuse.OVERDUE
    return f"not listed; it was to expire at {known.expires_at:%H:%M:%S}Z"


def _is_overdue(user: User, known: Binding, listing: Listing) -> bool:
    """Whether the registrar may have dropped it by now, and presence need not have yet."""
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
    if any(one.ended for one in own):
        return f"the server has no connection from {_text(shown)}"
    if shown.transport in (None, Transport.UDP) or (shown.path and not shown.edge):
        return None
    live = nearest.lives(shown.remote) if nearest is not None else None
    if nearest is None or live is None:
        return None
    known = user.known(shown)
    if shown.edge is None and known is not None and known[1].transport_claimed:
        return None  # it came over none
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
    """What a binding shown says otherwise than the row of it."""
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
    """The client's address as the row tells it; None where it tells only a proxy's."""
    if event.path is not None:
        return event.received or (None if shown.edge else event.remote)
    return None if shown.edge else event.remote


def _text(shown: PresenceBinding) -> str:
    return f"{shown.remote.ip}:{shown.remote.port}" if shown.remote else "nowhere"
