"""What the log shows of one user: which events changed something, what they changed, how bindings
ended, and which events changed nothing.

Filled by `refolding` while it folds the log, read by `assembly`.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec import field as named

from schemas.vocabulary import Cause, Status
from streams.models import EndedBinding, Session

# Bounds for a long history; the counters have none.
MAX_STEPS = 200
MAX_EXAMPLES = 3
MAX_EVENTS = 1000
# Marks of a binding that is kept and not published.
UNREACHABLE = frozenset({"ping-lost", "edge-lost", "registrar-lost", "node-lost"})


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


@dataclass(slots=True)
class Narrative:
    """The history of one user, bounded however long the log is.

    `omitted` counts the steps before the first that is kept.
    """

    records: int = 0
    omitted: int = 0
    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=MAX_STEPS))
    events: dict[str, ReportedEvent] = field(default_factory=dict)
    counted: dict[tuple[str, str | None], Counted] = field(default_factory=dict)
    ends: dict[str, End] = field(default_factory=dict)
    lost: dict[str, Mark] = field(default_factory=dict)

    def add_step(self, step: Step) -> None:
        """Add an event or a timer that changed something."""
        self.omitted += len(self.steps) == MAX_STEPS
        self.steps.append(step)

    def count(self, event: ReportedEvent, reason: str | None, why: str | None = None) -> None:
        """Count an event that changed nothing."""
        found = self.counted.setdefault(
            (event.kind, reason), Counted(kind=event.kind, reason=reason, why=why)
        )
        found.why = why
        found.add(event)

    def track_ends(
        self, effects: Iterable[Effect], event: ReportedEvent | None, session: Session
    ) -> None:
        """Record how each binding ended, for the ends that the session still remembers."""
        for effect in effects:
            key, tombstone = effect.subject, session.ended.get(effect.subject)
            match effect.what:
                case What.OPENED:
                    self.ends.pop(key, None)
                    self.lost.pop(key, None)
                case What.FLAGGED if effect.detail in UNREACHABLE and event is not None:
                    mark = Mark(mark=effect.detail, at=event.at, event=event)
                    self.lost.setdefault(key, mark)
                case What.CLEARED if effect.detail in UNREACHABLE:
                    if (lost := self.lost.get(key)) is not None and lost.mark == effect.detail:
                        del self.lost[key]
                case What.ENDED | What.REMEMBERED | What.CERTAIN if tombstone is not None:
                    self._end(effect, tombstone, event)
        self.ends = {key: end for key, end in self.ends.items() if key in session.ended}

    def _end(self, effect: Effect, tombstone: EndedBinding, event: ReportedEvent | None) -> None:
        key, before = effect.subject, self.ends.get(effect.subject)
        by = event if event is not None and event.id == tombstone.event else None
        self.ends[key] = End(
            end=tombstone,
            at=by.at if by is not None else tombstone.at,
            event=event,
            known=effect.what is not What.REMEMBERED,
            lost=before.lost if before is not None else self.lost.pop(key, None),
        )

    def keep(self, event: ReportedEvent, needed: Iterable[str]) -> None:
        """Keep an event, so that whatever names its id can show it.

        Above MAX_EVENTS only those with an id in `needed` are kept.
        """
        self.events[event.id] = event
        if len(self.events) > MAX_EVENTS:
            kept = {*needed, event.id}
            self.events = {id_: one for id_, one in self.events.items() if id_ in kept}
