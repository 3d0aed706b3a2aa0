"""Session fold, registrations of clients at an edge whose connections were listed before.

Pure. A registrar's report and the edge's listing come in either order. They are joined when the
second of them comes, and make the same session (streams/folds/edge_join.py).
"""

from collections.abc import Collection

from streams.folds import devices, edge_reports
from streams.folds.edge_join import is_not_listed, is_unreported, join
from streams.folds.edge_listings import EdgeListing
from streams.folds.ordering import binding_key
from streams.folds.outcome import FoldResult, merged
from streams.folds.registration import fold_registration
from streams.models import Binding, RegistrationEvent, Session


def fold_listed_before(
    session: Session,
    event: RegistrationEvent,
    listings: Collection[EdgeListing],
    complete: Collection[str],
) -> FoldResult:
    """Apply a registrar's report, then each edge's newest listing if it is of after the report.

    `complete`: the edges none of whose own reports since that listing are missing.
    """
    before = devices.shown(session)
    reported = fold_registration(session, event)
    key = binding_key(event.node, event.binding or "")
    behind = session.bindings.get(key)
    if not reported.changed or behind is None:
        return reported
    if event.snapshot is not None and behind.opened_by != event.id:
        return reported  # it was joined when it began, or with the listing
    joined = [
        _join(session, key, behind, listing, is_complete=listing.event.node in complete)
        for listing in listings
        if is_unreported(session, behind, listing)
    ]
    result = merged([reported, *joined])
    if before == devices.shown(session):
        result.change = None
    return result


def _join(
    session: Session, key: str, behind: Binding, listing: EdgeListing, *, is_complete: bool
) -> FoldResult:
    if behind.registered_at is not None:
        if behind.registered_at <= listing.event.at or _is_listed_later(session, behind, listing):
            return join(session, key, behind, listing)
        return FoldResult()
    if not is_complete:
        return FoldResult()
    if is_not_listed(behind, listing):
        # It registered before the listing and has gone, or after it: then the edge reports it.
        behind.edge_lost = True
        return FoldResult(changed=True)
    return join(session, key, behind, listing)


def _is_listed_later(session: Session, behind: Binding, listing: EdgeListing) -> bool:
    """Whether the listing is of after the REGISTER, although the two clocks show the opposite."""
    remote = behind.received
    if remote is None:
        return False
    cookie = listing.connections.get((remote.ip, remote.port))
    return edge_reports.was_reported_before(session, behind, listing.event.node, cookie)
