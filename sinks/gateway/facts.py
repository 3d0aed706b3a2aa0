"""What users are listed and counted by: status, reachability and nodes of a record (pure).

Few combinations exist, so that all records with the same facts share one object.
"""

from dataclasses import dataclass
from enum import StrEnum

from schemas.presence import Presence, PresenceBinding
from schemas.vocabulary import Status

# More combinations than real clusters have: past that they are forgotten, and made again.
_KEPT = 10_000


class Confidence(StrEnum):
    """How sure it is that the user's best binding is reachable."""

    SURE = "sure"
    SUSPECT = "suspect"  # its peer stopped acknowledging
    STALE = "stale"  # events of its node may be missing: not known


@dataclass(frozen=True, slots=True)
class Facts:
    """`nodes`: where the user's bindings are, sorted; empty for a user without any. `edges`: those
    before them."""

    status: Status
    reachable: bool
    nodes: tuple[str, ...]
    edges: tuple[str, ...] = ()
    confidence: Confidence = Confidence.SURE


_Key = tuple[Status, bool, tuple[str, ...], tuple[str, ...], Confidence]
# Of what is no record.
NO_FACTS = Facts(Status.OFFLINE, False, ())
_known: dict[_Key, Facts] = {}


def facts_of(presence: Presence) -> Facts:
    """The facts of a record."""
    bindings = presence.bindings
    nodes = (
        (bindings[0].node,)
        if len(bindings) == 1
        else tuple(sorted({binding.node for binding in bindings}))
    )
    edges = tuple(sorted({one.edge for one in bindings if one.edge is not None}))
    key = (presence.status, presence.reachable, nodes, edges, confidence_of(bindings))
    if (facts := _known.get(key)) is None:
        if len(_known) >= _KEPT:
            _known.clear()
        facts = _known[key] = Facts(*key)
    return facts


def confidence_of(bindings: list[PresenceBinding]) -> Confidence:
    """That of the best binding. A user without any is certainly not reachable."""
    if not bindings or any(not (one.stale or one.suspect) for one in bindings):
        return Confidence.SURE
    if any(not one.stale for one in bindings):
        return Confidence.SUSPECT
    return Confidence.STALE
