"""What is told of a user: the events that mattered, what they changed, what was ignored."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.vocabulary import Cause, Status
from streams.models import EndedBinding, Session

# What is kept of a long history; the counts go on.
MAX_STEPS = 200
MAX_EXAMPLES = 3
MAX_TOLD = 1000
# Marks of a binding that is kept and not shown.
OUT_OF_REACH = frozenset({"ping-lost", "edge-lost", "registrar-lost", "node-lost"})


class What(StrEnum):
    """What one event changed in the user's session."""

    OPENED = "binding-opened"
    MOVED = "binding-moved"  # its client registered over another connection
    FLAGGED = "binding-marked"  # kept, but as `detail` says: ping-lost, suspect, stale, ...
    CLEARED = "binding-cleared"  # no longer so
    ENDED = "binding-ended"
    REMEMBERED = "end-remembered"  # of a binding that was not known
    CERTAIN = "end-certain"  # it had only been inferred
    CALL = "call"  # `detail`: the leg's state
    CALL_LOST = "call-out-of-reach"
    CALL_BACK = "call-back"
    CALL_ENDED = "call-ended"
    MEDIA_LOST = "media-lost"
    MEDIA_BACK = "media-back"


@dataclass(slots=True, kw_only=True)
class Told:
    """One record of the log. `at`: by its node's clock; `produced`: when it came to Kafka."""

    id: str
    kind: str
    source: str
    node: str
    at: datetime
    produced: datetime


@dataclass(slots=True, kw_only=True)
class Effect:
    """One thing that changed. `subject`: the binding's key or the leg; `where`: its connection."""

    what: What
    subject: str
    detail: str | None = None
    where: str | None = None


@dataclass(slots=True, kw_only=True)
class Mark:
    """Since when a binding that is kept is out of reach, and by what. `mark`: `edge-lost`, ..."""

    mark: str
    at: datetime
    told: Told | None


@dataclass(slots=True, kw_only=True)
class End:
    """How a binding ended, as it was decided then: what is reported of it later changes nothing.

    `at` is the event's time. `known`: the binding was there before; else only its end is known.
    `lost`: it had been out of reach before.
    """

    end: EndedBinding
    at: datetime
    told: Told | None
    known: bool
    lost: Mark | None = None


@dataclass(slots=True, kw_only=True)
class Shown:
    """One presence record that followed."""

    status: Status
    reachable: bool
    cause: Cause
    at: datetime
    bindings: int
    evidence: list[str]


@dataclass(slots=True, kw_only=True)
class Step:
    """Something that mattered, at a moment of the worker's clock. `by` None: time alone."""

    at: datetime
    by: Told | None
    effects: list[Effect]
    shown: list[Shown]


@dataclass(slots=True, kw_only=True)
class Counted:
    """Events of one kind that changed nothing; `examples` are the last of them.

    `reason` is the fence's name; None for those that only confirmed what was known. `why` is what
    an unreadable record's fault was.
    """

    kind: str
    reason: str | None
    why: str | None = None
    count: int = 0
    examples: list[Told] = field(default_factory=list)

    def add(self, told: Told) -> None:
        self.count += 1
        self.examples = [*self.examples, told][-MAX_EXAMPLES:]


@dataclass(slots=True)
class Account:
    """Of one user. Bounded, however long the log: `omitted` steps came before the first kept."""

    records: int = 0
    omitted: int = 0
    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=MAX_STEPS))
    told: dict[str, Told] = field(default_factory=dict)
    counted: dict[tuple[str, str | None], Counted] = field(default_factory=dict)
    ends: dict[str, End] = field(default_factory=dict)
    lost: dict[str, Mark] = field(default_factory=dict)

    def note(self, step: Step) -> None:
        """It changed something."""
        self.omitted += len(self.steps) == MAX_STEPS
        self.steps.append(step)

    def count(self, told: Told, reason: str | None, why: str | None = None) -> None:
        """It changed nothing."""
        found = self.counted.setdefault(
            (told.kind, reason), Counted(kind=told.kind, reason=reason, why=why)
        )
        found.why = why
        found.add(told)

    def follow(self, effects: Iterable[Effect], told: Told | None, session: Session) -> None:
        """Keep how each binding ended, of those whose ends the session remembers."""
        for effect in effects:
            key, grave = effect.subject, session.ended.get(effect.subject)
            match effect.what:
                case What.OPENED:
                    self.ends.pop(key, None)
                    self.lost.pop(key, None)
                case What.FLAGGED if effect.detail in OUT_OF_REACH and told is not None:
                    mark = Mark(mark=effect.detail, at=told.at, told=told)
                    self.lost.setdefault(key, mark)
                case What.CLEARED if effect.detail in OUT_OF_REACH:
                    if (lost := self.lost.get(key)) is not None and lost.mark == effect.detail:
                        del self.lost[key]
                case What.ENDED | What.REMEMBERED | What.CERTAIN if grave is not None:
                    self._end(effect, grave, told)
        self.ends = {key: end for key, end in self.ends.items() if key in session.ended}

    def _end(self, effect: Effect, grave: EndedBinding, told: Told | None) -> None:
        key, before = effect.subject, self.ends.get(effect.subject)
        by = told if told is not None and told.id == grave.event else None
        self.ends[key] = End(
            end=grave,
            at=by.at if by is not None else grave.at,
            told=told,
            known=effect.what is not What.REMEMBERED,
            lost=before.lost if before is not None else self.lost.pop(key, None),
        )

    def remember(self, told: Told, needed: Iterable[str]) -> None:
        """Keep the record for what names it as its proof; of too many only those `needed`."""
        self.told[told.id] = told
        if len(self.told) > MAX_TOLD:
            kept = {*needed, told.id}
            self.told = {id_: one for id_, one in self.told.items() if id_ in kept}
