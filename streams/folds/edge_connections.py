"""Session fold, an edge's listing of its clients' connections, applied to one user.

Pure. An edge without a location table cannot list who registered while its producer was away, but
it can list its clients' connections. They decide about the edge's own bindings here, and are joined
with registrars' bindings that no edge reported (streams/folds/edge_join.py).
"""

from schemas.vocabulary import Cause, Transport
from streams.folds import edges
from streams.folds.binding_end import end_binding
from streams.folds.edge_join import is_unreported, join
from streams.folds.edge_listings import EdgeListing
from streams.folds.ordering import is_newer
from streams.folds.outcome import FoldResult, merged
from streams.models import Binding, Session


def fold_connections(session: Session, listing: EdgeListing) -> FoldResult:
    """Apply an edge's listing to this session's user."""
    own = [key for key, binding in session.bindings.items() if _is_gone(binding, listing)]
    results = [_end_own(session, key, listing) for key in own]
    results += [_rename(binding, listing) for binding in session.bindings.values()]
    results += [
        join(session, key, behind, listing)
        for key, behind in list(session.bindings.items())
        if is_unreported(session, behind, listing)
    ]
    return merged(results)


def _is_gone(binding: Binding, listing: EdgeListing) -> bool:
    """Whether it is the edge's own binding, and its connection has ended by the listing."""
    event, remote = listing.event, binding.remote
    if (
        binding.node != event.node
        or not edges.is_at_pure_proxy(binding)
        or binding.transport in (None, Transport.UDP)
        or remote is None
        or not is_newer(event, binding.boot, binding.seq, binding.confirmed_at)
    ):
        return False
    return not listing.has(remote, binding.cookie)


def _end_own(session: Session, key: str, listing: EdgeListing) -> FoldResult:
    result = end_binding(session, key, listing.event, Cause.CONNECTION_CLOSED)
    session.ended[key].connection_gone = True
    return result


def _rename(binding: Binding, listing: EdgeListing) -> FoldResult:
    """Take over the listing's process if it has the very connection of a binding that was reported
    under the name of the process before."""
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
