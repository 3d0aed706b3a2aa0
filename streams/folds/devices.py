"""Devices: the reachable bindings of a session as presence shows them, one for each device.

Pure. A registrar's binding and the bindings at edges before it are one device. Every fold compares
`shown` before and after an event to decide whether presence is published.
"""

from streams.folds.edges import edges_of, is_part_of
from streams.models import Address, Binding, PresenceBinding, Session


def is_live(binding: Binding) -> bool:
    """Whether the binding's client is reachable, as far as its own sources report."""
    return not (
        binding.ping_lost or binding.edge_lost or binding.registrar_lost or binding.node_lost
    )


def live(session: Session) -> list[tuple[Binding, Binding | None]]:
    """The reachable devices, oldest first: the binding to send to, and its binding at an edge."""
    bindings = session.bindings
    if len(bindings) == 1:
        (binding,) = bindings.values()
        return [(binding, None)] if is_live(binding) else []
    found = []
    for binding in bindings.values():
        # A binding at an edge is part of the device behind it, even if that is not reachable.
        if is_live(binding) and not any(is_part_of(binding, b) for b in bindings.values()):
            before = edges_of(session, binding)
            edge = before[-1] if before else None
            if edge is not None and binding.received not in (None, edge.remote):
                edge = None  # of another connection: the edge has not reported this one yet
            found.append((binding, edge))
    found.sort(key=lambda device: device[0].since)
    return found


def shown(session: Session) -> list[PresenceBinding]:
    """The bindings of the session's presence record."""
    return [_presence_binding(binding, edge) for binding, edge in live(session)]


def _presence_binding(binding: Binding, edge: Binding | None) -> PresenceBinding:
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
        edge=_edge_name(binding, edge),
        path=binding.path,
        registrar=binding.registrar,
        user_agent=binding.user_agent,
        suspect=binding.suspect or (edge is not None and edge.suspect),
        stale=binding.stale or (binding.edge_uncertain if edge is None else edge.stale),
        since=binding.since,
    )


def _edge_name(binding: Binding, edge: Binding | None) -> str | None:
    if edge is not None:
        return edge.node
    return binding.edge_connection.node if binding.edge_connection is not None else None
