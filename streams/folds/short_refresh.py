"""Session fold, short refreshes: whether a REGISTER only renews a binding, and shows nothing new.

Pure. Nearly every event in life is such a REGISTER. It is kept as a small record
(streams/folds/refresh.py), and `lay` makes of it the session that streams/folds/registration.py
would have made of the event. Whatever is not surely a refresh takes the ordinary rules.
"""

from datetime import UTC

from schemas.vocabulary import RegistrationKind, Transport
from streams.folds import devices, edges
from streams.folds.connection_owner import OWNER_RENEWAL
from streams.folds.ordering import binding_key
from streams.folds.refresh import Refresh, expiry, made_of, renewed
from streams.folds.tombstones import connection_key
from streams.models import Binding, NodeState, RegistrationEvent, Session

_REGISTERS = frozenset({RegistrationKind.REGISTERED, RegistrationKind.REFRESHED})


def short_refresh(
    session: Session,
    event: RegistrationEvent,
    node: NodeState | None = None,
    laid: Refresh | None = None,
) -> Refresh | None:
    """The record of `event` over `session`; None if the ordinary rules decide.

    `node` is the state of the event's node, where one is known. `laid`: the refresh over the
    session, where one is not applied to it yet.
    """
    if event.kind not in _REGISTERS or event.binding is None or len(session.bindings) != 1:
        return None
    key = binding_key(event.node, event.binding)
    known = session.bindings.get(key)
    if (
        known is None
        or not _is_same(known, event)
        or not _is_unmarked(known)
        or not _is_later(session, known, laid, event)
        or not _is_announced(known, event)
        or (node is not None and not _is_well(node, event.boot))
        or (session.ended and _concerns_ended(session, key, event))
    ):
        return None
    return made_of(event, session.batch, known.opened_by)


def _is_same(known: Binding, event: RegistrationEvent) -> bool:
    """Whether the event shows the binding as it is known, on the same connection."""
    return (
        known.boot == event.boot
        and known.call_id == event.call_id
        and known.contact == event.contact
        and known.remote == event.remote
        and known.cookie == event.cookie
        and known.transport is event.transport
        and known.transport_claimed == event.transport_claimed
        and known.registrar == event.registrar
        and known.user_agent == event.user_agent
        and known.path == event.path
        and known.received == event.received
        and known.source is event.source
        and known.contact_form is event.contact_form
    )


def _is_unmarked(known: Binding) -> bool:
    """Whether the binding has no mark that a REGISTER would take away."""
    return devices.is_live(known) and not (
        known.suspect
        or known.stale
        or known.edge_uncertain
        or known.ping_seq
        or known.closing is not None
        or known.edge_connection is not None
    )


def _is_later(
    session: Session, known: Binding, laid: Refresh | None, event: RegistrationEvent
) -> bool:
    """Whether the event is newer, and the binding's timer is not due earlier than before.

    Times are kept in UTC; another zone would be written differently.
    """
    seq, expires_at = known.seq, known.expires_at
    if laid is not None and renewed(session, laid) is not None:
        seq, expires_at = laid.seq, expiry(laid)
    if event.seq <= seq or event.at.tzinfo is not UTC:
        return False
    if event.expires_at is None or expires_at is None:
        return event.expires_at is expires_at
    return event.expires_at.tzinfo is UTC and expires_at <= event.expires_at


def _is_announced(known: Binding, event: RegistrationEvent) -> bool:
    """Whether the binding's connection has no owner, or one that was announced lately."""
    if event.remote is None or event.transport is Transport.UDP or event.path is not None:
        return True
    return known.owned_at is not None and event.at - known.owned_at < OWNER_RENEWAL


def _is_well(node: NodeState, boot: str) -> bool:
    """Whether the node runs the event's process, as far as is known."""
    return node.boot == boot and not (node.down or node.lost or node.stale)


def _concerns_ended(session: Session, key: str, event: RegistrationEvent) -> bool:
    """Whether a tombstone is of this binding, of its connection, or of its device elsewhere."""
    return (
        key in session.ended
        or (event.remote is not None and connection_key(key, event.remote) in session.ended)
        or edges.is_joined(session, event.node, event.call_id)
    )
