"""Edges: which binding at a proxy belongs to which registrar's binding behind it.

Pure. One REGISTER that passes an edge (a proxy or mid-registrar) makes two bindings of one device,
with the same AOR and Call-ID (RFC 3261 §10.2; a proxied REGISTER keeps them), whatever the edge
does to the Contact. The client's connection ends at the edge. Here and in the modules that use
this one, `edge` is the binding at the edge, and `behind` the registrar's binding.
"""

from datetime import timedelta

from schemas.vocabulary import Cause, Source
from streams.models import Binding, EndedBinding, RegistrationEvent, Session

EDGE = "edge"  # the registrar of a proxy without a location table (docs/opensips.md)
# SOCKETS: the end of a client's connection to an edge that did not report the REGISTER
# (binding_end.cut_off).
_PROXIES = frozenset({Source.OPENSIPS, Source.KAMAILIO, Source.SOCKETS})
# A registrar may report a REGISTER this long after its edge reported the end of the connection,
# because of the delays of two sources and the clocks of two nodes.
EDGE_TOLERANCE = timedelta(seconds=30)
# The node's process has ended: at an edge with all connections, at a registrar with all bindings,
# whether each end was reported or not.
NODE_ENDS = frozenset({Cause.NODE_RESTARTED, Cause.NODE_LOST})


def may_be_edge(binding: Binding | EndedBinding | RegistrationEvent) -> bool:
    """Whether the binding is at a proxy. (A FreeSWITCH profile may also be called `edge`.)"""
    return binding.source in _PROXIES


def is_at_pure_proxy(binding: Binding | EndedBinding | RegistrationEvent) -> bool:
    """Whether it is at a proxy without a location table: no registrar, so never behind an edge."""
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
        and not is_at_pure_proxy(behind)
        and (
            is_at_pure_proxy(edge) or behind.path is not None or behind.source is Source.FREESWITCH
        )
    )


def is_part_of(edge: Binding, behind: Binding) -> bool:
    """Whether `edge` is on the client's connection that `behind`'s Path names, if it names one."""
    return is_edge_of(edge, behind) and behind.received in (None, edge.remote)


def is_joined(session: Session, node: str, call_id: str | None) -> bool:
    """Whether other nodes have, or had, bindings of this Call-ID: the rules for edges apply."""
    for binding in session.bindings.values():
        if binding.call_id == call_id and binding.node != node:
            return True
    return any(t.call_id == call_id and t.node != node for t in session.ended.values())


def edges_of(session: Session, behind: Binding) -> list[Binding]:
    """The device's bindings at live edges; the one that presence shows is the last."""
    found = [
        edge
        for edge in session.bindings.values()
        if is_edge_of(edge, behind) and not edge.node_lost
    ]
    return sorted(found, key=lambda edge: (edge.remote == behind.received, edge.since))


def ended_edges_of(session: Session, behind: Binding) -> list[EndedBinding]:
    """The tombstones of the device's bindings at edges."""
    return [tombstone for tombstone in session.ended.values() if is_edge_of(tombstone, behind)]


def is_behind_edge(session: Session, binding: Binding) -> bool:
    """Whether the connection that the registrar sees is a proxy's: its end is not the client's."""
    return binding.path is not None or bool(edges_of(session, binding))


def survived_restart(tombstone: EndedBinding, cookie: int | None) -> bool:
    """Whether the binding that a restart ended is on a connection that lives in the next process.

    Its REGISTER was reported under the name of the process before (OpenSIPS does that while MI
    does not answer). The kernel gives each connection its own cookie.
    """
    return (
        tombstone.cause is Cause.NODE_RESTARTED
        and cookie is not None
        and cookie == tombstone.cookie
    )
