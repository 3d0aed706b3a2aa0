"""From a presence record to where a call is sent: routes in order, each in its ready forms (pure).

Best first: bindings that nothing speaks against; then stale ones, whose nodes' events may be
missing and which most probably are still there; then suspect ones, whose peer stopped
acknowledging. Of equals those of the asking node come first, then the newest registration. The dial
string of them all has the best kind only: a suspect device would ring nowhere, and delay the call.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from schemas.presence import Presence, PresenceBinding
from schemas.vocabulary import Transport
from sinks.gateway.routing import dial_string
from sinks.gateway.routing.addresses import Addresses


@dataclass(slots=True, kw_only=True)
class Route:
    """One binding, and how a call gets there through its node."""

    node: Annotated[str, Field(description="The node that sends the call to the device.")]
    is_local: Annotated[bool, Field(description="Whether that is the asking node itself.")]
    edge: Annotated[str | None, Field(description="The edge before the node.")]
    path: Annotated[
        str | None,
        Field(description="Through which edge the node sends (RFC 3327); null: also not granted."),
    ]
    registrar: Annotated[str | None, Field(description="Profile or location table on the node.")]
    contact: Annotated[
        str | None,
        Field(description="As the registrar stores it, unescaped; null: not granted."),
    ]
    transport: Transport | None
    suspect: bool
    stale: bool
    since: datetime
    uri: Annotated[str, Field(description="The Request-URI: the user's AOR.")]
    next_hop: Annotated[
        str | None,
        Field(description="Where to send it (`$du`); null: local, or the address is not known."),
    ]
    route: Annotated[str | None, Field(description="The same as the value of a Route header.")]
    dial_string: Annotated[
        str | None, Field(description="FreeSWITCH dial string, escaped; null: as `next_hop`.")
    ]


@dataclass(slots=True, kw_only=True)
class Routing:
    """A reachable user's routes, best first."""

    aor: str
    version: Annotated[int, Field(description="Of the presence record.")]
    routes: list[Route]
    next_hops: Annotated[
        list[str],
        Field(
            description="Where all routes that are as good as the first go, each node once; "
            "empty: the first is local, or no address is known."
        ),
    ]
    dial_string: Annotated[
        str | None,
        Field(
            description="FreeSWITCH: all routes that are as good as the first at once, each node "
            "once; null: no address of a node is known."
        ),
    ]


def routing_of(
    presence: Presence, addresses: Addresses, *, profile: str, asking: str | None = None
) -> Routing:
    """The routes of a record. `profile`: of the calling switch; `asking`: the node that asks."""
    order = sorted(
        presence.bindings, key=lambda one: (_rank(one), one.node != asking, -_age_key(one))
    )
    routes = [_route(presence.aor, one, addresses, profile, asking) for one in order]
    ranked = [(_rank(one), route) for one, route in zip(order, routes, strict=True)]
    usable = [(rank, route) for rank, route in ranked if route.next_hop or route.dial_string]
    best = [route for rank, route in usable if rank == usable[0][0]]
    hops = dict.fromkeys(route.next_hop for route in best if route.next_hop)
    dialled = [route.dial_string for route in best if route.dial_string]
    return Routing(
        aor=presence.aor,
        version=presence.version,
        routes=routes,
        next_hops=list(hops),
        dial_string=dial_string.at_once(dialled) if dialled else None,
    )


def _rank(binding: PresenceBinding) -> int:
    return 2 * binding.suspect + binding.stale


def _age_key(binding: PresenceBinding) -> float:
    return binding.since.timestamp()


def _route(
    aor: str, binding: PresenceBinding, addresses: Addresses, profile: str, asking: str | None
) -> Route:
    is_local = binding.node == asking
    hop = None if is_local else addresses.find(binding.node, binding.registrar)
    if is_local:
        dial = dial_string.local(aor)
    else:
        dial = dial_string.through(aor, hop, profile) if hop is not None else None
    return Route(
        node=binding.node,
        is_local=is_local,
        edge=binding.edge,
        path=binding.path,
        registrar=binding.registrar,
        contact=binding.contact,
        transport=binding.transport,
        suspect=binding.suspect,
        stale=binding.stale,
        since=binding.since,
        uri=aor,
        next_hop=hop.uri if hop is not None else None,
        route=hop.route if hop is not None else None,
        dial_string=dial,
    )
