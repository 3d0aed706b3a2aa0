"""What a fold says of one event: whether state changed, what shows, what must be announced."""

from dataclasses import dataclass
from datetime import datetime

from schemas.internal import ConnectionOwner
from schemas.vocabulary import Cause


@dataclass(slots=True)
class Change:
    """Something subscribers may see, why it happened, and the ids of the events that prove it."""

    cause: Cause
    at: datetime
    evidence: list[str]


@dataclass(slots=True)
class Verdict:
    """`changed`: the session must be written. `change`: presence must be told.

    `fence` names the rule by which an event changed nothing. `owner` must be announced under its
    connection's key.
    """

    changed: bool = False
    change: Change | None = None
    fence: str | None = None
    owner: ConnectionOwner | None = None


def ignored(fence: str) -> Verdict:
    return Verdict(fence=fence)
