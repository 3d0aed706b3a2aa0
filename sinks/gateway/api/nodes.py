"""`/v1/nodes`: the SIP nodes, how they are, when they were last heard from, and their users."""

from dataclasses import field
from datetime import datetime
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from schemas.codec import encode
from schemas.vocabulary import Source, Status
from sinks.gateway.api.call import JSON, Answer, Call, Operation
from sinks.gateway.api.scoped import ScopedUsers
from sinks.gateway.facts import Facts
from sinks.gateway.gateway import Gateway
from sinks.gateway.nodes.known import Condition, KnownNode

_LEASED = (Condition.UP, Condition.UNCERTAIN, Condition.STALE)


@dataclass
class NodeUsers:
    """The users whom the token shows with bindings on a node; of all nodes: all of them."""

    total: int = 0
    reachable: int = 0
    by_status: Annotated[dict[Status, int], Field(description="Statuses that some have.")] = field(
        default_factory=dict
    )

    def add(self, facts: Facts, count: int) -> None:
        """Add users with the same facts."""
        self.total += count
        self.reachable += count if facts.reachable else 0
        self.by_status[facts.status] = self.by_status.get(facts.status, 0) + count


@dataclass
class Node:
    """One SIP node."""

    node: str
    condition: Annotated[Condition, Field(description="The worst that holds.")]
    source: Annotated[Source | None, Field(description="What kind of server reports it.")]
    version: Annotated[str | None, Field(description="Of the server, where it reports it.")]
    boot: Annotated[str | None, Field(description="Identity of its process.")]
    heard_at: Annotated[
        datetime | None, Field(description="When its last event was written to Kafka.")
    ]
    lease_ends_at: Annotated[
        datetime | None,
        Field(description="When it is lost unless it is heard from; null: it has no lease."),
    ]
    changed_at: Annotated[
        datetime | None, Field(description="Of its condition, by the streams' clock.")
    ]
    listed_at: Annotated[
        datetime | None, Field(description="Of its last complete listing, by its own clock.")
    ]
    users: NodeUsers


@dataclass
class Nodes:
    """All nodes in order of their names, and the users of all."""

    nodes: list[Node]
    users: NodeUsers


async def _nodes(call: Call) -> Answer:
    """A token that does not show everybody shows the nodes of its own users."""
    scope = call.identity.scope
    everybody, by_node = NodeUsers(), dict[str, NodeUsers]()
    for facts, count in ScopedUsers(call.gateway, scope).counts().items():
        everybody.add(facts, count)
        for name in facts.nodes:
            by_node.setdefault(name, NodeUsers()).add(facts, count)
    known = call.gateway.nodes.by_name
    names = set(by_node) | (set(known) if scope.everybody else set())
    nodes = [
        _node(name, known.get(name, KnownNode()), by_node.get(name, NodeUsers()), call.gateway)
        for name in sorted(names)
    ]
    return Answer(encode(Nodes(nodes, everybody)))


def _node(name: str, known: KnownNode, users: NodeUsers, gateway: Gateway) -> Node:
    state = known.state
    lease_ends = None
    if known.heard is not None and known.condition in _LEASED:
        lease_ends = known.heard + gateway.node_lease
    return Node(
        node=name,
        condition=known.condition,
        source=known.source,
        version=known.version,
        boot=state.boot if state else None,
        heard_at=known.heard,
        lease_ends_at=lease_ends,
        changed_at=state.changed if state else None,
        listed_at=state.listed_at if state else None,
        users=users,
    )


NODES = Operation(
    method="GET",
    path="/v1/nodes",
    name="listNodes",
    summary="The SIP nodes: how they are, their leases, and how many users they have.",
    handler=_nodes,
    answers={JSON: Nodes},
)
