"""What a comparison finds: disagreements, each of a named kind, and what rightly differs."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Kind(StrEnum):
    """How presence and a node disagree."""

    MISSING = "missing"  # the node lists a binding that presence does not show there
    PHANTOM = "phantom"  # presence shows a binding at the node, which does not list it
    WRONG_NODE = "wrong-node"  # presence shows it, but at another node than lists it
    DIFFERENT = "different"  # both have it, with another contact, address, registrar or expiry
    DEAD_CONNECTION = "dead-connection"  # presence shows it over a connection that has ended
    UNREADABLE = "unreadable"  # the node lists a row that no record can be made of: a dead letter


class Excuse(StrEnum):
    """Why a difference from a listing is none to report (docs/operations.md).

    Presence is right, or nobody who was asked can say: `UNCHECKED`.
    """

    CONNECTION_ENDED = "connection-ended"  # listed until it expires; its connection is gone
    PING_LOST = "ping-lost"  # listed, but it no longer answers OPTIONS
    EDGE_LOST = "edge-lost"  # listed behind an edge, which shows that it has lost the client
    REGISTRAR_LOST = "registrar-lost"  # listed at an edge alone: the registrar behind has ended
    DEVICE_ENDED = "device-ended"  # listed at an edge, but it signed off at the registrar behind
    OVERDUE = "overdue"  # it has just expired, as the node itself shows
    STALE = "stale"  # presence itself says that it is not certain
    NO_TABLE = "no-table"  # shown at a proxy, which has nothing to list
    EDGE_NOT_ASKED = "edge-not-asked"  # shown behind an edge whose connections are not known here
    PROFILE_LEFT_OUT = "profile-left-out"  # freeswitch.profiles does not name its profile


# Presence is right, both agree, or the words for a disagreement.
Judgement = Excuse | str | None
UNCHECKED = frozenset(
    {Excuse.STALE, Excuse.NO_TABLE, Excuse.EDGE_NOT_ASKED, Excuse.PROFILE_LEFT_OUT}
)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One binding that presence and `node` tell differently; `detail` is for people."""

    kind: Kind
    node: str
    aor: str
    contact: str
    detail: str

    @property
    def identity(self) -> tuple[Kind, str, str, str]:
        """The same again at a second look is the same disagreement."""
        return self.kind, self.node, self.aor, self.contact


@dataclass(slots=True)
class Findings:
    """Of one comparison. `bindings` were listed, of `users` either side knows."""

    bindings: Counter[str] = field(default_factory=Counter)  # by node
    users: int = 0
    disagreements: list[Disagreement] = field(default_factory=list)
    excused: Counter[Excuse] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Limits:
    """`expiry_slack`: how long after its expiry presence may show a binding."""

    expiry_tolerance: timedelta
    expiry_slack: timedelta
