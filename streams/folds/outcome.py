"""Outcomes: what a fold returns for one event, to be written, published and announced.

Pure. streams/batches/open_sessions.py makes records of them.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from schemas.fences import Fence
from schemas.vocabulary import Cause
from streams.models import CallOwner, ConnectionOwner

MAX_EVIDENCE = 16


class Change(Struct, gc=False):
    """A change that subscribers may see, its cause, and the ids of the events that prove it."""

    cause: Cause
    at: datetime
    evidence: list[str]


class FoldResult(Struct, gc=False):
    """What one event changed in a session.

    `changed`: the session must be written. `change`: presence must be published. `fence`: the rule
    by which the event itself changed nothing. `owner` and `more_owners` must be announced under
    the key of their connection or call.
    """

    changed: bool = False
    change: Change | None = None
    fence: Fence | None = None
    owner: ConnectionOwner | CallOwner | None = None
    more_owners: list[ConnectionOwner | CallOwner] = []


def rejected(fence: Fence) -> FoldResult:
    """The result for an event that changes nothing."""
    return FoldResult(fence=fence)


def merged(results: Iterable[FoldResult]) -> FoldResult:
    """One result for all that one event changed: subscribers see one change, not one a binding."""
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
