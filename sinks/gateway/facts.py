"""What users are listed and counted by: status, reachability and nodes of a record (pure).

Few combinations exist, so that all records with the same facts share one object.
"""

from dataclasses import dataclass

from schemas.presence import Presence
from schemas.vocabulary import Status

# More combinations than real clusters have: past that they are forgotten, and made again.
_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Facts:
    """`nodes`: where the user's bindings are, sorted; empty for a user without any."""

    status: Status
    reachable: bool
    nodes: tuple[str, ...]


# Of what is no record.
NO_FACTS = Facts(Status.OFFLINE, False, ())
_known: dict[tuple[Status, bool, tuple[str, ...]], Facts] = {}


def facts_of(presence: Presence) -> Facts:
    """The facts of a record."""
    bindings = presence.bindings
    nodes = (
        (bindings[0].node,)
        if len(bindings) == 1
        else tuple(sorted({binding.node for binding in bindings}))
    )
    key = (presence.status, presence.reachable, nodes)
    if (facts := _known.get(key)) is None:
        if len(_known) >= _KEPT:
            _known.clear()
        facts = _known[key] = Facts(*key)
    return facts
