"""The result of a comparison: disagreements by kind, and differences in which presence is right."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Kind(StrEnum):
    """How presence and a node disagree."""

    MISSING = "missing"  # the node lists a binding that presence does not show there
    PHANTOM = "phantom"  # presence shows a binding at the node, which does not list it
    WRONG_NODE = "wrong-node"  # presence shows it, but at another node than the one that lists it
    DIFFERENT = "different"  # both have it, with another contact, address, registrar or expiry
    DEAD_CONNECTION = "dead-connection"  # presence shows it over a connection that has ended
    UNREADABLE = "unreadable"  # the node lists a row that does not fit a record: a dead letter


class Excuse(StrEnum):
    """Why a difference from a listing is not reported (docs/operations.md).

    Either presence is right, or the nodes that were asked cannot show it (`UNCHECKED`).
    """

    CONNECTION_ENDED = "connection-ended"  # listed until it expires; its connection is gone
    PING_LOST = "ping-lost"  # listed, but it no longer answers OPTIONS
    EDGE_LOST = "edge-lost"  # listed behind an edge that has demonstrably lost the client
    REGISTRAR_LOST = "registrar-lost"  # listed only at an edge: the registrar behind has ended
    DEVICE_ENDED = "device-ended"  # listed at an edge, but unregistered at the registrar behind
    OVERDUE = "overdue"  # it has just expired, as the node itself shows
    STALE = "stale"  # presence itself marks it as uncertain
    NO_TABLE = "no-table"  # shown at a proxy, which has no location table
    EDGE_NOT_ASKED = "edge-not-asked"  # shown behind an edge whose connections are not known
    PROFILE_LEFT_OUT = "profile-left-out"  # freeswitch.profiles does not name its profile


# An excuse where presence is right, None where both agree, a sentence where they disagree.
Assessment = Excuse | str | None
UNCHECKED = frozenset(
    {Excuse.STALE, Excuse.NO_TABLE, Excuse.EDGE_NOT_ASKED, Excuse.PROFILE_LEFT_OUT}
)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One binding in which presence and `node` differ; `detail` is a sentence for people."""

    kind: Kind
    node: str
    aor: str
    contact: str
    detail: str

    @property
    def identity(self) -> tuple[Kind, str, str, str]:
        """Equal for the same disagreement found in another pass."""
        return self.kind, self.node, self.aor, self.contact


@dataclass(slots=True)
class Findings:
    """The result of one comparison: `bindings` listed, and `users` known to either side."""

    bindings: Counter[str] = field(default_factory=Counter)  # by node
    users: int = 0
    disagreements: list[Disagreement] = field(default_factory=list)
    excused: Counter[Excuse] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Limits:
    """Tolerances; for `expiry_slack` after its expiry presence may still show a binding."""

    expiry_tolerance: timedelta
    expiry_slack: timedelta
