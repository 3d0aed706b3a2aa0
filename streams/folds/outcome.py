"""What a fold says of one event: whether state changed, what shows, what must be announced."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from schemas.vocabulary import Cause
from streams.models import CallOwner, ConnectionOwner


class Change(Struct, gc=False):
    """Something subscribers may see, why it happened, and the ids of the events that prove it."""

    cause: Cause
    at: datetime
    evidence: list[str]


class FoldResult(Struct, gc=False):
    """`changed`: the session must be written. `change`: presence must be told.

    `fence` names the rule by which an event changed nothing. `owner` must be announced under its
    connection's or call's key, and so must `more_owners`.
    """

    changed: bool = False
    change: Change | None = None
    fence: str | None = None
    owner: ConnectionOwner | CallOwner | None = None
    more_owners: list[ConnectionOwner | CallOwner] = []


def rejected(fence: str) -> FoldResult:
    return FoldResult(fence=fence)


MAX_EVIDENCE = 16


def merged(results: Iterable[FoldResult]) -> FoldResult:
    """One result for all that one event ended: subscribers see one change, not one a binding."""
    total = FoldResult()
    for result in results:
        total.changed |= result.changed
        total.fence = total.fence or result.fence
        if result.owner is not None and total.owner is not None:
            total.more_owners = [*total.more_owners, result.owner]
        total.owner = total.owner or result.owner
        if result.change is None:
            continue
        if total.change is None:
            total.change = result.change
        else:
            known = total.change.evidence
            new = [id_ for id_ in result.change.evidence if id_ not in known]
            total.change.evidence = [*known, *new][:MAX_EVIDENCE]
            total.change.at = max(total.change.at, result.change.at)
    return total
