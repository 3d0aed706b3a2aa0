"""The parts of a narrative: events of the log, their effects, steps, ends and counts."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec import field as named

from schemas.vocabulary import Cause, Status
from streams.models import EndedBinding

# Examples that a count keeps.
MAX_EXAMPLES = 3


class What(StrEnum):
    """What one event changed in the user's session."""

    OPENED = "binding-opened"
    MOVED = "binding-moved"  # its client registered over another connection
    FLAGGED = "binding-marked"  # `detail` is the mark: ping-lost, suspect, stale, ...
    CLEARED = "binding-cleared"  # the mark in `detail` no longer holds
    ENDED = "binding-ended"
    REMEMBERED = "end-remembered"  # the end of a binding that was not known
    CERTAIN = "end-certain"  # an inferred end is now proved
    CALL = "call"  # `detail` is the leg's state
    CALL_LOST = "call-out-of-reach"
    CALL_BACK = "call-back"
    CALL_ENDED = "call-ended"
    MEDIA_LOST = "media-lost"
    MEDIA_BACK = "media-back"


@dataclass(slots=True, kw_only=True)
class ReportedEvent:
    """One record of the log. `at` is by its node's clock; `produced` is when Kafka received it."""

    id: str
    kind: str
    source: str
    node: str
    at: datetime
    produced: datetime


@dataclass(slots=True, kw_only=True)
class Effect:
    """One thing that changed. `subject` is the binding's key or the leg, `where` its connection."""

    what: What
    subject: str
    detail: str | None = None
    where: str | None = None


class Mark(Struct, kw_only=True):
    """Since when a kept binding is unreachable, and by which event. `mark`: `edge-lost`, ..."""

    mark: str
    at: datetime
    event: ReportedEvent | None = named(name="told")


@dataclass(slots=True, kw_only=True)
class End:
    """How a binding ended, as it was decided then: later reports of it change nothing here.

    `at` is the event's time. `known` means that the binding was there before; otherwise only its
    end is known. `lost` is set where it was unreachable before it ended.
    """

    end: EndedBinding
    at: datetime
    event: ReportedEvent | None
    known: bool
    lost: Mark | None = None


@dataclass(slots=True, kw_only=True)
class Shown:
    """One presence record that a step published."""

    status: Status
    reachable: bool
    cause: Cause
    at: datetime
    bindings: int
    evidence: list[str]


@dataclass(slots=True, kw_only=True)
class Step:
    """One change, at a time of the worker's clock. `by` is None where a timer made it."""

    at: datetime
    by: ReportedEvent | None
    effects: list[Effect]
    shown: list[Shown]


@dataclass(slots=True, kw_only=True)
class Counted:
    """Events of one kind that changed nothing; `examples` are the last of them.

    `reason` is the fence's name, None for events that only confirmed what was known. `why` is the
    fault of a record that could not be read.
    """

    kind: str
    reason: str | None
    why: str | None = None
    count: int = 0
    examples: list[ReportedEvent] = field(default_factory=list)

    def add(self, event: ReportedEvent) -> None:
        """Count the event, and keep it among the examples."""
        self.count += 1
        self.examples = [*self.examples, event][-MAX_EXAMPLES:]
