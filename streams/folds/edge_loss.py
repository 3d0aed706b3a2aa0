"""Edge loss: whether a registrar's binding is cut off because its client's edge binding ended.

Pure. A binding behind an edge is reachable only while the client's connection at the edge lives;
`edge_lost` marks a binding that is cut off. It stays marked while registrars list the binding.
"""

from schemas.vocabulary import Cause
from streams.folds.edge_reports import is_reported
from streams.folds.edges import (
    EDGE_TOLERANCE,
    NODE_ENDS,
    edges_of,
    ended_edges_of,
    is_edge_of,
    survived_restart,
)
from streams.models import Address, Binding, EndedBinding, RegistrationEvent, Session


def recheck(session: Session, behind: Binding) -> None:
    """Mark the binding as cut off, or as reachable again."""
    behind.edge_lost = not _has_edge(session, behind, cut_off=behind.edge_lost)


def recheck_behind(session: Session, edge: Binding | EndedBinding) -> None:
    """The binding at an edge was confirmed or has ended: recheck the bindings behind it."""
    for behind in session.bindings.values():
        if is_edge_of(edge, behind):
            recheck(session, behind)


def apply_edge_silence(session: Session, behind: Binding, *, lost: bool) -> None:
    """The edge whose listing shows the client's connection is lost, or is back."""
    if lost:
        behind.edge_lost = not is_reported(session, behind)
    else:
        recheck(session, behind)


def is_cut_off(
    session: Session, old: Binding | None, new: Binding, event: RegistrationEvent
) -> bool:
    """Whether the binding is cut off that `event` made of `old`."""
    known = old if old is not None and old.call_id == new.call_id else None
    was_cut_off = known is not None and known.edge_lost
    listed = event.snapshot is not None
    if _has_edge(session, new, cut_off=listed and was_cut_off):
        return False
    ended = ended_edges_of(session, new)
    if known is not None and not was_cut_off and known.received == new.received:
        return False
    if listed:
        # Registrars list bindings of dead clients: a listing proves nothing about the edge.
        return was_cut_off or bool(ended)
    return any(_ends_registration(tombstone, new) for tombstone in ended)


def _ends_registration(tombstone: EndedBinding, new: Binding) -> bool:
    """Whether the registrar reports late what has ended at the edge.

    The REGISTER may have come over another connection since, unless the edge reported a later one.
    """
    if new.received is not None and new.received != tombstone.remote:
        return not _ended_before(tombstone, new)
    return new.confirmed_at <= tombstone.at + EDGE_TOLERANCE


def _has_edge(session: Session, behind: Binding, *, cut_off: bool) -> bool:
    """Whether a binding of the device at an edge lives, and is not known to be of another
    connection.

    One Call-ID may come through several edges, or over several connections to one (RFC 5626 §4.2).
    If the Path names the client's address, the binding from that address decides, once the edge has
    reported one. A binding that is `cut_off` needs that very one.
    """
    living = edges_of(session, behind)
    if behind.received is None:
        return bool(living)
    if any(edge.remote == behind.received for edge in living):
        return True
    ended = ended_edges_of(session, behind)
    if _is_connected(behind, ended):
        return True
    if cut_off or any(tombstone.remote == behind.received for tombstone in ended):
        return False
    return bool(living) or _has_moved(session, behind, behind.received, ended)


def _is_connected(behind: Binding, ended: list[EndedBinding]) -> bool:
    """Whether a listing of the edge showed the client's connection, and no later end is known."""
    known = behind.edge_connection
    return known is not None and not any(
        tombstone.node == known.node
        and tombstone.remote == behind.received
        and known.at <= tombstone.at
        and tombstone.cause is not Cause.EXPIRED
        and not survived_restart(tombstone, known.cookie)
        for tombstone in ended
    )


def _has_moved(session: Session, behind: Binding, to: Address, ended: list[EndedBinding]) -> bool:
    """Whether the client has registered again from another port since its connection ended.

    Its edge is live and has not reported that yet. The host must be the same: another address may
    be one that no edge ever reports.
    """
    if any(is_edge_of(silent, behind) for silent in session.bindings.values()):
        return False
    return all(
        tombstone.remote is not None
        and tombstone.remote.ip == to.ip
        and _ended_before(tombstone, behind)
        for tombstone in ended
    )


def _ended_before(tombstone: EndedBinding, behind: Binding) -> bool:
    """Whether the registrar reports a later REGISTER than the last one that the edge reported."""
    last = tombstone.at if tombstone.cause in NODE_ENDS else tombstone.last_at
    return last is not None and last < behind.confirmed_at
