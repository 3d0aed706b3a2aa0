"""Devices: a binding at an edge and the registrar's binding behind it are one, and shown as one.

Pure. One REGISTER that passes an edge (a proxy or mid-registrar) makes both: same AOR and Call-ID
(RFC 3261 §10.2; a proxied REGISTER keeps them), whatever happens to the Contact. The client's
connection ends at the edge, so the one behind is reachable only while an edge's binding lives.
"""

from datetime import datetime, timedelta

from schemas.vocabulary import Cause, Source
from streams.folds.ordering import ANSWER_TOLERANCE, LISTING_LAG
from streams.models import (
    Address,
    Binding,
    EndedBinding,
    Event,
    PresenceBinding,
    RegistrationEvent,
    Session,
)

EDGE = "edge"  # the registrar of a proxy that keeps no location table (docs/opensips.md)
# A kernel's own report of a binding is of a connection to an edge that did not report it itself
# (streams/folds/edge_connections.py).
_PROXIES = frozenset({Source.OPENSIPS, Source.KAMAILIO, Source.SOCKETS})
# A registrar may speak of a REGISTER this much after its edge spoke of the connection's end: the
# queues of two sources, and the clocks of two nodes.
EDGE_TOLERANCE = timedelta(seconds=30)
# After these at the registrar the device is gone; what its edge has of it is a remainder.
_DEVICE_ENDS = frozenset({Cause.UNREGISTERED, Cause.PING_LOST})
_REGISTRATION_ENDS = frozenset(
    {Cause.EXPIRED, Cause.ADMINISTRATIVE, Cause.MISSING_FROM_SNAPSHOT, Cause.REPLACED}
)
# With these at the edge all its connections have ended, told of or not; at a registrar all that it
# was asked to hold.
NODE_ENDS = frozenset({Cause.NODE_RESTARTED, Cause.NODE_LOST})


def may_be_edge(binding: Binding | EndedBinding | RegistrationEvent) -> bool:
    """Whether others may be behind it. (A FreeSWITCH profile may be called `edge` too.)"""
    return binding.source in _PROXIES


def keeps_nothing(binding: Binding | EndedBinding | RegistrationEvent) -> bool:
    """Whether a proxy without a location table tells of it: no registrar, so behind no edge."""
    return binding.registrar == EDGE and may_be_edge(binding)


def is_edge_of(
    edge: Binding | EndedBinding, behind: Binding | EndedBinding | RegistrationEvent
) -> bool:
    """Whether `edge` is the same device's binding at an edge before `behind`'s registrar."""
    return (
        edge.call_id == behind.call_id
        and edge.call_id is not None
        and edge.node != behind.node
        and edge.path is None
        and may_be_edge(edge)
        and not keeps_nothing(behind)
        and (keeps_nothing(edge) or behind.path is not None or behind.source is Source.FREESWITCH)
    )


def is_joined(session: Session, node: str, call_id: str | None) -> bool:
    """Whether other nodes have, or had, bindings of this Call-ID: the rules here are needed."""
    for binding in session.bindings.values():
        if binding.call_id == call_id and binding.node != node:
            return True
    return any(g.call_id == call_id and g.node != node for g in session.ended.values())


def edges(session: Session, behind: Binding) -> list[Binding]:
    """The live edges' bindings of the device, the one that is shown last."""
    found = [
        edge
        for edge in session.bindings.values()
        if is_edge_of(edge, behind) and not edge.node_lost
    ]
    return sorted(found, key=lambda edge: (edge.remote == behind.received, edge.since))


def _is_held(session: Session, behind: Binding, *, cut_off: bool) -> bool:
    """Whether an edge's binding of the device lives, and it is not known to be another one's.

    One Call-ID may have come through several edges, or over several connections of one (RFC 5626
    §4.2). Where the Path tells the client's address, the edge's binding from there counts, once it
    is known to have been there. What is `cut_off` needs that very one.
    """
    living = edges(session, behind)
    if behind.received is None:
        return bool(living)
    if any(edge.remote == behind.received for edge in living):
        return True
    gone = [tombstone for tombstone in session.ended.values() if is_edge_of(tombstone, behind)]
    if _is_connected(behind, gone):
        return True
    if cut_off or any(tombstone.remote == behind.received for tombstone in gone):
        return False
    return bool(living) or _has_moved_on(session, behind, behind.received, gone)


def _is_connected(behind: Binding, gone: list[EndedBinding]) -> bool:
    """Whether a listing of the edge's connections showed its client's, which lives still."""
    known = behind.edge_connection
    return known is not None and not any(
        tombstone.node == known.node
        and tombstone.remote == behind.received
        and known.at <= tombstone.at
        and tombstone.cause is not Cause.EXPIRED
        and not survived_restart(tombstone, known.cookie)
        for tombstone in gone
    )


def is_reported(session: Session, behind: Binding) -> bool:
    """Whether an edge has itself reported the registrar's last REGISTER over the client's
    connection that the Path names."""
    since = behind.registered_at
    return any(
        edge.remote == behind.received
        and (since is None or since < edge.confirmed_at + ANSWER_TOLERANCE)
        for edge in edges(session, behind)
    )


def was_lost_there(session: Session, behind: Binding, listing: Event, cookie: int | None) -> bool:
    """Whether the connection that the binding was on has ended since the listing that shows one
    there, or what it shows is another's."""
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
        for tombstone in session.ended.values()
        if is_edge_of(tombstone, behind)
    )


def survived_restart(tombstone: EndedBinding, cookie: int | None) -> bool:
    """Whether what ended with its node's process is on a connection that lives: the next one's.

    Its REGISTER was reported under the name of the process before (OpenSIPS, while MI does not
    answer). A kernel gives each connection its own cookie.
    """
    return (
        tombstone.cause is Cause.NODE_RESTARTED
        and cookie is not None
        and cookie == tombstone.cookie
    )


def was_reported_before(session: Session, behind: Binding, node: str, cookie: int | None) -> bool:
    """Whether the edge reported it over this very connection, under the name of a process before
    the one that has the connection."""
    return any(
        tombstone.node == node
        and tombstone.remote == behind.received
        and is_edge_of(tombstone, behind)
        and survived_restart(tombstone, cookie)
        for tombstone in session.ended.values()
    )


def superseded(session: Session, behind: Binding) -> list[str]:
    """The keys of the edge's bindings that the client left for the connection that was listed.

    The edge would have moved them there, had its report of the REGISTER not been lost.
    """
    known = behind.edge_connection
    return [
        key
        for key, edge in session.bindings.items()
        if known is not None
        and edge.node == known.node
        and keeps_nothing(edge)
        and is_edge_of(edge, behind)
        and _is_left(edge, behind)
        and not any(_is_part_of(edge, other) for other in session.bindings.values())
    ]


def _is_left(edge: Binding, behind: Binding) -> bool:
    """Whether what the registrar has is a later REGISTER than the edge's last report.

    Two clocks decide where more lies between than they are apart. Else the registrar's table does:
    it has the last REGISTER, and has been listed, or changed, since both.
    """
    since = behind.registered_at
    if since is None or since + ANSWER_TOLERANCE <= edge.confirmed_at:
        return False
    return (
        edge.confirmed_at + ANSWER_TOLERANCE <= since
        or edge.confirmed_at + LISTING_LAG < behind.confirmed_at
    )


def connect(session: Session, behind: Binding) -> None:
    """A listing shows its client's connection: is it still cut off?"""
    behind.edge_lost = not _is_held(session, behind, cut_off=behind.edge_lost)


def follow_silence(session: Session, behind: Binding, *, lost: bool) -> None:
    """The edge that its client's connection was listed at is not heard, or is again."""
    if lost:
        behind.edge_lost = not is_reported(session, behind)
    else:
        connect(session, behind)


def _has_moved_on(session: Session, behind: Binding, to: Address, gone: list[EndedBinding]) -> bool:
    """Whether it has registered since from another port of the client whose connection ended.

    Its edge has not told of that yet, and is not silent. The host must be the same, or the address
    may be one that no edge ever names.
    """
    if any(is_edge_of(silent, behind) for silent in session.bindings.values()):
        return False
    return all(
        tombstone.remote is not None
        and tombstone.remote.ip == to.ip
        and _ended_before(tombstone, behind)
        for tombstone in gone
    )


def _ended_before(tombstone: EndedBinding, behind: Binding) -> bool:
    """Whether the registrar tells of a later REGISTER than the last one the edge told of."""
    last = tombstone.at if tombstone.cause in NODE_ENDS else tombstone.last_at
    return last is not None and last < behind.confirmed_at


def hangs_on_an_edge(session: Session, binding: Binding) -> bool:
    """Whether the connection the registrar sees is a proxy's, so that its end says nothing."""
    return binding.path is not None or bool(edges(session, binding))


def arrive(session: Session, old: Binding | None, new: Binding, event: RegistrationEvent) -> None:
    """A binding was confirmed: is its edge alive, and for whom is it the edge?"""
    new.edge_lost = _is_cut_off(session, old, new, event)
    new.registrar_lost = _has_no_registrar(session, new)
    for edge in session.bindings.values():
        if edge.registrar_lost and _is_part_of(edge, new):
            edge.registrar_lost = False
    follow(session, new)


def _has_no_registrar(session: Session, edge: Binding) -> bool:
    """Whether the registrar behind it has ended since. Another that has the device is shown."""
    return any(
        tombstone.cause in NODE_ENDS
        and is_edge_of(edge, tombstone)
        and _went_with_it(edge, tombstone.at)
        for tombstone in session.ended.values()
    )


def _went_with_it(edge: Binding, at: datetime) -> bool:
    """Whether nothing shows that a registrar has answered since its end at `at`.

    A proxy without a location table reports what a registrar answered. A mid-registrar answers by
    itself, and shows nothing.
    """
    return not keeps_nothing(edge) or edge.confirmed_at <= at + EDGE_TOLERANCE


def follow(session: Session, edge: Binding | EndedBinding) -> None:
    """The binding is there, lost, or there again: are those behind it cut off?"""
    for behind in session.bindings.values():
        if is_edge_of(edge, behind):
            behind.edge_lost = not _is_held(session, behind, cut_off=behind.edge_lost)


def _is_cut_off(
    session: Session, old: Binding | None, new: Binding, event: RegistrationEvent
) -> bool:
    known = old if old is not None and old.call_id == new.call_id else None
    was_cut_off = known is not None and known.edge_lost
    listed = event.snapshot is not None
    if _is_held(session, new, cut_off=listed and was_cut_off):
        return False
    lost = [tombstone for tombstone in session.ended.values() if is_edge_of(tombstone, new)]
    if known is not None and not was_cut_off and known.received == new.received:
        return False
    if listed:
        # Registrars list the dead: a listing proves nothing about the edge.
        return was_cut_off or bool(lost)
    return any(_ends_registration(tombstone, new) for tombstone in lost)


def _ends_registration(tombstone: EndedBinding, new: Binding) -> bool:
    """Whether what ended at the edge is what the registrar tells of only now.

    It may have come over another connection since, unless the edge told of a later one.
    """
    if new.received is not None and new.received != tombstone.remote:
        return not _ended_before(tombstone, new)
    return new.confirmed_at <= tombstone.at + EDGE_TOLERANCE


def depart(session: Session, gone: Binding, cause: Cause, at: datetime) -> list[str]:
    """A binding has ended: cut off those behind it; the keys of edges' bindings that go with it.

    What the edge confirmed since `at` is of a later REGISTER; of this one the edge tells as well.
    """
    follow(session, gone)
    if cause in NODE_ENDS:
        _lose_registrar(session, gone, at)
    if cause in _DEVICE_ENDS:
        leaving = [(k, b) for k, b in session.bindings.items() if is_edge_of(b, gone)]
    elif cause in _REGISTRATION_ENDS:
        leaving = [
            (k, b)
            for k, b in session.bindings.items()
            if b.registrar == EDGE
            and is_edge_of(b, gone)
            # Else the edge knows of a later REGISTER, of which the registrar's word is missing.
            and b.confirmed_at <= gone.confirmed_at + EDGE_TOLERANCE
        ]
    else:
        return []
    return [k for k, b in leaving if b.confirmed_at < at and _is_only_of(session, b, gone)]


def _lose_registrar(session: Session, gone: Binding, at: datetime) -> None:
    """Nobody is reached through the edge alone whose registrar has ended."""
    for edge in session.bindings.values():
        if is_edge_of(edge, gone):
            edge.registrar_lost = _went_with_it(edge, at)


def _is_only_of(session: Session, edge: Binding, gone: Binding) -> bool:
    """Whether what is at the edge was for `gone` only: one Call-ID may have several bindings."""
    return edge.remote == gone.received or not any(
        is_edge_of(edge, behind) for behind in session.bindings.values()
    )


def is_live(binding: Binding) -> bool:
    """Whether the binding's client can be reached, as far as its own sources tell."""
    return not (
        binding.ping_lost or binding.edge_lost or binding.registrar_lost or binding.node_lost
    )


def live(session: Session) -> list[tuple[Binding, Binding | None]]:
    """The reachable devices, oldest first: the binding to send to, and the edge's before it."""
    bindings = session.bindings
    if len(bindings) == 1:
        (binding,) = bindings.values()
        return [(binding, None)] if is_live(binding) else []
    found = []
    for binding in bindings.values():
        # An edge's binding is part of the device behind it, even of one that does not answer.
        if is_live(binding) and not any(_is_part_of(binding, b) for b in bindings.values()):
            before = edges(session, binding)
            edge = before[-1] if before else None
            if edge is not None and binding.received not in (None, edge.remote):
                edge = None  # another connection's: its own is not told yet
            found.append((binding, edge))
    found.sort(key=lambda device: device[0].since)
    return found


def _is_part_of(edge: Binding, behind: Binding) -> bool:
    return is_edge_of(edge, behind) and behind.received in (None, edge.remote)


def shown(session: Session) -> list[PresenceBinding]:
    """What subscribers see of the devices."""
    return [_shown(binding, edge) for binding, edge in live(session)]


def _edge_shown(binding: Binding, edge: Binding | None) -> str | None:
    if edge is not None:
        return edge.node
    return binding.edge_connection.node if binding.edge_connection is not None else None


def _shown(binding: Binding, edge: Binding | None) -> PresenceBinding:
    remote: Address | None
    if edge is not None:
        transport, remote = edge.transport, edge.remote
    elif binding.path is not None:
        transport, remote = binding.transport, binding.received or binding.remote
    else:
        transport, remote = binding.transport, binding.remote
    return PresenceBinding(
        node=binding.node,
        contact=binding.contact,
        contact_form=binding.contact_form,
        transport=transport,
        remote=remote,
        edge=_edge_shown(binding, edge),
        path=binding.path,
        registrar=binding.registrar,
        user_agent=binding.user_agent,
        suspect=binding.suspect or (edge is not None and edge.suspect),
        stale=binding.stale or (binding.edge_uncertain if edge is None else edge.stale),
        since=binding.since,
    )
