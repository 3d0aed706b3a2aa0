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


class Verdict(Struct, gc=False):
    """`changed`: the session must be written. `change`: presence must be told.

    `fence` names the rule by which an event changed nothing. `owner` must be announced under its
    connection's or call's key, and so must `more_owners`.
    """

    changed: bool = False
    change: Change | None = None
    fence: str | None = None
    owner: ConnectionOwner | CallOwner | None = None
    more_owners: list[ConnectionOwner | CallOwner] = []


def ignored(fence: str) -> Verdict:
    return Verdict(fence=fence)


MAX_EVIDENCE = 16


def merged(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict for all that one event ended: subscribers see one change, not one a binding."""
    total = Verdict()
    for verdict in verdicts:
        total.changed |= verdict.changed
        total.fence = total.fence or verdict.fence
        if verdict.owner is not None and total.owner is not None:
            total.more_owners = [*total.more_owners, verdict.owner]
        total.owner = total.owner or verdict.owner
        if verdict.change is None:
            continue
        if total.change is None:
            total.change = verdict.change
        else:
            known = total.change.evidence
            new = [id_ for id_ in verdict.change.evidence if id_ not in known]
            total.change.evidence = [*known, *new][:MAX_EVIDENCE]
            total.change.at = max(total.change.at, verdict.change.at)
    return total
