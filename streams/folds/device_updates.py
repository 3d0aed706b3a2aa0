"""Device updates: what a binding's confirmation or end changes in the device's other bindings.

Pure. Called for devices with bindings on several nodes (edges.is_joined) when one of them has been
confirmed (streams/folds/binding_confirm.py) or has ended (streams/folds/binding_end.py).
"""

from datetime import datetime

from schemas.vocabulary import Cause
from streams.folds.edge_loss import is_cut_off, recheck_behind
from streams.folds.edges import (
    EDGE,
    EDGE_TOLERANCE,
    NODE_ENDS,
    is_at_pure_proxy,
    is_edge_of,
    is_part_of,
)
from streams.models import Binding, RegistrationEvent, Session

# After these at the registrar the client is gone: its binding at the edge ends too.
_DEVICE_ENDS = frozenset({Cause.UNREGISTERED, Cause.PING_LOST})
# After these only the registration is gone: a location table of the edge's own may still hold it.
_REGISTRATION_ENDS = frozenset(
    {Cause.EXPIRED, Cause.ADMINISTRATIVE, Cause.MISSING_FROM_SNAPSHOT, Cause.REPLACED}
)


def apply_confirmation(
    session: Session, old: Binding | None, new: Binding, event: RegistrationEvent
) -> None:
    """`event` made `new` of `old`: mark what is cut off, and what has a registrar again."""
    new.edge_lost = is_cut_off(session, old, new, event)
    new.registrar_lost = _has_lost_registrar(session, new)
    for edge in session.bindings.values():
        if is_part_of(edge, new):
            edge.registrar_lost = False
    recheck_behind(session, new)


def apply_end(session: Session, ended: Binding, cause: Cause, at: datetime) -> list[str]:
    """Cut off the bindings behind `ended`; return the keys of bindings at edges that end with it.

    A binding that the edge has confirmed since `at` is of a later REGISTER, and stays.
    """
    recheck_behind(session, ended)
    if cause in NODE_ENDS:
        _lose_registrar(session, ended, at)
    if cause in _DEVICE_ENDS:
        found = [(k, b) for k, b in session.bindings.items() if is_edge_of(b, ended)]
    elif cause in _REGISTRATION_ENDS:
        found = [
            (k, b)
            for k, b in session.bindings.items()
            if b.registrar == EDGE
            and is_edge_of(b, ended)
            # Else the edge has reported a later REGISTER that the registrar has not reported yet.
            and b.confirmed_at <= ended.confirmed_at + EDGE_TOLERANCE
        ]
    else:
        return []
    return [k for k, b in found if b.confirmed_at < at and _is_only_of(session, b, ended)]


def _is_only_of(session: Session, edge: Binding, ended: Binding) -> bool:
    """Whether no other binding is behind the edge: one Call-ID may have several bindings."""
    return edge.remote == ended.received or not any(
        is_edge_of(edge, behind) for behind in session.bindings.values()
    )


def _lose_registrar(session: Session, ended: Binding, at: datetime) -> None:
    """Mark the bindings at edges whose registrar has ended: the edge alone reaches nobody."""
    for edge in session.bindings.values():
        if is_edge_of(edge, ended):
            edge.registrar_lost = _ended_with_registrar(edge, at)


def _has_lost_registrar(session: Session, edge: Binding) -> bool:
    """Whether a registrar behind the edge has ended. A binding at another one is shown itself."""
    return any(
        tombstone.cause in NODE_ENDS
        and is_edge_of(edge, tombstone)
        and _ended_with_registrar(edge, tombstone.at)
        for tombstone in session.ended.values()
    )


def _ended_with_registrar(edge: Binding, at: datetime) -> bool:
    """Whether nothing shows that a registrar has answered since the registrar's end at `at`.

    A proxy without a location table reports what a registrar answered. A mid-registrar answers by
    itself, so its report shows nothing.
    """
    return not is_at_pure_proxy(edge) or edge.confirmed_at <= at + EDGE_TOLERANCE
